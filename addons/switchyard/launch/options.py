"""Translates command line and environment variables into mitmproxy's command line."""

import argparse
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Literal

from switchyard.files import ENTRY_POINT
from switchyard.files import IS_INSTALLED
from switchyard.launch.dispatch import listed

ROUTER = ENTRY_POINT
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = "8787"
MOST_WORKERS = 64

PROGRAM = "switchyard" if IS_INSTALLED else "scripts/start"

type Action = Literal["start", "check", "init"]

_COMMANDS = (
    f"Commands of the same program (`switchyard COMMAND --help`):\n{listed()}\n\n"
    if IS_INSTALLED
    else ""
)

EPILOG = f"""\
{_COMMANDS}Any other argument goes to mitmproxy as it is, for example:
  {PROGRAM} --mode reverse:https://api.openai.com
  {PROGRAM} --web --set web_port=9090
  {PROGRAM} --flow-detail 1              (two lines for every request)
  {PROGRAM} -v                           (every connection, too)

{PROGRAM} generate-key [NAME] makes a client key, and {PROGRAM} keys --help lists what else can be
done with keys.

The environment variables SWITCHYARD_PORT, SWITCHYARD_HOST and SWITCHYARD_CONFIG choose where an
option does not; PORT and HOST do after these. A file .env beside the configuration adds variables.
With --web the log names the address of the web interface, with the token that opens it; add
--web-open-browser to have it opened.
"""

SWITCHES = frozenset(
    (
        "-q",
        "--quiet",
        "-v",
        "--verbose",
        "-n",
        "--no-server",
        "--version",
        "--options",
        "--commands",
    )
)
"""Options of mitmproxy that take no value, so that a file may follow them."""


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
    action: Action = "start"
    config: str | None = None
    """The configuration file as it was named; None where it was not."""
    host_from: str = ""
    """The environment variable that names the host; empty where it is none."""
    listens: bool = True
    """Whether a mode listens at `host` and `port`."""
    known_options: tuple[str, ...] = field(default=(), repr=False)
    """The options of this program, for those that are like them."""


def plan_launch(arguments: Sequence[str], environ: Mapping[str, str]) -> Launch:
    """Translate command line and environment variables into mitmproxy's command line.

    Exits as argparse does (status 2 and a message, or 0 after the help) on a wrong value.
    """
    parser = make_parser(environ)
    ours, theirs = parser.parse_known_args(arguments)
    config, theirs = _take_config(parser, ours.config, theirs)
    _refuse_doubled(parser, theirs, config, ours)
    tool = "mitmweb" if ours.web else "mitmdump"
    if ours.workers > 1 and (ours.web or ours.no_engine):
        parser.error("--workers cannot be combined with --web or --no-engine")
    chosen = ours.host if isinstance(ours.host, _Variable) else _Variable(ours.host, "")
    return Launch(
        tool,
        _command(ours, config, theirs),
        ours.workers,
        str(ours.host),
        ours.port,
        engine=not ours.no_engine,
        action="init" if ours.init else "check" if ours.check else "start",
        config=config,
        host_from=chosen.name,
        listens=_listens(theirs),
        known_options=tuple(
            name for name in parser._option_string_actions if name.startswith("--")
        ),
    )


def _command(ours: argparse.Namespace, config: str | None, theirs: list[str]) -> list[str]:
    """Return mitmproxy's command line.

    Ours comes first: of a flag given twice, mitmproxy takes the later one.
    """
    command = ["--scripts", str(ROUTER)]
    command += ["--listen-host", str(ours.host)]
    if any(_without_port(theirs[at]) for at in _modes(theirs)):
        theirs = _placed(theirs, f"{ours.host}:{ours.port}")
    else:
        command += ["--listen-port", str(ours.port)]
    if config is not None:
        command += ["--set", f"switchyard_config={config}"]
    if ours.no_engine:
        command += ["--set", "switchyard_engine=false"]
    if ours.log_calls:
        command += ["--set", "switchyard_log_calls=all"]
    if ours.log_format is not None:
        command += ["--set", f"switchyard_log_format={ours.log_format}"]
    if ours.open:
        command += ["--set", "switchyard_open=true"]
    if ours.web:
        # As --set, which mitmproxy's own flag --web-open-browser beats.
        command += ["--set", "web_open_browser=false"]
    elif not any("flow_detail" in argument or "--flow-detail" in argument for argument in theirs):
        # Lines for every request are for those who ask for them.
        command += ["--set", "flow_detail=0"]
    return command + theirs


def _take_config(
    parser: argparse.ArgumentParser, named: str | None, theirs: list[str]
) -> tuple[str | None, list[str]]:
    """Take the configuration file out of what goes to mitmproxy, where it stands without --config.

    A file is what exists or ends as YAML does; other words are mitmproxy's filters.
    """
    found = [at for at in range(len(theirs)) if _is_config(theirs, at)]
    if not found:
        return named, theirs
    files = [theirs[at] for at in found]
    if named is not None or len(files) > 1:
        given = ", ".join([*([named] if named else []), *files])
        parser.error(f"several configuration files are named: {given}; name one")
    return files[0], [each for at, each in enumerate(theirs) if at not in found]


def _is_config(arguments: Sequence[str], at: int) -> bool:
    word = arguments[at]
    before = arguments[at - 1] if at else ""
    if word.startswith("-") or (before.startswith("-") and "=" not in before):
        return before in SWITCHES and not word.startswith("-") and _is_file(word)
    return _is_file(word)


def _is_file(word: str) -> bool:
    try:
        return word.endswith((".yaml", ".yml")) or Path(word).expanduser().is_file()
    except (OSError, ValueError, RuntimeError):
        return False


def _refuse_doubled(
    parser: argparse.ArgumentParser,
    theirs: Sequence[str],
    config: str | None,
    ours: argparse.Namespace,
) -> None:
    """Exit where an option of the router is set twice: mitmproxy takes neither value."""
    flags = {
        "switchyard_config": ("--config", config is not None),
        "switchyard_log_calls": ("--log-calls", ours.log_calls),
        "switchyard_log_format": ("--log-format", ours.log_format is not None),
        "switchyard_open": ("--open", ours.open),
    }
    names = [name for name, (_, given) in flags.items() if given]
    for at, argument in enumerate(theirs):
        given = argument.removeprefix("--set=")
        if given == argument:
            given = argument if at and theirs[at - 1] == "--set" else ""
        name = given.partition("=")[0]
        if name in names:
            flag, is_given = flags.get(name, ("", False))
            beside = f" ({flag} sets it)" if is_given else ""
            parser.error(f"the option {name} is set twice{beside}; set it once")
        if name.startswith("switchyard_"):
            names.append(name)


def _modes(arguments: Sequence[str]) -> list[int]:
    """Where in a command line modes are, as `MODE` after its flag or `--mode=MODE`."""
    places = [at for at, argument in enumerate(arguments) if argument.startswith("--mode=")]
    return places + [at for at in range(1, len(arguments)) if arguments[at - 1] in ("--mode", "-m")]


def _without_port(mode: str) -> bool:
    return mode.removeprefix("--mode=").partition(":")[0] in ("local", "tun")


_LISTENS_BY_TCP = ("regular", "reverse", "upstream", "socks5", "transparent")


def _listens(arguments: Sequence[str]) -> bool:
    """Whether a mode listens by TCP where the router's own host and port say."""
    if any(word.startswith(("--listen-", "--no-server")) or word == "-n" for word in arguments):
        return False
    modes = [arguments[at].removeprefix("--mode=") for at in _modes(arguments)] or ["regular"]
    return any(
        "@" not in mode and mode.partition(":")[0] in _LISTENS_BY_TCP
        for mode in modes
        if not mode.startswith(("reverse:dns", "reverse:udp", "reverse:dtls", "reverse:quic"))
    )


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


class _Variable(str):
    """A value that an environment variable has."""

    name: str

    def __new__(cls, value: str, name: str) -> "_Variable":
        made = super().__new__(cls, value)
        made.name = name
        return made


def _first_set(environ: Mapping[str, str], *names: str) -> _Variable | None:
    """Return the first variable with a value; an empty one is as good as none.

    Compose files and CI systems leave empty ones behind.
    """
    return next((_Variable(value, name) for name in names if (value := environ.get(name))), None)


def make_parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    """Return the parser of what this program understands; the rest is mitmproxy's."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [option...] [FILE]",
        description="Starts the Switchyard router; it runs until SIGINT or SIGTERM. FILE is a"
        " configuration (YAML), as with --config.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_file_options(parser)
    parser.add_argument(
        "--port",
        "-p",
        type=_port,
        default=_first_set(environ, "SWITCHYARD_PORT", "PORT") or DEFAULT_PORT,
        metavar="N",
        help=f"port to listen on (default: $SWITCHYARD_PORT, else $PORT, else {DEFAULT_PORT};"
        " 0: any free one)",
    )
    parser.add_argument(
        "--host",
        default=_first_set(environ, "SWITCHYARD_HOST", "HOST") or DEFAULT_HOST,
        metavar="H",
        help=f"address to listen on (default: $SWITCHYARD_HOST, else $HOST, else {DEFAULT_HOST})",
    )
    _add_view_options(parser)
    parser.add_argument(
        "--workers",
        type=_count,
        default=1,
        metavar="N",
        help="processes that share the port, for example one per core; they share limits,"
        " cooldowns, rotation and quotas (default: 1)",
    )
    parser.add_argument(
        "--no-engine",
        action="store_true",
        help="use mitmproxy's own event handling: slower, and it logs every connection",
    )
    return parser


def _add_view_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--web", action="store_true", help="run mitmweb instead of mitmdump")
    parser.add_argument(
        "--open", action="store_true", help="open the dashboard in a browser once it is ready"
    )
    parser.add_argument(
        "--log-calls",
        action="store_true",
        help="log every call; without it those that failed or took more than one attempt",
    )
    parser.add_argument(
        "--log-format", choices=["text", "json"], help="how the log is written (default: text)"
    )


def _add_file_options(parser: argparse.ArgumentParser) -> None:
    # The router itself reads SWITCHYARD_CONFIG, so that it also counts without this script.
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="configuration (default: $SWITCHYARD_CONFIG, else ~/.config/switchyard/config.yaml,"
        " else config/default.yaml)",
    )
    actions = parser.add_mutually_exclusive_group()
    actions.add_argument(
        "--check",
        action="store_true",
        help="check the configuration, say what is wrong with it, and end (status 1 if it is)",
    )
    actions.add_argument(
        "--init",
        action="store_true",
        help="write a first configuration from the keys that the environment has, and end",
    )


def _port(text: str) -> int:
    if text.isdecimal() and int(text) <= 65535:
        return int(text)
    origin = f"; the variable {text.name} says so" if isinstance(text, _Variable) else ""
    raise argparse.ArgumentTypeError(f"{text!r} is not a port number (0 to 65535){origin}")


def _count(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= MOST_WORKERS:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of workers (1 to {MOST_WORKERS})")
