"""Leads the traffic of a user, a cgroup or a network namespace to a router in transparent mode.

`scripts/intercept` runs this as root. Everything it does is in one nftables table of its own and in
the file STATE, which says how to undo the rest.
"""

import argparse
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[1])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from scripts.lib import machine  # noqa: E402
from scripts.lib.machine import Listener  # noqa: E402
from scripts.lib.machine import Trouble  # noqa: E402
from scripts.lib.redirect import TABLE  # noqa: E402
from scripts.lib.redirect import CgroupRule  # noqa: E402
from scripts.lib.redirect import Redirect  # noqa: E402

STATE = Path(os.environ.get("SWITCHYARD_INTERCEPT_STATE", "/run/switchyard-intercept.json"))
ROUTERS_CGROUP = "/switchyard-router"
DEFAULT_PORT = 8788

_IS_DOWN = 3

EPILOG = """\
The router must be running, in transparent mode:
  scripts/start --mode regular --mode transparent@8788
  sudo scripts/intercept up --user alice
Trust its certificate where the tools look for it (scripts/run-with and docs/modes.md say where).
"""


@dataclass(slots=True, kw_only=True)
class State:
    """What was done, so that it can be undone by another process, after any end of this one."""

    what: str
    port: int
    on_exit: str
    netns: str = ""
    """The network namespace whose table it is; ours where empty."""
    router: int = 0
    watcher: int = 0
    sysctls: dict[str, str] = field(default_factory=dict)
    """Kernel settings that were changed, as they were before."""
    came_from: str = ""
    """The cgroup the router was taken out of."""

    def save(self) -> None:
        STATE.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls) -> "State | None":
        try:
            return cls(**json.loads(STATE.read_text()))
        except (OSError, ValueError, TypeError):
            return None


def up(options: argparse.Namespace) -> None:
    router = _router(options)
    before = State.load()
    redirect, state = _plan(options, router)
    if options.print:
        print(redirect.rules, end="")
        for name in state.sysctls:
            print(f"# and: echo 1 > /proc/sys/{name}")
        if state.came_from:
            print(f"# and: the router's process moves into the cgroup {ROUTERS_CGROUP}")
        return
    assert router is not None
    if before is not None:
        _release(before, keep_table=before.netns == state.netns)
        redirect, state = _plan(options, router)
    state.save()  # first: whatever is done from here on can be undone by `down`
    if state.came_from:
        machine.move(router.pid, ROUTERS_CGROUP)
        redirect, _ = _plan(options, router, own_cgroup=True)
    for name in state.sysctls:
        machine.sysctl(name, "1")
    machine.run(["nft", "-f", "-"], state.netns, redirect.rules)
    if options.on_exit == "open":
        state.watcher = _start_watcher(router.pid)
    state.save()
    print(f"{state.what}: ports {_listed(options.ports)} go to the router (pid {router.pid}).")


def down(options: argparse.Namespace) -> None:
    state = State.load() or State(what="", port=0, on_exit="", netns=options.netns or "")
    if options.print:
        print(f"nft delete table {TABLE}")
        return
    _release(state)
    print("nothing is redirected.")


def status(options: argparse.Namespace) -> int:
    state = State.load()
    netns = state.netns if state else options.netns or ""
    if not _table(netns):
        print("down: nothing is redirected.")
        return _IS_DOWN
    if state is None:
        print(f"up: the table {TABLE} is there, though not from here; `down` removes it.")
        return 0
    alive = machine.listener(state.port, netns if state.what.endswith("(inside)") else "")
    router = f"the router (pid {alive.pid})" if alive else "nobody: connections are refused"
    print(
        f"up: {state.what} to port {state.port}, where {router} listens; "
        f"when the router ends: {state.on_exit}."
    )
    return 0


def watch(options: argparse.Namespace) -> None:
    """Waits for the router to end, however it does, and takes the rules away."""
    with contextlib.suppress(ProcessLookupError):
        router = os.pidfd_open(options.pid)
        select.select([router], [], [])
    state = State.load()
    if state is not None and state.watcher in (0, os.getpid()) and state.router == options.pid:
        state.watcher = 0
        _release(state)


def _router(options: argparse.Namespace) -> Listener | None:
    """Who is to get the traffic. Raises Trouble if nobody would, unless rules are only printed."""
    if options.print and (os.geteuid() != 0):
        return None
    found = machine.listener(options.port, options.netns if options.inside else "")
    if options.print:
        return found
    if found is None:
        raise Trouble(
            f"nobody listens on port {options.port}. Start the router first: scripts/start "
            f"--mode regular --mode transparent@{options.port}"
        )
    if not found.has_loopback:
        raise Trouble(f"port {options.port} is not listened on at 127.0.0.1, where rules lead to.")
    return found


def _plan(
    options: argparse.Namespace, router: Listener | None, *, own_cgroup: bool = False
) -> tuple[Redirect, State]:
    """The rules, and what else has to be done for them. Raises Trouble where they would catch the
    router's own connections."""
    state = State(what="", port=options.port, on_exit=options.on_exit)
    state.router = router.pid if router else 0
    whose: dict[str, object] = {}
    if options.user:
        whose["users"] = tuple(map(machine.user_id, options.user))
        state.what = f"user {', '.join(options.user)}"
        caught = router is not None and router.uid in map(machine.user_id, options.user)
    elif options.cgroup:
        whose["cgroups"] = tuple(map(machine.cgroup_rule, options.cgroup))
        state.what = f"cgroup {', '.join(options.cgroup)}"
        caught = router is not None and _is_within(router, options.cgroup)
    elif options.inside:
        whose["everybody"], state.netns = True, options.netns
        state.what = f"network namespace {options.netns} (inside)"
        caught = True
    else:
        interface = machine.link_to(options.netns)
        whose["interface"], caught = interface, False
        state.what = f"network namespace {options.netns}"
        state.sysctls = {
            name: machine.sysctl(name) for name in (f"net/ipv4/conf/{interface}/route_localnet",)
        }
    own: CgroupRule | None = None
    if caught:
        if options.cgroup:
            raise Trouble(
                "the router itself is in that cgroup: its own connections would come "
                "back to it. Start it elsewhere, or choose a smaller cgroup."
            )
        state.came_from = machine.cgroup_of(router.pid) if router else "/"
        own = machine.cgroup_rule(ROUTERS_CGROUP) if own_cgroup else CgroupRule(_own_path(), 1)
    redirect = Redirect(
        port=options.port,
        ports=options.ports,
        router=own,
        ipv6=router is not None and router.has_ipv6,
        **whose,  # pyright: ignore[reportArgumentType]
    )
    return redirect, state


def _own_path() -> str:
    root = machine.cgroup_root()
    return str((root / ROUTERS_CGROUP.strip("/")).relative_to("/sys/fs/cgroup"))


def _is_within(router: Listener, cgroups: Sequence[str]) -> bool:
    root = str(machine.cgroup_root())
    mine = machine.cgroup_of(router.pid).strip("/").split("/")
    named = [name.removeprefix(root).strip("/").split("/") for name in cgroups]
    return any(mine[: len(name)] == name for name in named)


def _release(state: State, *, keep_table: bool = False) -> None:
    """Undoes everything. What is gone already is no matter."""
    if state.watcher and state.watcher != os.getpid():
        _stop_watcher(state.watcher)
    if not keep_table and _table(state.netns):
        machine.run(["nft", "delete", "table", *TABLE.split()], state.netns)
    for name, value in state.sysctls.items():
        with contextlib.suppress(OSError):  # the interface is gone
            machine.sysctl(name, value)
    if state.came_from:
        with contextlib.suppress(OSError, Trouble):  # the router is gone
            machine.move(state.router, state.came_from)
        machine.drop_cgroup(ROUTERS_CGROUP)
    STATE.unlink(missing_ok=True)


def _table(netns: str) -> bool:
    try:
        machine.run(["nft", "list", "table", *TABLE.split()], netns)
    except Trouble:
        return False
    return True


def _start_watcher(router: int) -> int:
    command = [sys.executable, "-I", str(Path(__file__).resolve()), "watch", "--pid", str(router)]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ).pid


def _stop_watcher(pid: int) -> None:
    with contextlib.suppress(OSError):
        if b"intercept.py\0watch" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGTERM)


def _ports(text: str) -> tuple[int, ...]:
    ports = text.split(",")
    if not all(port.strip().isdecimal() and 0 < int(port) < 65536 for port in ports):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of ports such as 80,443")
    return tuple(int(port) for port in ports)


def _listed(ports: Sequence[int]) -> str:
    return " and ".join(map(str, ports))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/intercept",
        description="Leads chosen traffic to a router in transparent mode, by nftables.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("action", choices=["up", "down", "status"])
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--user", action="append", metavar="U", help="a user's; may be repeated")
    whose.add_argument("--cgroup", action="append", metavar="C", help="a cgroup's (version 2)")
    whose.add_argument("--netns", metavar="NS", help="a network namespace's")
    parser.add_argument(
        "--inside", action="store_true", help="with --netns: the router runs in there too"
    )
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, metavar="N",
        help=f"where the router's transparent mode listens (default {DEFAULT_PORT})",
    )  # fmt: skip
    parser.add_argument(
        "--ports", type=_ports, default=(80, 443), metavar="N,N",
        help="destination ports to redirect (default 80,443)",
    )  # fmt: skip
    parser.add_argument(
        "--on-exit", choices=["open", "closed"], default="open",
        help="when the router ends: open removes the rules, so that traffic goes its own way; "
        "closed leaves them, so that it is refused (default open)",
    )  # fmt: skip
    parser.add_argument("--print", action="store_true", help="only print what would be done")
    return parser


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 done, 1 not possible, 2 not understood, 3 nothing is redirected."""
    if arguments[:1] == ["watch"]:
        hidden = argparse.ArgumentParser()
        hidden.add_argument("--pid", type=int, required=True)
        watch(hidden.parse_args(arguments[1:]))
        return 0
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.inside and not options.netns:
        parser.error("--inside needs --netns")
    if options.action == "up" and not (options.user or options.cgroup or options.netns):
        parser.error("say whose traffic: --user, --cgroup or --netns")
    try:
        if not options.print:
            machine.check_tools()
        if options.action == "up":
            if options.netns:
                machine.check_netns(options.netns)
            up(options)
        elif options.action == "down":
            down(options)
        else:
            return status(options)
    except Trouble as e:
        print(f"scripts/intercept: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
