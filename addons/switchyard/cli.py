"""Starts mitmproxy with the router in this process.

`scripts/launch.py` runs this in a checkout and a container, the command `switchyard` where the
package is installed.
"""

import argparse
import atexit
import contextlib
import os
import resource
import signal
import sys
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from switchyard.files import ENTRY_POINT
from switchyard.files import IS_INSTALLED

ROUTER = ENTRY_POINT
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = "8787"

MOST_WORKERS = 64

# A stream holds two sockets; the usual soft limit of 1,024 files ends at some 500 streams.
OPEN_FILES = 10_240

PROGRAM = "switchyard" if IS_INSTALLED else "scripts/start"

EPILOG = f"""\
Any other argument goes to mitmproxy as it is, for example:
  {PROGRAM} --mode reverse:https://api.openai.com
  {PROGRAM} --web --set web_port=9090
  {PROGRAM} --flow-detail 1              (two lines for every request)
  {PROGRAM} -v                           (every connection, too)

The environment variables PORT, HOST and SWITCHYARD_CONFIG choose where an option does not.
With --web the log names the address of the web interface, with the token that opens it; add
--web-open-browser to have it opened.
"""


@dataclass(frozen=True, slots=True)
class Launch:
    """What to run: `tool` is "mitmdump" or "mitmweb", `arguments` its command line."""

    tool: str
    arguments: list[str]
    workers: int = 1
    """How many processes share the port."""
    host: str = DEFAULT_HOST
    port: int = int(DEFAULT_PORT)
    engine: bool = True
    """Whether the router's engine drives mitmproxy's layers (see `addons/switchyard/engine`), or
    mitmproxy itself."""


def plan_launch(arguments: Sequence[str], environ: Mapping[str, str]) -> Launch:
    """Translate command line and environment variables into mitmproxy's command line.

    Exits as argparse does (status 2 and a message, or 0 after the help) on a wrong value.
    """
    parser = _make_parser(environ)
    ours, theirs = parser.parse_known_args(arguments)
    _refuse_doubled(parser, theirs, ours.config)
    command = ["--scripts", str(ROUTER)]
    command += ["--listen-host", ours.host]
    if any(_without_port(theirs[at]) for at in _modes(theirs)):
        theirs = _placed(theirs, f"{ours.host}:{ours.port}")
    else:
        command += ["--listen-port", str(ours.port)]
    if ours.config is not None:
        command += ["--set", f"switchyard_config={ours.config}"]
    if ours.web:
        # As --set, which mitmproxy's own flag --web-open-browser beats.
        command += ["--set", "web_open_browser=false"]
    elif not any("flow_detail" in argument or "--flow-detail" in argument for argument in theirs):
        # Lines for every request are for those who ask for them.
        command += ["--set", "flow_detail=0"]
    # Theirs last: of a flag given twice, mitmproxy takes the later one.
    tool = "mitmweb" if ours.web else "mitmdump"
    if ours.workers > 1 and (ours.web or ours.no_engine):
        parser.error("--workers cannot be combined with --web or --no-engine")
    return Launch(
        tool, command + theirs, ours.workers, ours.host, ours.port, engine=not ours.no_engine
    )


def _refuse_doubled(
    parser: argparse.ArgumentParser, theirs: Sequence[str], config: str | None
) -> None:
    """Exit where an option of the router is set twice: mitmproxy takes neither value."""
    names = ["switchyard_config"] if config is not None else []
    for at, argument in enumerate(theirs):
        given = argument.removeprefix("--set=")
        if given == argument:
            given = argument if at and theirs[at - 1] == "--set" else ""
        name = given.partition("=")[0]
        if name in names:
            beside = " (--config sets it)" if name == "switchyard_config" and config else ""
            parser.error(f"the option {name} is set twice{beside}; set it once")
        if name.startswith("switchyard_"):
            names.append(name)


def _modes(arguments: Sequence[str]) -> list[int]:
    """Where in a command line modes are, as `MODE` after its flag or `--mode=MODE`."""
    places = [at for at, argument in enumerate(arguments) if argument.startswith("--mode=")]
    return places + [at for at in range(1, len(arguments)) if arguments[at - 1] in ("--mode", "-m")]


def _without_port(mode: str) -> bool:
    return mode.removeprefix("--mode=").partition(":")[0] in ("local", "tun")


def _placed(arguments: Sequence[str], place: str) -> list[str]:
    """Has each mode that listens, and does not say where, do so at `place`.

    mitmproxy would take `--listen-port` for the port of modes that have none, too, and refuse two
    at the same.
    """
    placed = list(arguments)
    for at in _modes(arguments):
        if not _without_port(placed[at]) and "@" not in placed[at]:
            placed[at] += f"@{place}"
    return placed


def _make_parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Starts the Switchyard router; it runs until SIGINT or SIGTERM.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    # An empty variable is as good as none: compose files and CI systems leave such behind.
    # The router itself reads SWITCHYARD_CONFIG, so that it also counts without this script.
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="configuration (default: $SWITCHYARD_CONFIG, else config/default.yaml)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=environ.get("PORT") or DEFAULT_PORT,
        metavar="N",
        help=f"port to listen on (default: $PORT, else {DEFAULT_PORT}; 0: any free one)",
    )
    parser.add_argument(
        "--host",
        default=environ.get("HOST") or DEFAULT_HOST,
        metavar="H",
        help=f"address to listen on (default: $HOST, else {DEFAULT_HOST})",
    )
    parser.add_argument("--web", action="store_true", help="run mitmweb instead of mitmdump")
    parser.add_argument(
        "--workers",
        type=_count,
        default=1,
        metavar="N",
        help="processes that share the port, for example one per core; each has its own cooldowns,"
        " rotation and quotas (default: 1)",
    )
    parser.add_argument(
        "--no-engine",
        action="store_true",
        help="use mitmproxy's own event handling: slower, and it logs every connection",
    )
    return parser


def _port(text: str) -> int:
    if text.isdecimal() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port number (0 to 65535)")


def _count(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= MOST_WORKERS:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of workers (1 to {MOST_WORKERS})")


def supervise(launch: Launch, arguments: Sequence[str]) -> int:
    """Run several processes of this program behind one port; return the exit status."""
    from switchyard.engine.workers import Supervisor
    from switchyard.engine.workers import reserve
    from switchyard.engine.workers import say

    try:
        reserved = reserve(launch.host, launch.port)
    except OSError as e:
        say(f"not started: cannot listen on {launch.host}:{launch.port}: {e.strerror}")
        return 1
    with reserved:
        port = str(reserved.getsockname()[1])
        command = [sys.executable, "-P", sys.argv[0], *arguments, "--port", port]
        return Supervisor(launch.workers, command).run()


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def _stop(_number: int, _frame: object) -> NoReturn:
    sys.exit(0)


def run(arguments: Sequence[str]) -> int:
    """Run the router until it is stopped; return the exit status.

    Errors during the start (a refused configuration, a port in use) leave as SystemExit(1), raised
    by mitmproxy after it logged them.
    """
    launch = plan_launch(arguments, os.environ)
    # Until mitmproxy installs its own handlers, a stop is a clean one already.
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as by nohup
        signal.signal(signal.SIGHUP, _stop)
    if launch.workers > 1:
        from switchyard.engine.workers import MARK
        from switchyard.engine.workers import end_with_supervisor

        if MARK not in os.environ:
            return supervise(launch, arguments)
        end_with_supervisor()
    _raise_file_limit()
    # mitmproxy looks here for its name and for mistakes to explain.
    sys.argv = [launch.tool, *launch.arguments]

    # Late, so that --help needs nothing installed.
    from mitmproxy.tools import main as tools

    if launch.engine:
        from switchyard.engine.install import install

        install()
    tool = tools.mitmweb if launch.tool == "mitmweb" else tools.mitmdump
    tool(launch.arguments)
    return 0


def main() -> NoReturn:
    """Run the router by `sys.argv`; exit without finalising the interpreter.

    mitmproxy's native threads (QUIC, WireGuard, local capture) run to the very end of the process;
    one that meets a half-ended interpreter ends it by a segmentation fault.
    """
    status = 1

    def leave() -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):  # nobody may be reading any more
                stream.flush()
        os._exit(status)

    atexit.register(leave)  # registered first, called last
    try:
        status = run(sys.argv[1:])
    except SystemExit as e:
        status = e.code if isinstance(e.code, int) else int(e.code is not None)
        raise
    sys.exit(status)


if __name__ == "__main__":
    main()
