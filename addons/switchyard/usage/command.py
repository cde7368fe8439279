"""`scripts/usage`: reports of what was used, read from the store's files.

It needs no running router. It writes only to bring files of an earlier version up to date.
"""

import argparse
import contextlib
import gc
import json
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from datetime import datetime
from datetime import timedelta
from datetime import tzinfo
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo
from zoneinfo import ZoneInfoNotFoundError

from switchyard.programs import program_of
from switchyard.usage.block_table import block_table
from switchyard.usage.break_table import break_table
from switchyard.usage.cache_breaks import CacheBreak
from switchyard.usage.cache_breaks import break_members
from switchyard.usage.cache_breaks import breaks_of_days
from switchyard.usage.csv_output import write_csv
from switchyard.usage.csv_output import write_report_csv
from switchyard.usage.json_output import indented
from switchyard.usage.json_output import write_report
from switchyard.usage.kept_windows import tracks_of
from switchyard.usage.places import RecordPlace
from switchyard.usage.places import default_folder
from switchyard.usage.places import open_pages
from switchyard.usage.places import open_reader
from switchyard.usage.plans import PaidPlan
from switchyard.usage.plans import plan_members
from switchyard.usage.quota_table import quota_table
from switchyard.usage.reader import OldTables
from switchyard.usage.reader import UsageReader
from switchyard.usage.report_options import OPTIONS
from switchyard.usage.report_options import SELECTIONS
from switchyard.usage.report_options import takes
from switchyard.usage.reports import ReportKind
from switchyard.usage.reports import blocks_as_json
from switchyard.usage.reports import make_blocks
from switchyard.usage.reports import make_report
from switchyard.usage.reports import question_of
from switchyard.usage.reports import report_plans
from switchyard.usage.row_pages import RowPages
from switchyard.usage.session_reader import SessionReader
from switchyard.usage.sqlite import SqliteStore
from switchyard.usage.statusline import Facts
from switchyard.usage.statusline import status_line
from switchyard.usage.statusline import tracks_in_use
from switchyard.usage.store import StoreError
from switchyard.usage.tables import plan_table
from switchyard.usage.tables import report_table
from switchyard.usage.window_book import window_members

KINDS: tuple[str, ...] = get_args(ReportKind.__value__)

_NOTHING = "No request is on record for these days and choices."
_SECONDS = 60.0
"""How long a question may take: who asked can end it, and no request waits for it."""


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """What a configuration says of reports."""

    plans: Sequence[PaidPlan] = ()
    place: RecordPlace | None = None
    """Where records are kept; None: in the usual folder."""


NO_SETTINGS = ReportSettings()


def main(
    arguments: Sequence[str] | None = None,
    settings_of: Callable[[str | None], ReportSettings] = lambda named: NO_SETTINGS,
) -> int:
    """Run the command; return its exit status.

    `settings_of` reads a configuration, which is named or the one in use.
    """
    options = read_options(arguments)
    settings = settings_of(options.config)
    try:
        reader = _reader(options.dir, settings.place)
        if options.report == "statusline":
            print(_statusline(reader, sys.stdin.read(), options.tz, time.time()))
        elif options.report == "quota":
            _print_quota(reader, options, time.time())
        elif options.report == "caches":
            _print_breaks(reader, options, time.time())
        elif options.report == "blocks":
            _print_blocks(reader, options, settings.place, time.time())
        else:
            with _without_collecting():
                _print_report(reader, options, settings)
    except sqlite3.Error as e:
        print(f"usage: the records cannot be read: {e}", file=sys.stderr)
        return 1
    return 0


@contextlib.contextmanager
def _without_collecting() -> Iterator[None]:
    """Spares the search for garbage, which takes a third of a report of all sessions' time.

    Its hundreds of thousands of sums are no garbage before it is printed.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _reader(folder: Path | None, place: RecordPlace | None) -> UsageReader:
    if folder is None and place is not None:
        if place.server is not None:
            return open_reader(place, _SECONDS)
        folder = place.folder
    folder = folder or default_folder(dict(os.environ))
    reader = UsageReader(folder, _SECONDS)
    try:
        reader.check()
    except OldTables:
        with contextlib.suppress(StoreError):  # the report says what is wrong
            SqliteStore(folder, "upgrade").upgrade()
    return reader


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; exits as argparse does on a wrong one."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    for option in OPTIONS:
        if getattr(options, option) is not None and not takes(options.report, option):
            parser.error(f"{options.report} takes no --{option}")
    return options


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog=program_of("usage"),
        description="What requests used and cost. Counted by the router, not guessed from logs.",
    )
    reports = [*KINDS, "blocks", "caches", "quota", "statusline"]
    parser.add_argument(
        "report",
        nargs="?",
        default="daily",
        choices=reports,
        metavar="REPORT",
        help=f"daily (the default), {', '.join(reports[1:-1])} or {reports[-1]}",
    )
    parser.add_argument("--since", type=_day, metavar="DAY", help="first day: 2026-11-01 or 7d")
    parser.add_argument("--until", type=_day, metavar="DAY", help="last day")
    parser.add_argument("--tz", type=_zone, default=None, help="time zone; default: this machine's")
    parser.add_argument("--config", help="configuration with `usage` and `subscriptions`")
    parser.add_argument("--dir", type=Path, help="folder of the records")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="JSON with the members of ccusage")
    output.add_argument("--csv", action="store_true", help="comma-separated values")
    for option in SELECTIONS:
        parser.add_argument(f"--{option}", help=f"only this {option}")
    return parser


def _day(text: str) -> date:
    """A day as ISO 8601 or as ccusage writes it, or so many days back (`7d`)."""
    if text.endswith("d") and text[:-1].isdigit():
        return date.today() - timedelta(days=int(text[:-1]))
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day: write 2026-11-01 or 7d") from None


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise argparse.ArgumentTypeError(f"no time zone {name!r}: write Europe/Berlin") from None


def _local_zone() -> tzinfo:
    """This machine's zone, with its summer times where its name is known."""
    name = os.environ.get("TZ", "").removeprefix(":")
    target = os.path.realpath("/etc/localtime").partition("zoneinfo/")[2]
    for candidate in (name, target):
        try:
            if candidate:
                return ZoneInfo(candidate)
        except (ZoneInfoNotFoundError, ValueError):
            continue
    zone = datetime.now().astimezone().tzinfo
    assert zone is not None
    return zone


def _selection(options: argparse.Namespace) -> dict[str, str]:
    chosen = {name: getattr(options, option) for option, name in SELECTIONS.items()}
    return {name: value for name, value in chosen.items() if value is not None}


def _session_rows(options: argparse.Namespace, place: RecordPlace | None) -> SessionReader | None:
    """What sums up the rows of the session that is selected, if one is."""
    if options.session is None:
        return None
    if options.dir is None and place is not None:
        return SessionReader(open_pages(place, _SECONDS))
    return SessionReader(RowPages(options.dir or default_folder(dict(os.environ)), _SECONDS))


def _print_report(
    reader: UsageReader, options: argparse.Namespace, settings: ReportSettings
) -> None:
    zone = options.tz or _local_zone()
    days = (zone, options.since, options.until)
    # A fee is that of all requests: beside a part of them it would mislead.
    costs = report_plans(reader, () if _selection(options) else settings.plans, *days, time.time())
    report = make_report(
        reader,
        options.report,
        zone,
        options.since,
        options.until,
        _selection(options),
        models=options.json,
        rows=_session_rows(options, settings.place),
    )
    if options.json:
        members = {"subscriptions": [plan_members(one) for one in costs]} if costs else {}
        breaks = _breaks(reader, options, None) if options.report == "sessions" else None
        write_report(report, members, breaks, sys.stdout)
    elif options.csv:
        write_report_csv(report, sys.stdout)
    elif not report.entries:
        print(_NOTHING)
    else:
        print(report_table(report, _width()))
        if costs:
            print(f"\n{plan_table(costs)}")
        if report.total.sums["unpriced"] or report.total.sums["unlisted"]:
            print("\n+? some requests have no known price: their cost is not part of the sum.")


def _print_blocks(
    reader: UsageReader, options: argparse.Namespace, place: RecordPlace | None, now: float
) -> None:
    zone = options.tz or _local_zone()
    since = options.since or (datetime.now(zone) - timedelta(days=3)).date()
    source = _session_rows(options, place) or reader
    lines = source.hours(question_of(zone, since, options.until, _selection(options)))
    blocks = make_blocks(lines, now)
    if options.json:
        print(indented({"blocks": blocks_as_json(blocks, now)}))
    elif options.csv:
        write_csv(blocks_as_json(blocks, now), sys.stdout)
    elif not blocks:
        print(_NOTHING)
    else:
        print(block_table(blocks, zone, now, _width()))


def _print_breaks(reader: UsageReader, options: argparse.Namespace, now: float) -> None:
    """Prints the prompt caches that broke in the last week, or on the days that were asked for."""
    breaks = _breaks(reader, options, (datetime.fromtimestamp(now) - timedelta(days=7)).date())
    if options.json:
        print(indented({"caches": break_members(breaks)}))
        return
    if options.csv:
        write_csv(break_members(breaks), sys.stdout)
        return
    if not breaks:
        print("No prompt cache broke.")
        return
    print(break_table(breaks, _width()))


def _breaks(
    reader: UsageReader, options: argparse.Namespace, since: date | None
) -> list[CacheBreak]:
    days = question_of(options.tz or _local_zone(), options.since or since, options.until, None)
    return breaks_of_days(reader, days, options.session)


def _print_quota(reader: UsageReader, options: argparse.Namespace, now: float) -> None:
    tracks = tracks_of(reader, now)
    if options.json:
        print(indented({"windows": [window_members(*one, now) for one in tracks]}))
        return
    if options.csv:
        write_csv([window_members(*one, now) for one in tracks], sys.stdout)
        return
    if not tracks:
        print("No provider has reported a window yet.")
        return
    print(quota_table(tracks, now, _width()))


def _statusline(reader: UsageReader, text: str, zone: tzinfo | None, now: float) -> str:
    """The status line for what Claude Code writes to standard input; never fails."""
    try:
        told = json.loads(text)
        session = str(told["session_id"])
        model = told.get("model")
        asked = str(model["id"]) if isinstance(model, dict) and "id" in model else None
    except (ValueError, KeyError, TypeError):
        return "switchyard: no session_id on standard input"
    zone = zone or _local_zone()
    today = datetime.fromtimestamp(now, zone).date()
    answer = reader.last_answer(session, now - 86_400)
    sessions = make_report(reader, "sessions", zone, where={"session": session}, models=False)
    days = make_report(reader, "daily", zone, today, today)
    facts = Facts(
        asked=asked,
        provider=answer and answer.provider,
        model=answer and answer.model,
        session=sessions.total if sessions.entries else None,
        today=days.total,
        windows=tracks_in_use(
            tracks_of(reader, now), answer and answer.provider, answer and answer.credential
        ),
    )
    return status_line(facts, now)


def _width() -> int:
    """Columns of the terminal; of what is none, a pipe for example, enough for whole names."""
    return shutil.get_terminal_size((200, 24)).columns
