"""Network namespaces: a small internet of its own, that only root can make.

    clients --veth-- gateway (with the router) --veth-- internet (with the upstreams)

Nothing of it touches the machine's own network. Names are in a hosts file of each namespace.
"""

import contextlib
import itertools
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Self

_numbers = itertools.count(1)
_ETC = Path("/etc/netns")


@cache
def why_not() -> str:
    """Why network namespaces cannot be made here; empty where they can."""
    if os.geteuid() != 0:
        return "network namespaces need root: run the tests with sudo to include these"
    for tool in ("ip", "nft", "nsenter"):
        if shutil.which(tool) is None:
            return f"network namespaces need {tool}"
    probe = f"sw-probe-{os.getpid()}"
    try:
        sh("ip", "netns", "add", probe)
    except AssertionError as e:
        return f"network namespaces cannot be made here: {e}"
    try:
        sh("nsenter", f"--net=/run/netns/{probe}", "nft", "add", "table", "inet", "probe")
    except AssertionError as e:
        return f"nftables does not work here: {e}"
    finally:
        sh("ip", "netns", "del", probe)
    return ""


def sh(*command: str, stdin: str = "") -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr or done.stdout}"
    return done.stdout


class Namespace:
    """One network namespace, with its own /etc/hosts."""

    def __init__(self, role: str) -> None:
        self.name = f"sw-{role}-{os.getpid()}-{next(_numbers)}"

    def make(self, hosts: Mapping[str, str]) -> None:
        etc = _ETC / self.name
        etc.mkdir(parents=True)
        lines = ["127.0.0.1 localhost", *(f"{ip} {name}" for name, ip in hosts.items())]
        (etc / "hosts").write_text("\n".join(lines) + "\n")
        (etc / "resolv.conf").write_text("")
        sh("ip", "netns", "add", self.name)
        self.sh("ip", "link", "set", "lo", "up")

    def remove(self) -> None:
        with contextlib.suppress(AssertionError):
            sh("ip", "netns", "del", self.name)
        shutil.rmtree(_ETC / self.name, ignore_errors=True)

    def command(self, *command: str) -> list[str]:
        """A command within the namespace, as `ip netns exec` would run it: by itself, it would
        also replace /sys, which cgroups are in."""
        return ["ip", "netns", "exec", self.name, *command]

    def sh(self, *command: str, stdin: str = "") -> str:
        return sh(*self.command(*command), stdin=stdin)

    def do[T](self, action: Callable[[], T]) -> T:
        """What an action comes to in a thread that is in the namespace: a socket made there stays
        there."""
        result: list[T] = []

        def enter() -> None:
            with open(f"/run/netns/{self.name}") as place:
                os.setns(place.fileno(), os.CLONE_NEWNET)
            result.append(action())

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        assert result, "the action failed; see the thread's traceback"
        return result[0]

    def listening(self, host: str, port: int) -> socket.socket:
        """A socket that listens in the namespace."""
        return self.do(lambda: socket.create_server((host, port), backlog=128))


class Lab:
    """Three namespaces: `gateway` has the router, `clients` is behind it, `internet` before it."""

    def __init__(self, hosts: Mapping[str, str]) -> None:
        """`hosts` are names and the addresses of upstreams, within 198.18.0.0/24."""
        self.hosts = hosts
        self.internet, self.gateway = Namespace("net"), Namespace("gate")
        self.clients = Namespace("in")

    def __enter__(self) -> Self:
        try:
            for namespace in (self.internet, self.gateway, self.clients):
                namespace.make(self.hosts)
            _join(self.gateway, "10.231.7.1", "to-clients", self.clients, "10.231.7.2")
            _join(self.internet, "10.231.8.1", "to-gateway", self.gateway, "10.231.8.2")
            for address in sorted(set(self.hosts.values())):
                self.internet.sh("ip", "address", "add", f"{address}/32", "dev", "lo")
            self.internet.sh("ip", "route", "add", "10.231.7.0/24", "via", "10.231.8.2")
            self.gateway.sh("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for namespace in (self.clients, self.gateway, self.internet):
            namespace.remove()


def _join(here: Namespace, address: str, link: str, there: Namespace, theirs: str) -> None:
    """Links two namespaces; the way from `there` to everywhere else leads `here`."""
    here.sh("ip", "link", "add", link, "type", "veth", "peer", "name", "up0",
            "netns", there.name)  # fmt: skip
    for namespace, name, own in ((here, link, address), (there, "up0", theirs)):
        namespace.sh("ip", "address", "add", f"{own}/24", "dev", name)
        namespace.sh("ip", "link", "set", name, "up")
    there.sh("ip", "route", "add", "default", "via", address)


def ruleset(namespace: Namespace) -> str:
    """All rules of a namespace; empty where there are none."""
    return namespace.sh("nft", "list", "ruleset")
