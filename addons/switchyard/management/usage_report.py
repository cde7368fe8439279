"""Reports of usage over HTTP: `GET /v0/usage`, for the key that asks."""

import sqlite3
import time
from collections.abc import Sequence
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
from switchyard.usage.places import RecordPlace
from switchyard.usage.places import open_pages
from switchyard.usage.places import open_reader
from switchyard.usage.plans import PaidPlan
from switchyard.usage.plans import plan_members
from switchyard.usage.reports import ReportKind
from switchyard.usage.reports import as_json
from switchyard.usage.reports import make_report
from switchyard.usage.reports import report_plans
from switchyard.usage.session_reader import SessionReader
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.errors import ApiError

_SECONDS = 5.0
"""How long a report may take."""

_KINDS: tuple[str, ...] = get_args(ReportKind.__value__)
_SELECTING = ("project", "model", "provider", "tool", "session")


def usage_report(
    place: RecordPlace | None, path: str, client: str | None, plans: Sequence[PaidPlan] = ()
) -> JsonObject:
    """Return the report that a request's path asks for. Blocks on the store.

    `report` in the query is a kind of `scripts/usage`, `daily` where it is missing; `since` and
    `until` are days (`2026-11-01`, `7d`), `tz` is a time zone; `project`, `model`, `provider`,
    `tool` and `session` select, a session by its rows, as far back as those are kept.
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
    zone = _zone(query.pop("tz", "UTC"))
    since, until = (_day(name, query.pop(name, None), zone) for name in ("since", "until"))
    where = {name: query.pop(name) for name in _SELECTING if name in query}
    if query:
        raise _wrong(next(iter(query)), "is not known")
    if client is not None:
        where["client_key"] = client
    try:
        reader = open_reader(place, _SECONDS)
        rows = SessionReader(open_pages(place, _SECONDS)) if "session" in where else None
        report = make_report(reader, kind, zone, since, until, where, rows=rows)  # pyright: ignore[reportArgumentType]
        shown = () if where else plans
        costs = report_plans(reader, shown, zone, since, until, time.time())
    except sqlite3.Error:
        message = "The usage records cannot be read just now. Try again later."
        raise Refused(ApiError(message=message, kind="unavailable")) from None
    members = {"subscriptions": [plan_members(one) for one in costs]} if costs else {}
    return {"key": client, **as_json(report), **members}


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
