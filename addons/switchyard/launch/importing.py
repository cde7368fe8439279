"""`scripts/import`: takes another router's configuration over into a new file."""

import argparse
import getpass
import os
import sys
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from pathlib import Path

from switchyard.files import user_config
from switchyard.importers.draft import Draft
from switchyard.importers.importing import Imported
from switchyard.importers.importing import ImportOptions
from switchyard.importers.importing import import_members
from switchyard.importers.litellm_keys import add_litellm_keys
from switchyard.importers.members import SourceMembers
from switchyard.importers.members import collapsed
from switchyard.importers.pruning import NothingImported
from switchyard.importers.reading import UnreadableSource
from switchyard.importers.reading import read_source
from switchyard.importers.rendering import Heading
from switchyard.importers.rendering import render_variables
from switchyard.importers.sources import SOURCES
from switchyard.importers.sources import found_sources
from switchyard.launch.remote_sources import ImportTrouble
from switchyard.launch.remote_sources import fetch_channels
from switchyard.launch.remote_sources import fetch_litellm_keys
from switchyard.routing.explanation import explain
from switchyard.values.files import write_new

PROGRAM = "scripts/import"

_MOST_EXPLAINED = 5
_REMOTE = ("new-api", "one-api")
"""Sources that are read by their API where an address is given."""

_EPILOG = """\
Without a source it looks for the files of these routers on this machine. The new file is checked
before it is written. Its secrets go to the file .env beside it, with mode 0600.
"""


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser of the command's options."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Takes the configuration of another router over into a new file.",
        epilog=_EPILOG,
    )
    parser.add_argument("source", nargs="?", choices=sorted(SOURCES), help="the other router")
    parser.add_argument("file", nargs="?", type=Path, help="its file; looked for if left out")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the new file")
    parser.add_argument(
        "--inline-secrets", action="store_true", help="keep secrets in the new file itself"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the new file and write nothing"
    )
    parser.add_argument(
        "--url",
        help="with litellm: read the keys of the proxy at this address as well; the master key is "
        "taken from LITELLM_MASTER_KEY, or asked for. With new-api or one-api: read channels and "
        "tokens there instead of a file; the administrator's access token is taken from "
        "NEW_API_TOKEN, or asked for, and the user's id from NEW_API_USER (1)",
    )
    return parser


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Runs the command and returns its exit status."""
    options = make_parser().parse_args(arguments)
    try:
        return _run(options, environ)
    except ImportTrouble as trouble:
        print(f"{PROGRAM}: {trouble}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    is_remote = options.url is not None and options.source in _REMOTE
    source, path = (options.source, None) if is_remote else _chosen(options, environ)
    output = (options.output or user_config(environ)).expanduser().absolute()
    variables = output.parent / ".env"
    if not options.dry_run:
        _check_free(output, None if options.inline_secrets else variables)
    data = _fetched(options, environ) if path is None else _read(source, path)
    heading = Heading(
        f"{source} ({path.name if path else options.url})", datetime.now(UTC).date().isoformat()
    )
    making = ImportOptions(environ, output, options.inline_secrets)
    try:
        made = import_members(
            data, SOURCES[source].draft, heading, making, *_more(options, source, environ)
        )
    except NothingImported as error:
        raise ImportTrouble(f"nothing is written: {error}. See docs/importing.md") from None
    if options.dry_run:
        print(made.text)
    else:
        _write(output, made.text)
        if made.variables:
            _write(variables, render_variables(made.variables, output.name))
    print("\n".join(_report(made, output, variables, dry_run=options.dry_run)))
    return 0


def _read(source: str, path: Path) -> Mapping[str, object]:
    try:
        return read_source(path)
    except UnreadableSource as error:
        raise ImportTrouble(f"{path} {error}. Name the file: {PROGRAM} {source} FILE") from None


def _fetched(options: argparse.Namespace, environ: Mapping[str, str]) -> Mapping[str, object]:
    token = environ.get("NEW_API_TOKEN") or getpass.getpass("Access token: ")
    user = environ.get("NEW_API_USER") or "1"
    return fetch_channels(options.source, options.url, token, user)


def _chosen(options: argparse.Namespace, environ: Mapping[str, str]) -> tuple[str, Path]:
    """Returns the source and its file."""
    if options.file is not None:
        return options.source, options.file.expanduser()
    found = found_sources(Path.home(), environ)
    fitting = [one for one in found if options.source in (None, one[0])]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        listed = "".join(f"\n  {PROGRAM} {source} {path}" for source, path in fitting)
        raise ImportTrouble(f"found several configurations. Choose one:{listed}")
    what = options.source or "any other router"
    raise ImportTrouble(f"no file of {what} found. Name it: {PROGRAM} SOURCE FILE")


def _more(
    options: argparse.Namespace, source: str, environ: Mapping[str, str]
) -> list[tuple[Callable[[Draft, SourceMembers], None], Mapping[str, object]]]:
    if not options.url or source in _REMOTE:
        return []
    if source != "litellm":
        known = "litellm, new-api and one-api"
        raise ImportTrouble(f"--url is for {known} alone, not for {source}. Leave it out")
    key = environ.get("LITELLM_MASTER_KEY") or getpass.getpass("LiteLLM master key: ")
    return [(add_litellm_keys, {"keys": fetch_litellm_keys(options.url, key)})]


def _check_free(output: Path, variables: Path | None) -> None:
    if os.path.lexists(output):
        raise ImportTrouble(f"{output} is there already and stays as it is. Name another: --output")
    if variables is not None and os.path.lexists(variables):
        hint = "Name a file in another folder with --output, or use --inline-secrets"
        raise ImportTrouble(f"{variables} is there already and stays as it is. {hint}")


def _write(path: Path, text: str) -> None:
    """Writes a new file that only its owner can read; never over another one."""
    try:
        write_new(path, text)
    except OSError as error:
        raise ImportTrouble(
            f"cannot write {path}: {error.strerror}. Name another: --output"
        ) from None


def _report(made: Imported, output: Path, variables: Path, *, dry_run: bool) -> list[str]:
    lines: list[str] = []
    for title, group in (
        ("Works otherwise", made.report.notes),
        ("Left out", made.report.left_out),
    ):
        if group:
            lines += [f"{title}:", *(f"  {one}" for one in collapsed(group)), ""]
    for name in made.main_models[:_MOST_EXPLAINED]:
        lines += [explain(made.config, name).as_text(), ""]
    if made.missing:
        lines.append(f"set these variables before the start: {', '.join(made.missing)}")
    if dry_run:
        return [*lines, "nothing was written (--dry-run)"]
    lines.append(f"wrote {output}")
    if made.variables:
        lines.append(f"wrote {variables} with {len(made.variables)} secrets (mode 0600)")
    own = "" if output == user_config(os.environ) else f" {output}"
    return [*lines, f"next: scripts/start{own} --check, then scripts/start{own}"]
