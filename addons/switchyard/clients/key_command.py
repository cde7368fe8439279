"""`scripts/keys`: makes, lists, changes and removes client keys.

It needs no running router; one that runs takes the changes up within a second.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from switchyard.clients.key_book import KeyBook
from switchyard.clients.key_book import KeyBookError
from switchyard.clients.key_book import StoredKey
from switchyard.clients.key_book import apply_settings
from switchyard.clients.key_format import IssuedKey
from switchyard.clients.key_format import issue_key
from switchyard.clients.tool_setup import setup_lines
from switchyard.clients.tool_setup import tool_environment
from switchyard.clients.tool_table import ANY
from switchyard.clients.tool_table import read_table
from switchyard.config.client_keys import ClientKey
from switchyard.config.problems import ConfigError
from switchyard.config.variables import variables_beside
from switchyard.config.yaml_source import read_document
from switchyard.files import choose_config
from switchyard.files import dotenv_of
from switchyard.programs import program_of
from switchyard.usage.tables import table
from switchyard.values.files import read_regular
from switchyard.values.output_errors import is_of_output
from switchyard.values.units import UnitError
from switchyard.values.units import parse_duration

EPILOG = """\
SETTING is a member of a key's policy in docs/configuration.md, and its value as YAML; parts of a
member follow a dot, and no value takes it back:

  scripts/keys generate ann models="[claude*, gpt-5*]" budgets.month="50 USD" --tool claude
  scripts/keys set ann limits.requests=60/m concurrency=4 expires=2027-06-30
  scripts/keys set ann concurrency=
  scripts/keys rotate ann --grace 7d

The keys file is the one that the configuration names as clients.keys-file.
"""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where keys are kept, and what the configuration has besides."""

    config: Path
    file: Path | None
    taken: frozenset[str]
    policies: frozenset[str]
    env: Mapping[str, str]


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Run the command; return its exit status."""
    options = read_options(arguments)
    try:
        _run(options, _place(options, environ), environ)
    except (KeyBookError, ConfigError) as e:
        print(f"keys: {e}", file=sys.stderr)
        return 1
    except OSError as e:
        if is_of_output(e):
            raise
        print(f"keys: {e.filename or options.file}: {e.strerror}", file=sys.stderr)
        return 1
    return 0


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; exits as argparse does on a wrong one."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.command == "generate" and "=" in (options.name or ""):
        # The name may be left out; its place is then taken by the first setting.
        try:
            options.settings.insert(0, _setting(options.name))
        except argparse.ArgumentTypeError as e:
            parser.error(str(e))
        options.name = None
    return options


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog=program_of("keys"),
        description="Makes, lists, changes and removes the client keys of a router.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    made = _command(commands, "generate", "make a key and show it once")
    made.add_argument("name", nargs="?", help="the holder's name, as logs and reports show it")
    _add_settings(made, "*")
    _add_tool(made)
    _command(commands, "list", "list all keys")
    _command(commands, "show", "show the settings of a key").add_argument("who")
    changed = _command(commands, "set", "change settings of a key")
    changed.add_argument("who", help="a name or an id")
    _add_settings(changed, "+")
    _command(commands, "block", "refuse a key until it is unblocked").add_argument("who")
    _command(commands, "unblock", "accept a blocked key again").add_argument("who")
    rotated = _command(commands, "rotate", "give a key another secret, and show it once")
    rotated.add_argument("who", help="a name or an id")
    rotated.add_argument("--grace", type=_duration, default="24h", metavar="TIME",
        help="how long the secret before is accepted (default: 24h; 0: no longer)")  # fmt: skip
    _add_tool(rotated)
    _command(commands, "delete", "remove a key for good").add_argument("who")
    return parser


def _command(commands: Any, name: str, what: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=what, description=what)
    parser.add_argument("--json", action="store_true", help="write JSON")
    parser.add_argument("--config", metavar="FILE", help="the configuration; as of scripts/start")
    parser.add_argument("--file", type=Path, help="the keys file, in place of clients.keys-file")
    return parser


def _add_settings(parser: argparse.ArgumentParser, count: str) -> None:
    parser.add_argument(
        "settings", nargs=count, type=_setting, metavar="SETTING", help="NAME=VALUE"
    )


def _add_tool(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tool", choices=list(read_table()), default=ANY, help="the tool to set up"
    )
    parser.add_argument(
        "--router", metavar="URL", help="the router's address (default: this machine)"
    )


def _setting(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is no setting: write NAME=VALUE")
    try:
        return name, YAML(typ="safe").load(value) if value else None
    except YAMLError:
        raise argparse.ArgumentTypeError(f"the value of {name!r} is not YAML; quote it") from None


def _duration(text: str) -> float:
    try:
        return 0.0 if text == "0" else parse_duration(text)
    except UnitError as e:
        raise argparse.ArgumentTypeError(f"{text!r} {e}") from None


def _place(options: argparse.Namespace, environ: Mapping[str, str]) -> _Place:
    """Read of the configuration what is needed, whatever else is wrong with it.

    Raises ConfigError where it is no YAML, and so does not say where the keys are.
    """
    config = choose_config(options.config, environ)
    env = variables_beside(dotenv_of(config, environ), environ)
    text = read_regular(config).decode("utf-8-sig", "replace")
    document = read_document(text, str(config), env)
    data = document.data
    if data is None and document.problems and options.file is None:
        raise ConfigError(document.problems)
    clients = data.get("clients") if isinstance(data, dict) else None
    clients = clients if isinstance(clients, dict) else {}
    file, named = options.file, clients.get("keys-file")
    if file is None and isinstance(named, str):
        file = config.parent / Path(named).expanduser()
    entries = clients.get("api-keys")
    entries = entries if isinstance(entries, list) else []
    taken = frozenset(
        str(one["name"]) for one in entries if isinstance(one, dict) and "name" in one
    )
    policies = clients.get("policies")
    policies = frozenset(map(str, policies)) if isinstance(policies, dict) else frozenset[str]()
    return _Place(config, file, taken, policies, env)


def _run(options: argparse.Namespace, place: _Place, environ: Mapping[str, str]) -> None:
    if place.file is None:
        if options.command == "generate":
            _print_entry(options, place, environ)
            return
        raise KeyBookError(
            f"{place.config} names no keys file. Hint: add clients: {{keys-file: keys.yaml}}"
        )
    book = KeyBook(place.file, place.env, place.taken, place.policies)
    match options.command:
        case "generate":
            issued = book.add(_named(options))
            _show_issued(options, issued, book.find(issued.id), environ)
        case "rotate":
            issued = book.rotate(options.who, options.grace, datetime.now(UTC))
            _show_issued(options, issued, book.find(issued.id), environ)
        case "list":
            _print_list(options, book.keys())
        case "show":
            _print_key(options, book.find(options.who))
        case "set":
            _print_key(options, book.change(options.who, dict(options.settings)))
        case "block":
            _print_key(options, book.change(options.who, {"blocked": True}))
        case "unblock":
            _print_key(options, book.change(options.who, {"blocked": None}))
        case "delete":
            key = book.remove(options.who)
            if options.json:
                print(json.dumps({"deleted": key.id or key.name}))
            else:
                print(f"deleted {key.label}; requests with it are refused from now on")


def _named(options: argparse.Namespace) -> dict[str, object]:
    settings = {"name": options.name} if options.name else {}
    return settings | dict(options.settings)


def _print_entry(options: argparse.Namespace, place: _Place, environ: Mapping[str, str]) -> None:
    """Show a key, and what to write into a configuration that names no keys file."""
    issued = issue_key()
    entry: dict[str, object] = {"id": issued.id, "key-hash": issued.hash}
    apply_settings(entry, _named(options))
    if options.json:
        print(_json(_issued(options, issued, environ) | {"entry": entry}))
        return
    _print_issued(options, issued, options.name or issued.id, environ)
    out = StringIO()
    yaml = YAML()
    yaml.width = 4096  # no value is folded
    yaml.dump({"clients": {"api-keys": [entry]}}, out)
    print(f"\n{place.config} names no clients.keys-file. Add the key there by hand:\n")
    print(out.getvalue())


def _show_issued(
    options: argparse.Namespace, issued: IssuedKey, stored: StoredKey, environ: Mapping[str, str]
) -> None:
    if options.json:
        print(_json(_issued(options, issued, environ) | key_members(stored)))
        return
    _print_issued(options, issued, stored.key.label, environ)
    for one in stored.key.previous:
        print(f"\nThe key before is accepted until {one.until.isoformat(timespec='seconds')}.")


def _print_issued(
    options: argparse.Namespace, issued: IssuedKey, label: str, environ: Mapping[str, str]
) -> None:
    print(f"The key of {label}. It is shown this once; only its hash is kept:\n\n  {issued.text}\n")
    print("To use it:\n")
    for line in setup_lines(options.tool, _router(options, environ), issued.text):
        print(f"  {line}")


def _issued(
    options: argparse.Namespace, issued: IssuedKey, environ: Mapping[str, str]
) -> dict[str, object]:
    router = _router(options, environ)
    variables = tool_environment(options.tool, router, issued.text)
    return {"id": issued.id, "key": issued.text, "environment": variables}


def _router(options: argparse.Namespace, environ: Mapping[str, str]) -> str:
    port = environ.get("SWITCHYARD_PORT") or environ.get("PORT") or "8787"
    return (options.router or f"http://127.0.0.1:{port}").rstrip("/")


def _print_list(options: argparse.Namespace, keys: Sequence[StoredKey]) -> None:
    if options.json:
        print(_json([key_members(one) for one in keys]))
    elif not keys:
        print("No keys yet. scripts/keys generate NAME makes one.")
    else:
        rows = [_row(one.key) for one in keys]
        print(table(["Name", "Id", "State", "Policy", "Expires"], rows))


def _row(key: ClientKey) -> list[str]:
    expires = key.expires.date().isoformat() if key.expires else "-"
    return [key.name or "-", key.id or "-", state_of(key, time.time()), key.extends or "-", expires]


def _print_key(options: argparse.Namespace, stored: StoredKey) -> None:
    members = _json(key_members(stored))
    if not options.json:
        out = StringIO()
        YAML().dump(json.loads(members), out)
        members = out.getvalue().rstrip()
    print(members)


def state_of(key: ClientKey, now: float) -> str:
    """Whether a key is accepted at a moment (Unix seconds): `active`, `blocked` or `expired`."""
    if key.blocked:
        return "blocked"
    if key.expires is not None and key.expires.timestamp() <= now:
        return "expired"
    return "active"


def key_members(stored: StoredKey) -> dict[str, object]:
    """Return what a key's entry says, as the file writes it, with its state."""
    key = stored.key
    members: dict[str, object] = {"id": key.id, "state": state_of(key, time.time())}
    if key.previous:
        members["previous-until"] = [one.until for one in key.previous]
    return {**members, **stored.written}


def _json(value: object) -> str:
    return json.dumps(value, default=lambda one: one.isoformat())
