"""What the command `intercept` asks of Linux, and does to it."""

import contextlib
import json
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from switchyard.commands.redirect import CgroupRule
from switchyard.programs import program_of

_CGROUPS = Path("/sys/fs/cgroup")
_LISTENS = "0A"
_PROGRAMS = (b"scripts/launch.py", b"addons/router.py", b"/switchyard")
"""How the words end by which a router is started (`scripts/start`, `mitmdump -s`, `switchyard`)."""


class RedirectError(Exception):
    """What is wrong, in words for the user."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A process that listens on a port."""

    pid: int
    hosts: frozenset[str]
    """Addresses as /proc/net writes them: 0100007F is 127.0.0.1."""
    owners: frozenset[int]
    """Whose the sockets on that port are, on whichever address: user ids."""

    @property
    def is_router(self) -> bool:
        """Whether the process runs the router, by its command line.

        Its owner can run anything under that name, so that it is asked together with `owners`.
        """
        try:
            words = Path(f"/proc/{self.pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return any(word.endswith(_PROGRAMS) for word in words)

    @property
    def uid(self) -> int:
        return Path(f"/proc/{self.pid}").stat().st_uid

    @property
    def has_ipv6(self) -> bool:
        return any(len(host) == 32 for host in self.hosts)

    @property
    def has_loopback(self) -> bool:
        """Whether it is there for connections to 127.0.0.1."""
        return not {"0100007F", "00000000", "0" * 32}.isdisjoint(self.hosts)


def run(command: list[str], netns: str = "", stdin: str = "") -> str:
    """The output of a command. Raises RedirectError with what it said if it fails."""
    within = ["nsenter", f"--net={netns_path(netns)}", "--"] if netns else []
    done = subprocess.run([*within, *command], input=stdin, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip()
        raise RedirectError(f"{' '.join(command)} failed: {said}")
    return done.stdout


def check_tools() -> None:
    """Raises RedirectError if something that is needed is missing."""
    if not hasattr(os, "pidfd_open"):
        raise RedirectError(
            "redirecting works on Linux only. On macOS see docs/modes.md (pf), or use "
            f"{program_of('run-with')} or HTTPS_PROXY."
        )
    for tool, package in (("nft", "nftables"), ("nsenter", "util-linux"), ("ip", "iproute2")):
        if shutil.which(tool) is None:
            raise RedirectError(f"{tool} is missing: install the package {package}.")
    if os.geteuid() != 0:
        raise RedirectError("only root can change the rules of the network: use sudo.")


def netns_path(name: str) -> str:
    return f"/run/netns/{name}"


def check_netns(name: str) -> None:
    if not os.path.exists(netns_path(name)):
        raise RedirectError(f"there is no network namespace {name!r}: `ip netns list` shows all.")


def user_id(name: str) -> int:
    """The id of a user, given by name or number."""
    if name.isdecimal():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise RedirectError(f"there is no user {name!r}.") from None


def listener(port: int, netns: str = "") -> Listener | None:
    """Who listens on a TCP port, in a network namespace or in ours."""
    hosts: dict[str, str] = {}
    owners: set[int] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(RedirectError):  # no IPv6
            for line in run(["cat", table], netns).splitlines()[1:]:
                fields = line.split()
                host, _, at = fields[1].partition(":")
                if fields[3] == _LISTENS and int(at, 16) == port:
                    hosts[f"socket:[{fields[9]}]"] = host
                    owners.add(int(fields[7]))
    for pid, link in _open_sockets():
        if link in hosts:
            return Listener(pid, frozenset(hosts.values()), frozenset(owners))
    return None


def _open_sockets() -> Iterator[tuple[int, str]]:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    yield int(process.name), os.readlink(descriptor)


def link_to(netns: str) -> str:
    """Our interface that leads to a network namespace: the other end of its default route's."""
    routes = json.loads(run(["ip", "-j", "route", "show", "default"], netns) or "[]")
    if not routes:
        raise RedirectError(f"{netns} has no default route; what it sends goes nowhere.")
    inner = json.loads(run(["ip", "-j", "link", "show", routes[0]["dev"]], netns))[0]
    peer = inner.get("link_index")
    for outer in json.loads(run(["ip", "-j", "link", "show"])):
        if outer["ifindex"] == peer and outer.get("link_netnsid") is not None:
            return outer["ifname"]
    raise RedirectError(
        f"the interface {routes[0]['dev']} of {netns} does not lead here. Run the router within "
        f"the namespace (ip netns exec {netns} {program_of('start')} ...) and add --inside."
    )


def cgroup_root() -> Path:
    """Where cgroups of version 2 are mounted."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    raise RedirectError("no cgroup2 hierarchy is mounted; choose by --user or --netns.")


def cgroup_rule(name: str) -> CgroupRule:
    """How nftables names a cgroup: given as /proc/PID/cgroup writes it, or as a full path."""
    root = cgroup_root()
    path = Path(name) if name.startswith(str(root)) else root / name.strip("/")
    if not (path / "cgroup.procs").exists():
        raise RedirectError(f"there is no cgroup {path}.")
    below = path.relative_to(root)
    if not below.parts:
        raise RedirectError(
            "the root cgroup holds every process, the router included; choose one below it."
        )
    return CgroupRule(str(path.relative_to(_CGROUPS)), len(below.parts))


def cgroup_of(pid: int) -> str:
    """The cgroup of a process, as its path below the mount."""
    found = re.search(r"^0::(.*)$", Path(f"/proc/{pid}/cgroup").read_text(), re.MULTILINE)
    return found[1] if found else "/"


def move(pid: int, cgroup: str) -> None:
    """Puts a process into a cgroup, which is made if it is not there."""
    path = cgroup_root() / cgroup.strip("/")
    path.mkdir(exist_ok=True)
    (path / "cgroup.procs").write_text(str(pid))


def drop_cgroup(cgroup: str) -> None:
    """Removes a cgroup that nobody is in."""
    with contextlib.suppress(OSError, RedirectError):
        (cgroup_root() / cgroup.strip("/")).rmdir()


def sysctl(name: str, value: str | None = None) -> str:
    """A kernel setting, as it was before it is set to `value`."""
    path = Path("/proc/sys") / name
    before = path.read_text().strip()
    if value is not None and value != before:
        path.write_text(value)
    return before
