"""Starts a tool through a running router, or prints what to set for it.

The command `run-with` runs this.
"""

import argparse
import difflib
import hashlib
import json
import os
import shlex
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.parse import urlsplit

from platformdirs.unix import Unix

from switchyard.clients.tool_table import ANY
from switchyard.clients.tool_table import KnownTool
from switchyard.clients.tool_table import NeedsModel
from switchyard.clients.tool_table import Setup
from switchyard.clients.tool_table import ToolWay
from switchyard.clients.tool_table import laid_over
from switchyard.clients.tool_table import read_table
from switchyard.commands.projects import project_of
from switchyard.commands.projects import with_header
from switchyard.commands.projects import with_project
from switchyard.commands.trust import CONFDIR
from switchyard.commands.trust import authority_in
from switchyard.commands.trust import authority_of
from switchyard.commands.trust import write_file
from switchyard.commands.trust import write_trust
from switchyard.programs import path_of
from switchyard.programs import program_of

DEFAULT_PORT = "8787"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
MODELS_SHOWN = 20
ANY_KEY = "switchyard"
"""For tools that insist on a key, before routers that ask for none."""

EPILOG = f"""\
By proxy (the default) a tool keeps its own login and its own model: set up `intercept:` rules to
say what becomes of its calls. With --base-url it asks the router for a model, and needs no login.

  {program_of("run-with")} claude
  {program_of("run-with")} --base-url --model my-coding-stack codex exec "Fix the test"
  {program_of("run-with")} --print gemini            # export lines, for eval "$(...)"
"""


class CannotRun(Exception):
    """The tool cannot be started; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line and the environment ask for."""

    way: ToolWay
    router: str
    key: str | None
    model: str | None
    confdir: Path
    prints: bool
    statusline: bool
    command: str
    arguments: tuple[str, ...]


def read_options(arguments: Sequence[str], environ: Mapping[str, str]) -> Options:
    """Exits as argparse does (status 2 and a message, or 0 after the help) on a wrong value."""
    parser = make_parser(environ)
    given = parser.parse_args(arguments)
    if given.model and not given.base_url:
        parser.error(
            "--model goes with --base-url; by proxy the tool chooses by an option of its own"
        )
    if not urlsplit(given.router).hostname or "://" not in given.router:
        parser.error(f"{given.router!r} is not an address such as http://127.0.0.1:{DEFAULT_PORT}")
    return Options(
        way="base-url" if given.base_url else "proxy",
        router=given.router.rstrip("/"),
        key=given.key,
        model=given.model,
        confdir=given.confdir,
        prints=given.print,
        statusline=given.statusline,
        command=given.command,
        arguments=tuple(given.arguments),
    )


def make_parser(environ: Mapping[str, str] = os.environ) -> argparse.ArgumentParser:
    """Return the parser of the command line, with the defaults that the environment sets."""
    port = environ.get("SWITCHYARD_PORT") or environ.get("PORT") or DEFAULT_PORT
    parser = argparse.ArgumentParser(
        prog=program_of("run-with"),
        description="Starts a tool through a running Switchyard router.",
        epilog=f"tools: {', '.join(read_table())}\n\n{EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--print", action="store_true", help="print what to set; start nothing")
    parser.add_argument(
        "--base-url",
        action="store_true",
        help="point the tool at the router by its base URL, instead of by HTTPS_PROXY",
    )
    parser.add_argument(
        "--statusline",
        action="store_true",
        help="have the tool's status line show model, cost and what is left, for this run",
    )
    parser.add_argument("--model", metavar="NAME", help="with --base-url: the model to ask for")
    parser.add_argument(
        "--key",
        default=environ.get("SWITCHYARD_KEY") or None,
        help="the router's client key, where it asks for one (default: $SWITCHYARD_KEY)",
    )
    parser.add_argument(
        "--router",
        metavar="URL",
        default=f"http://127.0.0.1:{port}",
        help=f"where the router is (default: http://127.0.0.1:$SWITCHYARD_PORT, else $PORT, else"
        f" {DEFAULT_PORT})",
    )
    parser.add_argument(
        "--confdir",
        metavar="DIR",
        type=Path,
        default=CONFDIR,
        help=f"where mitmproxy keeps its certificate, if the router does not report it ({CONFDIR})",
    )
    parser.add_argument("command", metavar="CLIENT", help="one of the tools, or any command")
    # A default, since argparse would say of a missing client that this is missing as well.
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGS", default=())
    return parser


def set_up(options: Options, environ: Mapping[str, str]) -> Setup:
    """What the tool is told. Writes the files that it needs into our cache directory.

    Raises CannotRun, and OSError if the cache cannot be written.
    """
    tool = find_tool(options.command)
    cache = cache_directory()
    values = {
        "router": options.router,
        "address": options.router,
        "proxy": proxy_url(options),
        "key": options.key or ANY_KEY,
        "no-proxy": no_proxy(environ, options),
        "files": str(_files_directory(cache, tool, options)),
    }
    project = project_of(Path.cwd())
    if options.way == "base-url":
        values["router"] = with_project(options.router, project)
    elif headers := with_header(environ.get("ANTHROPIC_CUSTOM_HEADERS"), project):
        values["headers"] = headers
    if options.statusline:
        values["usage"] = path_of("usage")
    if options.model:
        values["model"] = options.model
    if options.way == "proxy":
        authority = authority_of(values["proxy"]) or authority_in(options.confdir)
        ca, bundle = write_trust(authority, cache, environ)
        values |= {"ca": str(ca), "bundle": str(bundle)}
    try:
        setup = tool.set_up(options.way, values)
    except NeedsModel:
        raise CannotRun(_which_model(tool, options)) from None
    for name, file in setup.files.items():
        text = laid_over(file.text, _read(file.over)) if file.over else file.text
        write_file(Path(values["files"]) / name, text.encode())
    return setup


def _read(place: str) -> str:
    try:
        return Path(place).expanduser().read_text()
    except (OSError, ValueError):
        return ""


def find_tool(command: str) -> KnownTool:
    """The table's entry for a command, which may be given by its path."""
    table = read_table()
    return table.get(Path(command).name) or table[ANY]


def cache_directory() -> Path:
    """Where files for tools are written: below `XDG_CACHE_HOME`, or `~/.cache`."""
    return Unix("switchyard", appauthor=False).user_cache_path / "run-with"


def _files_directory(cache: Path, tool: KnownTool, options: Options) -> Path:
    # Two of a kind that run at the same time, with different models say, do not meet.
    facts = "\0".join((options.router, options.key or "", options.model or ""))
    return cache / f"{tool.name}-{hashlib.sha256(facts.encode()).hexdigest()[:12]}"


def proxy_url(options: Options) -> str:
    """The router's address for `HTTPS_PROXY`, with the client key.

    By it a router that asks for keys knows whose calls may go on with credentials of their own.
    """
    if options.key is None:
        return options.router
    scheme, _, place = options.router.partition("://")
    return f"{scheme}://switchyard:{quote(options.key, safe='')}@{place}"


def no_proxy(environ: Mapping[str, str], options: Options) -> str:
    """The hosts that are reached directly.

    The user's own, and this machine; by base URL the router's host too.
    """
    given = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    hosts = [host for part in given.split(",") if (host := part.strip())]
    if options.way == "proxy":
        # For all hosts, nothing would come by here.
        hosts = [host for host in hosts if host != "*"]
    else:
        hosts.append(urlsplit(options.router).hostname or "")
    return ",".join(dict.fromkeys((*hosts, *LOOPBACK)))


def check_router(router: str) -> None:
    """Raises CannotRun, with what to do, unless a router is there."""
    try:
        health = _get(router, "/health", "")
    except (OSError, ValueError) as error:
        raise CannotRun(
            f"no router answers at {router} ({_words(error)}). Start one with "
            f"{program_of('start')}, or say where it is: --router URL, or SWITCHYARD_PORT."
        ) from None
    if not isinstance(health, dict) or health.get("status") != "ok" or "providers" not in health:
        raise CannotRun(f"the server at {router} is not a Switchyard router. See --router URL.")


def _words(error: Exception) -> str:
    """An error in the system's words, without its number."""
    reason = getattr(error, "reason", None) or error
    return (isinstance(reason, OSError) and reason.strerror) or str(reason)


def check_key(options: Options) -> None:
    """Raises CannotRun, with what to do, unless the router admits the key, or needs none."""
    try:
        _get(options.router, "/v1/models", options.key or "")
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (401, 403):
            shown = "does not know this client key" if options.key else "asks for a client key"
            raise CannotRun(
                f"the router at {options.router} {shown}. Give one of its clients.api-keys:"
                " --key KEY, or SWITCHYARD_KEY."
            ) from None
    except (OSError, ValueError):
        pass  # it has just answered, and the tool's own calls will tell


def check_model(options: Options) -> None:
    """Raises CannotRun, with the nearest names, unless the router has the model."""
    if options.model is None:
        return
    try:
        # It knows models that can be asked for though no list has them.
        _get(options.router, "/api/show", options.key or "", {"model": options.model})
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (400, 403, 404):
            names = _models(options)
            near = difflib.get_close_matches(options.model, names, n=3)
            meant = f"Did you mean {' or '.join(near)}?" if near else _listed(names)
            why = "may not ask for" if error.code == 403 else "has no model"
            whose = "the client key" if error.code == 403 else f"the router at {options.router}"
            raise CannotRun(f"{whose} {why} {options.model!r}. {meant}") from None
    except (OSError, ValueError):
        pass


def _models(options: Options) -> list[str]:
    try:
        listed = _get(options.router, "/v1/models", options.key or "")
        return [entry["id"] for entry in listed["data"]]
    except (OSError, ValueError, LookupError, TypeError):
        return []


def _listed(names: Sequence[str]) -> str:
    if not names:
        return "GET /v1/models lists what it has."
    more = f" and {len(names) - MODELS_SHOWN} more" if len(names) > MODELS_SHOWN else ""
    return f"There are: {', '.join(names[:MODELS_SHOWN])}{more}."


def _which_model(tool: KnownTool, options: Options) -> str:
    message = f"{tool.title} needs the model to ask the router for: --model NAME."
    return f"{message} {_listed(_models(options))}"


def _get(router: str, path: str, key: str, body: Mapping[str, str] | None = None) -> Any:
    """The router's answer to a GET, or to a POST of `body`. Raises OSError and ValueError."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(router + path, data)
    if data is not None:
        request.add_header("content-type", "application/json")
    if key:
        request.add_header("authorization", f"Bearer {key}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=5) as answer:
        return json.load(answer)


def printed(setup: Setup, options: Options) -> str:
    """The set-up as lines for a shell."""
    lines = [f"unset {' '.join(setup.unset)}"] if setup.unset else []
    lines += [f"export {name}={shlex.quote(value)}" for name, value in setup.environment.items()]
    command = [options.command, *setup.arguments, *options.arguments]
    if setup.arguments:
        lines.append(f"# start it as: {shlex.join(command)}")
    lines += [f"# {line}".rstrip() for line in setup.note.splitlines()]
    return "\n".join(lines) + "\n"


def start(setup: Setup, options: Options, environ: Mapping[str, str]) -> None:
    """Becomes the tool. Raises CannotRun if there is no such command."""
    path = shutil.which(options.command, path=environ.get("PATH"))
    if path is None:
        install = find_tool(options.command).install
        hint = f" Install it with: {install}" if install else ""
        raise CannotRun(f"there is no command {options.command!r}.{hint}")
    kept = {name: value for name, value in environ.items() if name not in setup.unset}
    sys.stdout.flush()
    os.execve(
        path,
        [options.command, *setup.arguments, *options.arguments],
        {**kept, **setup.environment},
    )


def main(arguments: Sequence[str]) -> int:
    """Becomes the tool, or returns the exit status: 0 after printing, 1 if it cannot be started."""
    options = read_options(arguments, os.environ)
    try:
        if not options.prints:
            check_router(options.router)
            check_key(options)
            check_model(options)
        setup = set_up(options, os.environ)
        if not options.prints:
            start(setup, options, os.environ)
        sys.stdout.write(printed(setup, options))
    except (CannotRun, OSError) as error:
        print(f"run-with: {error}", file=sys.stderr)
        return 1
    return 0
