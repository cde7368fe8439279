"""Reports of usage over HTTP: `GET /v0/usage`, for the key that asks."""

import sqlite3
import time
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import timedelta
from datetime import tzinfo
from typing import get_args
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo
from zoneinfo import ZoneInfoNotFoundError

from switchyard.exchange.guard import Refused
from switchyard.usage.cache_breaks import break_members
from switchyard.usage.cache_breaks import breaks_of_days
from switchyard.usage.kept_windows import tracks_behind
from switchyard.usage.kept_windows import tracks_of
from switchyard.usage.ledger import WINDOWS_SINCE
from switchyard.usage.places import RecordPlace
from switchyard.usage.places import open_pages
from switchyard.usage.places import open_reader
from switchyard.usage.plans import PaidPlan
from switchyard.usage.plans import plan_members
from switchyard.usage.queries import Question
from switchyard.usage.reader import UsageReader
from switchyard.usage.report_options import DAYS
from switchyard.usage.report_options import SELECTIONS
from switchyard.usage.report_options import takes
from switchyard.usage.reports import ReportKind
from switchyard.usage.reports import as_json
from switchyard.usage.reports import blocks_as_json
from switchyard.usage.reports import make_blocks
from switchyard.usage.reports import make_report
from switchyard.usage.reports import question_of
from switchyard.usage.reports import report_plans
from switchyard.usage.row_pages import RowQuestion
from switchyard.usage.session_reader import SessionReader
from switchyard.usage.window_book import window_members
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.errors import ApiError

_SECONDS = 5.0
"""How long a report may take."""

_LAST = 200
"""Requests of a key whose providers' windows it is shown."""
_KINDS: tuple[str, ...] = (*get_args(ReportKind.__value__), "blocks", "caches", "quota")
_SELECTING = tuple(name for name in SELECTIONS if name != "key")
"""A key sees its own requests alone."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a query asks for."""

    place: RecordPlace
    client: str | None
    """The name of the key that asks; None sees all."""
    zone: tzinfo
    since: date | None
    until: date | None
    chosen: Mapping[str, str]
    """What the query selects, by dimension."""

    @property
    def where(self) -> dict[str, str]:
        return {**self.chosen, **({"client_key": self.client} if self.client is not None else {})}

    @property
    def reader(self) -> UsageReader:
        return open_reader(self.place, _SECONDS)

    @property
    def rows(self) -> SessionReader | None:
        """What sums up the session that is selected, if one is."""
        if "session" not in self.chosen:
            return None
        return SessionReader(open_pages(self.place, _SECONDS))

    def days(self, without: int) -> Question:
        """The requests of the days that are asked for, else of so many up to today."""
        since = self.since or datetime.now(self.zone).date() - timedelta(days=without)
        return question_of(self.zone, since, self.until, self.where)


def usage_report(
    place: RecordPlace | None, path: str, client: str | None, plans: Sequence[PaidPlan] = ()
) -> JsonObject:
    """Return the report that a request's path asks for. Blocks on the store.

    `report` in the query is a kind of `scripts/usage`, `daily` where it is missing; `since` and
    `until` are days (`2026-11-01`, `7d`), `tz` is a time zone; `project`, `model`, `provider`,
    `tool` and `session` select, a session by its rows, as far back as those are kept. Caches take
    none of these but `session`, `quota` nothing at all.
    `client` is the name of the key that asked: it sees its own requests. None sees all, and the
    fees of `plans`. Raises Refused.
    """
    if place is None:
        raise Refused(
            ApiError(message="This router keeps no usage (usage: off).", kind="not_found")
        )
    query = dict(parse_qsl(path.partition("?")[2]))
    kind = query.pop("report", "daily")
    if kind not in _KINDS:
        raise _wrong("report", f"is one of {', '.join(_KINDS)}")
    for name in query:
        if name not in (*_SELECTING, *DAYS):
            raise _wrong(name, "is not known")
        if not takes(kind, name):
            raise _wrong(name, f"is not for {kind}")
    zone = _zone(query.get("tz", "UTC"))
    since, until = (_day(name, query.get(name), zone) for name in ("since", "until"))
    chosen = {name: query[name] for name in _SELECTING if name in query}
    asked = _Asked(place, client, zone, since, until, chosen)
    try:
        if kind in _VIEWS:
            return {"key": client, **_VIEWS[kind](asked, time.time())}
        return {"key": client, **_sums(asked, kind, plans)}  # pyright: ignore[reportArgumentType]
    except sqlite3.Error:
        message = "The usage records cannot be read just now. Try again later."
        raise Refused(ApiError(message=message, kind="unavailable")) from None


def _sums(asked: _Asked, kind: ReportKind, plans: Sequence[PaidPlan]) -> JsonObject:
    reader, days = asked.reader, (asked.zone, asked.since, asked.until)
    report = make_report(reader, kind, *days, asked.where, rows=asked.rows)
    shown = () if asked.where else plans
    costs = report_plans(reader, shown, *days, time.time())
    members = {"subscriptions": [plan_members(one) for one in costs]} if costs else {}
    return {**as_json(report), **members}


def _blocks(asked: _Asked, now: float) -> JsonObject:
    source = asked.rows or asked.reader
    return {"blocks": blocks_as_json(make_blocks(source.hours(asked.days(3)), now), now)}


def _caches(asked: _Asked, now: float) -> JsonObject:
    found = breaks_of_days(asked.reader, asked.days(7), asked.chosen.get("session"), asked.client)
    return {"caches": break_members(found)}


def _quota(asked: _Asked, now: float) -> JsonObject:
    tracks = tracks_of(asked.reader, now)
    if asked.client is not None:
        question = RowQuestion(since=now - WINDOWS_SINCE, where=asked.where)
        tracks = tracks_behind(open_pages(asked.place, _SECONDS).page(question, _LAST), tracks)
    return {"windows": [window_members(*one, now) for one in tracks]}


_VIEWS: dict[str, Callable[[_Asked, float], JsonObject]] = {
    "blocks": _blocks,
    "caches": _caches,
    "quota": _quota,
}


def _day(name: str, text: str | None, zone: tzinfo) -> date | None:
    if text is None:
        return None
    try:
        if text.endswith("d") and text[:-1].isdecimal():
            return datetime.now(zone).date() - timedelta(days=int(text[:-1]))
        return date.fromisoformat(text)
    except (ValueError, OverflowError):
        raise _wrong(name, "is a day: 2026-11-01 or 7d") from None


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _wrong("tz", "is a time zone such as Europe/Berlin") from None


def _wrong(name: str, what: str) -> Refused:
    message = f"The query's {name[:40]!r} {what}."
    return Refused(ApiError(message=message, kind="invalid_request", param=name[:40]))
