"""The command `config`: looks at the configuration file and changes it in place.

It needs no running router; one that runs puts the change in force within a second.
"""

import argparse
import getpass
import os
import re
import sqlite3
import sys
import time
from collections.abc import Mapping
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from switchyard.config.editing.config_file import Stale
from switchyard.config.editing.editor import ConfigDraft
from switchyard.config.editing.editor import ConfigEditor
from switchyard.config.editing.editor import masked_diff
from switchyard.config.editing.masking import Masks
from switchyard.config.editing.pieces import NotEditable
from switchyard.config.editing.pieces import read_plain
from switchyard.config.editing.rendering import render_block
from switchyard.config.load import load_config
from switchyard.config.problems import ConfigError
from switchyard.config.variables import variables_beside
from switchyard.files import DEFAULT_CONFIG
from switchyard.files import choose_config
from switchyard.files import dotenv_of
from switchyard.files import user_config
from switchyard.programs import program_of
from switchyard.values.counts import counted
from switchyard.values.output_errors import is_of_output

_STEP = re.compile(r"\"([^\"]*)\"|'([^']*)'|\[(\d+)\]|([^.\[\]\"']+)")
EPILOG = """\
KEY is a dotted path: retry.deadline, providers[0].base-url, providers.openai.models,
aliases."glm-4.7".
VALUE is YAML: 5s, true, [a, b], {name: x}. Secrets are shown as sk-...wxyz.
"""


class CommandError(Exception):
    """Why a command cannot be carried out, in words for the user."""


def main(arguments: Sequence[str]) -> int:
    """Carries out a command; returns the exit status: 1 for problems, 2 for wrong use."""
    asked = make_parser().parse_args(arguments)
    environ = dict(os.environ)
    path = choose_config(asked.file, environ)
    try:
        env = variables_beside(dotenv_of(path, environ), environ)
        return _COMMANDS[asked.command](asked, path, env)
    except ConfigError as e:
        print(e, file=sys.stderr)
    except (CommandError, NotEditable) as e:
        print(f"config: {e}", file=sys.stderr)
    except Stale:
        print("config: the file changed meanwhile; nothing was written", file=sys.stderr)
    except OSError as e:
        if is_of_output(e):
            raise
        print(f"config: {path}: {e.strerror or e}", file=sys.stderr)
    return 1


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog=program_of("config"),
        description="Looks at the configuration file and changes it; all else of it stays.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--file", "--config", metavar="FILE", help="the configuration; default: the router's"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="report every problem, one a line; status 1 if any")
    check.add_argument("files", nargs="*", metavar="FILE", help="default: the configuration")
    get = commands.add_parser("get", help="print a value, or all")
    get.add_argument("key", nargs="?", default="")
    change = commands.add_parser("set", help="set a value")
    change.add_argument("key")
    change.add_argument("value")
    remove = commands.add_parser("unset", help="remove a value")
    remove.add_argument("key")
    for one in (change, remove):
        one.add_argument("--dry-run", action="store_true", help="show the change only")
    diff = commands.add_parser("diff", help="show what changed since a version")
    diff.add_argument("version", nargs="?", help="default: the one before the present")
    commands.add_parser("history", help="list the versions that are kept")
    restore = commands.add_parser("restore", help="make a version the present one again")
    restore.add_argument("version")
    restore.add_argument("--dry-run", action="store_true", help="show the change only")
    explain = commands.add_parser("explain", help="show which plan a model's name leads to")
    explain.add_argument("model")
    explain.add_argument("--key", help="the name or id of a client key")
    return parser


def _check(asked: argparse.Namespace, path: Path, env: Mapping[str, str]) -> int:
    files = [Path(name).expanduser() for name in asked.files] or [path]
    status = 0
    for file in files:
        try:
            beside = variables_beside(dotenv_of(file, dict(os.environ)), dict(os.environ))
            _check_file(file, env if file == path else beside)
        except ConfigError as e:
            print(e, file=sys.stderr)
            status = 1
    return status


def _check_file(path: Path, env: Mapping[str, str]) -> None:
    config = load_config(path, env)
    for notice in config.notices:
        print(f"note: {notice}")
    print(f"{path} is valid: {counted(len(config.providers), 'live provider')}")


def _get(asked: argparse.Namespace, path: Path, env: Mapping[str, str]) -> int:
    path.stat()  # of a file that is not there, null would be told
    text = _editor(path, env).content().decode("utf-8-sig", "replace")
    value: Any = Masks(text).masked(read_plain(text))
    for step in steps_of(asked.key):
        value = _inner(value, step)
    print(render_block(value, 0))
    return 0


def _set(asked: argparse.Namespace, path: Path, env: Mapping[str, str]) -> int:
    value, steps = read_plain(asked.value), steps_of(asked.key)
    return _change(asked, path, env, f"set {asked.key}", lambda given: put(given, steps, value))


def _unset(asked: argparse.Namespace, path: Path, env: Mapping[str, str]) -> int:
    steps = steps_of(asked.key)
    return _change(asked, path, env, f"unset {asked.key}", lambda given: take(given, steps))


def _change(
    asked: argparse.Namespace, path: Path, env: Mapping[str, str], action: str, change: Any
) -> int:
    editor = _editor(path, env)
    return _write(asked, editor, editor.draft(change), action)


def _diff(asked: argparse.Namespace, path: Path, env: Mapping[str, str]) -> int:
    file = _editor(path, env).file
    present = file.read()
    versions = file.versions()
    chosen = asked.version or next(
        (one.id for one in versions if file.version(one.id) != present), None
    )
    before = file.version(chosen) if chosen else None
    if before is None:
        raise CommandError("there is no such version; history lists them")
    print(
        masked_diff(before.decode("utf-8", "replace"), present.decode("utf-8", "replace")), end=""
    )
    return 0


def _history(_: argparse.Namespace, path: Path, env: Mapping[str, str]) -> int:
    versions = _editor(path, env).file.versions()
    if not versions:
        print("no version is kept yet: the first change makes one")
    for one in versions:
        moment = datetime.fromtimestamp(one.at).astimezone()
        print(f"{one.id}  {moment:%Y-%m-%d %H:%M:%S %Z}")
    return 0


def _restore(asked: argparse.Namespace, path: Path, env: Mapping[str, str]) -> int:
    editor = _editor(path, env)
    if (draft := editor.draft_version(asked.version)) is None:
        raise CommandError("there is no such version; history lists them")
    return _write(asked, editor, draft, f"restore {asked.version}")


def _explain(asked: argparse.Namespace, path: Path, env: Mapping[str, str]) -> int:
    from switchyard.clients.key_table import KeyTable
    from switchyard.routing.explanation import explain

    config = load_config(path, env)
    keys = {label: one for one in KeyTable(config.clients) for label in (one.label, one.id)}
    if asked.key is not None and asked.key not in keys:
        raise CommandError("there is no client key of this name or id")
    told = explain(config, asked.model, keys.get(asked.key or ""))
    print(told.as_text())
    return 0 if told.served else 1


_COMMANDS = {
    "check": _check,
    "get": _get,
    "set": _set,
    "unset": _unset,
    "diff": _diff,
    "history": _history,
    "restore": _restore,
    "explain": _explain,
}


def _editor(path: Path, env: Mapping[str, str]) -> ConfigEditor:
    """Returns an editor; changes of the default that comes with the code go to the user's file."""
    if path == DEFAULT_CONFIG:
        return ConfigEditor(user_config(os.environ), env, DEFAULT_CONFIG)
    return ConfigEditor(path, env)


def _write(asked: argparse.Namespace, editor: ConfigEditor, draft: ConfigDraft, action: str) -> int:
    print(draft.diff or "nothing changes\n", end="")
    for notice in draft.config.notices:
        print(f"note: {notice}")
    if asked.dry_run or draft.before == draft.after:
        return 0
    from switchyard.management.audit import Audit
    from switchyard.management.audit import AuditRow
    from switchyard.management.places import management_folder

    editor.write(draft)
    row = AuditRow(
        at=time.time(),
        who=getpass.getuser(),
        via="shell",
        action=action,
        diff=draft.diff,
        etag=draft.etag,
    )
    try:
        Audit(management_folder(draft.config)).add(row)
    except (sqlite3.Error, OSError) as e:
        print(f"config: written, but the audit cannot be: {e}", file=sys.stderr)
    return 0


def steps_of(key: str) -> list[str | int]:
    """Returns the steps of a dotted path. Raises CommandError."""
    steps: list[str | int] = []
    at = 0
    while at < len(key):
        match = _STEP.match(key, at)
        if match is None:
            raise CommandError(f"{key!r} is no path; write aliases.fast or providers[0].name")
        steps.append(int(match[3]) if match[3] else next(filter(None, match.groups()), ""))
        at = match.end()
        if at < len(key) and key[at] == ".":
            at += 1
    return steps


def put(given: Any, steps: Sequence[str | int], value: object) -> None:
    """Sets a value at a path; mappings on the way are made. Raises CommandError."""
    if not steps:
        raise CommandError("name a key")
    for step, after in pairwise(steps):
        if isinstance(given, dict) and given.get(str(step)) is None:
            given[str(step)] = [] if isinstance(after, int) else {}
        given = _inner(given, step)
    last = steps[-1]
    if isinstance(given, list) and isinstance(last, int) and last == len(given):
        given.append(value)
    elif isinstance(given, dict):
        given[str(last)] = value
    else:
        given[_place(given, last)] = value


def take(given: Any, steps: Sequence[str | int]) -> None:
    """Removes what is at a path. Raises CommandError."""
    if not steps:
        raise CommandError("name a key")
    for step in steps[:-1]:
        given = _inner(given, step)
    _inner(given, steps[-1])
    if isinstance(given, dict):
        del given[str(steps[-1])]
    else:
        del given[_place(given, steps[-1])]


def _inner(value: Any, step: str | int) -> Any:
    if isinstance(value, dict) and str(step) in value:
        return value[str(step)]
    if isinstance(value, list):
        return value[_place(value, step)]
    raise CommandError(f"there is no {step!r}")


def _place(items: Any, step: str | int) -> int:
    """Returns where an item stands: by its position or its name."""
    if isinstance(items, list):
        if isinstance(step, int) and step < len(items):
            return step
        for at, item in enumerate(items):
            if isinstance(item, dict) and step in (item.get("name"), item.get("preset")):
                return at
    raise CommandError(f"there is no {step!r}")
