"""`scripts/intercept`: rules come, and are gone again, whatever happens to the router."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.net.conftest import FIRST
from tests.integration.net.conftest import HOSTS
from tests.integration.net.conftest import SECOND_ROUTER
from tests.integration.net.conftest import TRANSPARENT
from tests.integration.net.conftest import World
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import saying
from tests.support.netns import ruleset

TEXT = Answer().text
NOBODY = "65534"


def ask(world: World, *within: str, user: str = "") -> subprocess.CompletedProcess[str]:
    """A call from the router's own machine, by some user of it."""
    whose = ("setpriv", f"--reuid={user}", "--clear-groups") if user else ()
    ca = ("--cacert", str(world.router.ca), "--cacert", str(world.router.ca))
    body = json.dumps({"model": "m1", "messages": [{"role": "user", "content": "Well?"}]})
    return subprocess.run(
        world.lab.gateway.command(
            *whose, "curl", "-sS", "-m", "60", *ca, "-H", "content-type: application/json",
            "-d", body, *within, f"https://{FIRST}{CHAT.path}",
        ),
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.fixture
def readable(world: World) -> World:
    """The router's certificate, for every user."""
    for place in (world.router.ca, *world.router.ca.parents):
        if str(place).startswith("/tmp/"):
            os.chmod(place, place.stat().st_mode | 0o055)
    return world


def until_no_rules(world: World, act: Callable[[], None]) -> None:
    """Acts, and waits for the rules to go: nftables tells of every change."""
    monitor = subprocess.Popen(
        world.lab.gateway.command("nft", "monitor", "destroy", "tables"),
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        act()
        deadline = time.monotonic() + 60
        while ruleset(world.lab.gateway):
            assert time.monotonic() < deadline, "the rules are still there"
            assert monitor.stdout
            ready, _, _ = select.select([monitor.stdout], [], [], 1)
            if ready:
                assert "switchyard" in monitor.stdout.readline()
    finally:
        monitor.kill()
        monitor.wait()


def test_up_twice_is_up_once_and_down_twice_is_down(world: World) -> None:
    for _ in range(2):
        said = world.up("--netns", world.lab.clients.name)
        assert f"network namespace {world.lab.clients.name}: ports 80 and 443" in said
        rules = ruleset(world.lab.gateway)
        assert rules.count("table inet switchyard") == 1
        assert rules.count("dnat ip to") == 1
        assert world.intercept("status").returncode == 0
    for _ in range(2):
        world.down()
        assert ruleset(world.lab.gateway) == ""
        assert world.intercept("status").returncode == 3


def test_only_our_own_table_is_touched(world: World) -> None:
    others = "table inet other {\n\tchain c {\n\t\ttcp dport 443 accept\n\t}\n}\n"
    world.lab.gateway.sh("nft", "-f", "-", stdin=others)
    try:
        world.up("--netns", world.lab.clients.name)
        assert others in ruleset(world.lab.gateway)
        world.down()
        assert ruleset(world.lab.gateway) == others
    finally:
        world.lab.gateway.sh("nft", "delete", "table", "inet", "other")


def test_kernel_settings_are_put_back(world: World) -> None:
    setting = "/proc/sys/net/ipv4/conf/to-clients/route_localnet"
    world.up("--netns", world.lab.clients.name)
    world.up("--netns", world.lab.clients.name)
    assert world.lab.gateway.sh("nsenter", "--net=/proc/self/ns/net", "cat", setting) == "1\n"
    world.down()
    assert world.lab.gateway.sh("cat", setting) == "0\n"


def test_printing_does_nothing(world: World) -> None:
    printed = world.up("--netns", world.lab.clients.name, "--print")
    assert 'iifname "to-clients"' in printed
    assert "route_localnet" in printed
    assert ruleset(world.lab.gateway) == ""
    assert not world.state.exists()
    world.lab.gateway.sh("nft", "-c", "-f", "-", stdin=printed)  # and nft would take it


def test_the_clients_reach_nothing_else_of_the_routers_machine(world: World) -> None:
    """What is on its loopback address stays there, although redirected traffic arrives there."""
    world.lab.clients.sh("sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet")
    world.lab.clients.sh("ip", "route", "add", "127.0.0.2/32", "via", "10.231.7.1", "src",
                         "10.231.7.2", "table", "local")  # fmt: skip
    door = world.lab.gateway.listening("127.0.0.2", 9999)
    try:
        world.up("--netns", world.lab.clients.name)

        def knock() -> bool:
            with socket.socket() as client:
                client.settimeout(1)
                client.bind(("10.231.7.2", 0))
                return client.connect_ex(("127.0.0.2", 9999)) == 0

        assert not world.lab.clients.do(knock)
    finally:
        door.close()
        world.lab.clients.sh("ip", "route", "del", "127.0.0.2/32", "table", "local")


@pytest.mark.parametrize("how", ["kill -9", "SIGTERM"])
def test_open_rules_are_gone_when_the_router_is(world: World, tmp_path: Path, how: str) -> None:
    router = world.second_router(tmp_path)
    router.start()
    try:
        world.up("--netns", world.lab.clients.name, port=SECOND_ROUTER)
        assert "switchyard" in ruleset(world.lab.gateway)
        until_no_rules(world, router.kill if how == "kill -9" else router.stop)
    finally:
        router.kill()
    assert world.intercept("status").returncode == 3

    def reach() -> int:
        with socket.create_connection((HOSTS[FIRST], 443), 60) as client:
            return client.getpeername()[1]

    assert world.lab.clients.do(reach) == 443, "traffic goes its own way"


def test_closed_rules_stay_and_down_works_after_a_crash(world: World, tmp_path: Path) -> None:
    router = world.second_router(tmp_path)
    router.start()
    try:
        arguments = ("--netns", world.lab.clients.name, "--on-exit", "closed")
        world.up(*arguments, port=SECOND_ROUTER)
    finally:
        router.kill()

    def reach() -> str:
        try:
            socket.create_connection((HOSTS[FIRST], 443), 60).close()
        except ConnectionRefusedError:
            return "refused"
        return "reached"

    assert world.lab.clients.do(reach) == "refused"
    assert "nothing: connections are refused" in world.intercept("status").stdout
    world.down()
    assert ruleset(world.lab.gateway) == ""
    assert world.lab.clients.do(reach) == "reached"


def test_a_users_traffic(readable: World) -> None:
    world = readable
    world.up("--user", NOBODY)
    plan = world.first.on("m1", always=saying(CHAT))
    done = ask(world, user=NOBODY)
    assert TEXT in done.stdout, done
    assert plan.requests[0].header("user-agent") is not None
    other = ask(world)
    assert other.returncode == 60, "another user meets the real certificate"


def test_the_routers_own_user(readable: World, tmp_path: Path) -> None:
    """Its own connections are told apart by a cgroup of its own, and do not come back to it."""
    world = readable
    with world.second_router(tmp_path) as router:
        place = Path(f"/proc/{router.pid}/cgroup")
        before = place.read_text()
        world.up("--user", "0", port=SECOND_ROUTER)
        assert "0::/switchyard-router" in place.read_text()
        world.first.on("m1", always=saying(CHAT))
        done = ask(world, "--cacert", str(router.ca))
        assert TEXT in done.stdout, done
        world.down()
        assert place.read_text() == before


def test_a_cgroups_traffic(readable: World) -> None:
    world = readable
    mount = next(
        Path(line.split()[1])
        for line in Path("/proc/mounts").read_text().splitlines()
        if line.split()[2] == "cgroup2"
    )
    group = mount / f"switchyard-test-{os.getpid()}"
    group.mkdir()
    try:
        world.up("--cgroup", f"/{group.name}")
        world.first.on("m1", always=saying(CHAT))
        enter = f"echo $$ > {group}/cgroup.procs; exec curl -sS -m 60 --cacert {world.router.ca} "
        body = "-H content-type:application/json -d '" + json.dumps(
            {"model": "m1", "messages": [{"role": "user", "content": "Well?"}]}
        )
        done = subprocess.run(
            ["nsenter", f"--net=/run/netns/{world.lab.gateway.name}", "sh", "-c",
             f"{enter} --resolve {FIRST}:443:{HOSTS[FIRST]} {body}' https://{FIRST}{CHAT.path}"],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert TEXT in done.stdout, done
        assert ask(world).returncode == 60, "whoever is not in it meets the real certificate"
        moved = subprocess.run(
            ["sh", "-c", f"echo {world.router.pid} > {group}/cgroup.procs"], check=False
        )
        assert moved.returncode == 0
        refused = world.intercept("up", "--port", str(TRANSPARENT), "--cgroup", f"/{group.name}")
        assert refused.returncode == 1
        assert "the router itself is in that cgroup" in refused.stderr
    finally:
        for process in (group / "cgroup.procs").read_text().split():
            (mount / "cgroup.procs").write_text(process)
        world.down()
        group.rmdir()


def test_a_whole_namespace_with_the_router_inside(readable: World) -> None:
    world = readable
    world.up("--netns", world.lab.gateway.name, "--inside")
    world.first.on("m1", always=saying(CHAT))
    done = ask(world, user=NOBODY)
    assert TEXT in done.stdout, done
    assert TEXT in ask(world).stdout, "the router's user too"


@pytest.fixture
def far(world: World) -> str:
    """An IPv6 address that leads out of the router's machine."""
    world.lab.gateway.sh("ip", "-6", "address", "replace", "fd00:8::2/64", "dev", "up0", "nodad")
    world.lab.gateway.sh("ip", "-6", "route", "replace", "default", "dev", "up0")
    return "2001:db8::11"


def test_ipv6_is_refused_where_the_router_has_none(readable: World, far: str) -> None:
    """Clients then go on by IPv4, where they would otherwise go past the router."""
    readable.up("--user", NOBODY)
    done = ask(readable, "-v", "--resolve", f"{FIRST}:443:[{far}]", user=NOBODY)
    assert "Connection refused" in done.stderr, done


def test_ipv6_where_the_router_has_it(readable: World, far: str, tmp_path: Path) -> None:
    world = readable
    with world.second_router(tmp_path, "::1") as router:
        world.up("--user", NOBODY, port=SECOND_ROUTER)
        world.first.on("m1", always=saying(CHAT))
        for place in (router.ca, *router.ca.parents):
            if str(place).startswith("/tmp/"):
                os.chmod(place, place.stat().st_mode | 0o055)
        resolved = ("--resolve", f"{FIRST}:443:[{far}]")
        done = ask(world, "--cacert", str(router.ca), *resolved, user=NOBODY)
        assert TEXT in done.stdout, done


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("up", "--netns", "nowhere-at-all"), "there is no network namespace 'nowhere-at-all'"),
        (("up", "--user", "nobody-of-that-name"), "there is no user"),
        (("up", "--cgroup", "/no/such/group"), "there is no cgroup"),
        (("up", "--cgroup", "/"), "the root cgroup holds every process"),
        (("up", "--user", "nobody", "--port", "9"), "nothing listens on port 9. Start the router"),
    ],
)
def test_what_cannot_be_is_told(world: World, arguments: tuple[str, ...], said: str) -> None:
    more = () if "--port" in arguments else ("--port", str(TRANSPARENT))
    done = world.intercept(*arguments, *more)
    assert done.returncode == 1
    assert said in done.stderr
    assert ruleset(world.lab.gateway) == ""


def listen_as(world: World, port: int, user: int, host: str = "127.0.0.1") -> subprocess.Popen:
    """Somebody who is there before the router, under a name that says nothing."""
    code = (
        "import os, socket, sys; os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))\n"
        "family = socket.AF_INET6 if ':' in sys.argv[3] else socket.AF_INET\n"
        "door = socket.socket(family); door.bind((sys.argv[3], int(sys.argv[2]))); door.listen()\n"
        "print('there', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        world.lab.gateway.command(
            sys.executable, "-c", code, str(user), str(port), host, "addons/router.py"
        ),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout and process.stdout.readline() == "there\n"
    return process


def test_a_strangers_port_gets_nothing(world: World) -> None:
    stranger = listen_as(world, SECOND_ROUTER, int(NOBODY))
    arguments = ("up", "--netns", world.lab.clients.name, "--port", str(SECOND_ROUTER))
    try:
        refused = world.intercept(*arguments)
        assert refused.returncode == 1
        assert f"is listened on by user {NOBODY}" in refused.stderr
        assert ruleset(world.lab.gateway) == "" and not world.state.exists()
        named = world.intercept(*arguments, "--router-user", NOBODY)
        assert named.returncode == 0, named.stderr
    finally:
        stranger.kill()
        stranger.wait()


def test_a_stranger_beside_the_router_gets_nothing(world: World, tmp_path: Path) -> None:
    """On the same port of the other family, which would be redirected too."""
    with world.second_router(tmp_path):
        stranger = listen_as(world, SECOND_ROUTER, int(NOBODY), "::1")
        try:
            refused = world.intercept(
                "up", "--netns", world.lab.clients.name, "--port", str(SECOND_ROUTER)
            )
            assert refused.returncode == 1
            assert f"is listened on by user {NOBODY}" in refused.stderr
        finally:
            stranger.kill()
            stranger.wait()


def test_what_is_no_router_gets_nothing(world: World) -> None:
    code = "import socket, sys; d = socket.create_server(('127.0.0.1', 8789)); print(1, flush=True)"
    other = subprocess.Popen(
        world.lab.gateway.command(sys.executable, "-c", f"{code}; sys.stdin.read()"),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert other.stdout and other.stdout.readline()
        refused = world.intercept(
            "up", "--netns", world.lab.clients.name, "--port", str(SECOND_ROUTER)
        )
        assert refused.returncode == 1 and "which is not a router" in refused.stderr
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("on_exit", ["open", "closed"])
def test_rules_lapse_when_nobody_is_left_to_take_them_away(
    world: World, tmp_path: Path, on_exit: str
) -> None:
    """kill -9 of the router and of its watcher: whoever takes the port then gets no traffic."""
    router = world.second_router(tmp_path)
    router.start()
    stranger = None
    try:
        arguments = ("--netns", world.lab.clients.name, "--on-exit", on_exit)
        world.up(*arguments, port=SECOND_ROUTER)
        assert world.state.stat().st_mode & 0o777 == 0o600
        os.kill(json.loads(world.state.read_text())["watcher"], signal.SIGKILL)
        router.kill()
        stranger = listen_as(world, SECOND_ROUTER, int(NOBODY))
        until = time.monotonic() + 120
        while "expires" in ruleset(world.lab.gateway):
            assert time.monotonic() < until, ruleset(world.lab.gateway)
            time.sleep(0.2)

        def reach() -> str:
            with socket.socket() as client:
                client.settimeout(60)
                try:
                    client.connect((HOSTS[FIRST], 443))
                except ConnectionRefusedError:
                    return "refused"
                client.sendall(b"GET / HTTP/1.1\r\n\r\n")
                try:  # a server of TLS ends this; the stranger says nothing
                    client.recv(1)
                except ConnectionResetError:
                    return "reached"
                except TimeoutError:
                    return "the stranger"
                return "reached"

        assert world.lab.clients.do(reach) == ("reached" if on_exit == "open" else "refused")
        world.down()
        assert ruleset(world.lab.gateway) == ""
    finally:
        router.kill()
        if stranger is not None:
            stranger.kill()
            stranger.wait()


def test_rules_are_renewed_while_the_router_lives(world: World) -> None:
    world.up("--netns", world.lab.clients.name)
    monitor = subprocess.Popen(
        world.lab.gateway.command("nft", "monitor", "new", "elements"),
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert monitor.stdout and select.select([monitor.stdout], [], [], 120)[0]
        assert "switchyard alive" in monitor.stdout.readline()
    finally:
        monitor.kill()
        monitor.wait()


def test_somebody_elses_state_is_not_undone(world: World, tmp_path: Path) -> None:
    setting = Path("/proc/sys/net/ipv4/conf/lo/arp_notify")
    before = setting.read_text()
    state = {"what": "x", "port": 1, "on_exit": "open",
             "sysctls": {"net/ipv4/conf/lo/arp_notify": "1"}}  # fmt: skip
    real = tmp_path / "real.json"
    real.write_text(json.dumps(state))
    for kind in ("theirs", "a link"):
        if kind == "theirs":
            world.state.write_text(json.dumps(state))
            os.chown(world.state, int(NOBODY), -1)
        else:
            world.state.unlink(missing_ok=True)
            world.state.symlink_to(real)
        world.down()
        assert setting.read_text() == before
