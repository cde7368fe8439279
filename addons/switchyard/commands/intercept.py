"""Leads the traffic of a user, a cgroup or a network namespace to a router in transparent mode.

The command `intercept` runs this as root. Everything it does is in one nftables table of its own
and in the file STATE, which says how to undo the rest.
"""

import argparse
import contextlib
import json
import os
import select
import signal
import stat
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from switchyard.commands import machine
from switchyard.commands.machine import Listener
from switchyard.commands.machine import RedirectError
from switchyard.commands.redirect import TABLE
from switchyard.commands.redirect import CgroupRule
from switchyard.commands.redirect import Redirect
from switchyard.commands.redirect import no_more
from switchyard.commands.redirect import still_alive
from switchyard.commands.trust import write_file
from switchyard.programs import program_of
from switchyard.programs import words_of

STATE = Path(os.environ.get("SWITCHYARD_INTERCEPT_STATE", "/run/switchyard-intercept.json"))
ROUTERS_CGROUP = "/switchyard-router"
DEFAULT_PORT = 8788

_IS_DOWN = 3
_LONGEST_STATE = 64 * 1024
_RENEWS_EVERY = 5.0
"""Seconds; a third of the time for which rules hold."""

EPILOG = f"""\
The router must be running, in transparent mode:
  {program_of("start")} --mode regular --mode transparent@8788
  sudo {program_of("intercept")} up --user alice
Trust its certificate where the tools look for it: {program_of("run-with")} and docs/modes.md say
where.
"""


@dataclass(slots=True, kw_only=True)
class RedirectState:
    """What was done, so that it can be undone by another process, after any end of this one."""

    what: str
    port: int
    on_exit: str
    ports: list[int] = field(default_factory=list)
    """The destination ports that are redirected."""
    netns: str = ""
    """The network namespace whose table it is; ours where empty."""
    router: int = 0
    watcher: int = 0
    sysctls: dict[str, str] = field(default_factory=dict)
    """Kernel settings that were changed, as they were before."""
    came_from: str = ""
    """The cgroup the router was taken out of."""

    def save(self) -> None:
        write_file(STATE, json.dumps(asdict(self)).encode())

    @classmethod
    def load(cls) -> "RedirectState | None":
        try:
            with open(STATE, "rb", opener=_not_through_a_link) as file:
                about = os.fstat(file.fileno())
                if not stat.S_ISREG(about.st_mode) or about.st_uid not in (0, os.geteuid()):
                    return None  # root undoes what is written there: only its own word counts
                return cls(**json.loads(file.read(_LONGEST_STATE)))
        except (OSError, ValueError, TypeError, RecursionError):
            return None


def _not_through_a_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def up(options: argparse.Namespace) -> None:
    router = _router(options)
    before = RedirectState.load()
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
    state.watcher = _start_watcher(router.pid)
    state.save()
    print(f"{state.what}: ports {_listed(options.ports)} go to the router (pid {router.pid}).")


def down(options: argparse.Namespace) -> None:
    nothing = RedirectState(what="", port=0, on_exit="", netns=options.netns or "")
    state = RedirectState.load() or nothing
    if options.print:
        print(f"nft delete table {TABLE}")
        return
    _release(state)
    print("nothing is redirected.")


def status(options: argparse.Namespace) -> int:
    state = RedirectState.load()
    netns = state.netns if state else options.netns or ""
    if not _table(netns):
        print("down: nothing is redirected.")
        return _IS_DOWN
    if state is None:
        print(f"up: the table {TABLE} is there, though not from here; `down` removes it.")
        return 0
    alive = machine.listener(state.port, netns if state.what.endswith("(inside)") else "")
    router = f"the router (pid {alive.pid})" if alive else "nothing: connections are refused"
    print(
        f"up: {state.what} to port {state.port}, where {router} listens; "
        f"when the router ends: {state.on_exit}."
    )
    return 0


def watch(options: argparse.Namespace) -> None:
    """Renew the rules, which lapse by themselves, until the router ends.

    Then take them away, or have them refuse everything.
    """
    with contextlib.suppress(ProcessLookupError):
        router = os.pidfd_open(options.pid)
        while not select.select([router], [], [], _RENEWS_EVERY)[0]:
            if (state := _watched(options.pid)) is None:
                return
            with contextlib.suppress(RedirectError):  # the next time, or they lapse
                rules = still_alive(tuple(state.ports))
                machine.run(["nft", "-f", "-"], state.netns, rules)
    if (state := _watched(options.pid)) is None:
        return
    state.watcher = 0
    if state.on_exit == "open":
        _release(state)
        return
    with contextlib.suppress(RedirectError):
        machine.run(["nft", "-f", "-"], state.netns, no_more())
    state.save()


def _watched(router: int) -> RedirectState | None:
    """What was done, unless another watcher looks after it, or nobody."""
    state = RedirectState.load()
    if state is None or state.router != router or state.watcher not in (0, os.getpid()):
        return None
    return state


def _router(options: argparse.Namespace) -> Listener | None:
    """Who is to get the traffic.

    Raises RedirectError if nobody would, unless rules are only printed.
    """
    if options.print and (os.geteuid() != 0):
        return None
    found = machine.listener(options.port, options.netns if options.inside else "")
    if options.print:
        return found
    if found is None:
        raise RedirectError(
            f"nothing listens on port {options.port}. Start the router first: "
            f"{program_of('start')} --mode regular --mode transparent@{options.port}"
        )
    _check_router(found, options)
    if not found.has_loopback:
        where = "at 127.0.0.1, where rules lead to."
        raise RedirectError(f"port {options.port} is not listened on {where}")
    return found


def _check_router(found: Listener, options: argparse.Namespace) -> None:
    """Raises RedirectError unless whoever listens is the router of a user who may have the traffic.

    Any user can listen on its port while it is not running.
    """
    sudo = os.environ.get("SUDO_UID", "")
    trusted = {0, os.geteuid(), *([int(sudo)] if sudo.isdecimal() else [])}
    if options.router_user:
        trusted.add(machine.user_id(options.router_user))
    if strangers := (found.owners | {found.uid}) - trusted:
        raise RedirectError(
            f"port {options.port} is listened on by user {min(strangers)}, who would get the "
            f"traffic. If the router runs as that user: --router-user {min(strangers)}."
        )
    if not found.is_router:
        raise RedirectError(
            f"port {options.port} is listened on by process {found.pid}, which is not a router "
            f"({program_of('start')} or mitmdump -s addons/router.py)."
        )


def _plan(
    options: argparse.Namespace, router: Listener | None, *, own_cgroup: bool = False
) -> tuple[Redirect, RedirectState]:
    """The rules, and what else has to be done for them.

    Raises RedirectError where they would catch the router's own connections.
    """
    state = RedirectState(what="", port=options.port, on_exit=options.on_exit)
    state.ports = list(options.ports)
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
            raise RedirectError(
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
        closed=options.on_exit == "closed",
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


def _release(state: RedirectState, *, keep_table: bool = False) -> None:
    """Undoes everything. What is gone already is no matter."""
    if state.watcher and state.watcher != os.getpid():
        _stop_watcher(state.watcher)
    if not keep_table and _table(state.netns):
        machine.run(["nft", "delete", "table", *TABLE.split()], state.netns)
    for name, value in state.sysctls.items():
        with contextlib.suppress(OSError):  # the interface is gone
            machine.sysctl(name, value)
    if state.came_from:
        with contextlib.suppress(OSError, RedirectError):  # the router is gone
            machine.move(state.router, state.came_from)
        machine.drop_cgroup(ROUTERS_CGROUP)
    STATE.unlink(missing_ok=True)


def _table(netns: str) -> bool:
    try:
        machine.run(["nft", "list", "table", *TABLE.split()], netns)
    except RedirectError:
        return False
    return True


def _start_watcher(router: int) -> int:
    command = [*words_of("intercept"), "watch", "--pid", str(router)]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ).pid


def _stop_watcher(pid: int) -> None:
    with contextlib.suppress(OSError):
        if b"intercept\0watch" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGTERM)


def _ports(text: str) -> tuple[int, ...]:
    ports = text.split(",")
    if not all(port.strip().isdecimal() and 0 < int(port) < 65536 for port in ports):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of ports such as 80,443")
    return tuple(int(port) for port in ports)


def _listed(ports: Sequence[int]) -> str:
    return " and ".join(map(str, ports))


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog=program_of("intercept"),
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
    parser.add_argument(
        "--router-user", metavar="U",
        help="the user that the router runs as, if that is neither root nor you",
    )  # fmt: skip
    parser.add_argument("--print", action="store_true", help="only print what would be done")
    return parser


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 done, 1 not possible, 2 not understood, 3 nothing is redirected."""
    if arguments and arguments[0] == "watch":
        hidden = argparse.ArgumentParser()
        hidden.add_argument("--pid", type=int, required=True)
        watch(hidden.parse_args(arguments[1:]))
        return 0
    parser = make_parser()
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
    except RedirectError as e:
        print(f"{program_of('intercept')}: {e}", file=sys.stderr)
        return 1
    return 0
