"""The tables of the usage store, as data that every database's dialect is made from.

`requests` and `attempts` hold the finished rows of one month, `running` what is under way. The
totals sum up finished rows: `hourly` and `daily` by who asked and who answered, `sessions` by
session. Rollups sum up totals once more, for reports over all of them.
"""

from dataclasses import dataclass
from typing import Literal

from switchyard.usage.records import TOKEN_CLASSES

VERSIONS = {"main": 3, "month": 1}
"""Of the tables in the file of totals and in one of rows; other versions are refused.

Version 1 of the totals had no rollups, version 2 no counts of unknown list prices.
"""

type ColumnKind = Literal["id", "int", "text", "name", "real"]
"""`id` is 16 bytes; `name` is a text kept once, in `names`, and referred to by number."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `sums` says that a total adds it up."""

    name: str
    kind: ColumnKind
    sums: bool = False


def _columns(kind: ColumnKind, *names: str, sums: bool = False) -> tuple[Column, ...]:
    return tuple(Column(name, kind, sums) for name in names)


_TOKENS = _columns("int", *TOKEN_CLASSES)

REQUESTS = (
    Column("id", "id"),
    Column("started", "real"),
    *_columns("name", "operation", "client_key", "tool", "tool_version", "session", "project"),
    *_columns("name", "format_in", "format_out", "asked_model", "combo", "provider", "model"),
    *_columns("name", "credential", "state", "error"),
    *_columns("int", "status", "streamed", "attempts"),
    *_TOKENS,
    *_columns("name", "source", "billing", "price_source", "cache_verdict"),
    *_columns("int", "cost", "list_cost", "queue_ms", "head_ms", "first_output_ms", "end_ms"),
    *_columns("int", "bytes_in", "bytes_out"),
    *_columns("name", "dropped", "writer"),
)

ATTEMPTS = (
    Column("request", "id"),
    Column("number", "int"),
    Column("started", "real"),
    *_columns("name", "provider", "model", "credential", "format", "outcome"),
    *_columns("int", "status", "head_ms", "first_output_ms", "end_ms"),
    *_TOKENS,
    *_columns("int", "cost", "list_cost"),
)

SUMS = (
    *_columns("int", "requests", "failed", "attempts", *TOKEN_CLASSES, sums=True),
    *_columns("int", "cost", "list_cost", "unpriced", "covered", sums=True),
    *_columns("int", "unlisted", "uncovered", sums=True),
    *_columns("int", "first_output_ms", "with_output", "end_ms", sums=True),
)
"""`unpriced` counts requests with tokens and no known cost. `covered` is the list cost of requests
that a plan paid for. `unlisted` counts requests with tokens and no known list price, `uncovered`
those among them that a plan paid for. `first_output_ms` and `end_ms` are sums; `with_output` counts
the former."""

NEWER_SUMS = ("unlisted", "uncovered")
"""Sums that tables made by an earlier Switchyard lack."""

DIMENSIONS = _columns("name", "client_key", "tool", "project", "provider", "model", "billing")

HOURLY = (Column("bucket", "int"), *DIMENSIONS, *SUMS, *_columns("real", "first", "last"))
DAILY = HOURLY
SESSIONS = (
    Column("session", "name"),
    *DIMENSIONS,
    *SUMS,
    *_columns("real", "first", "last"),
)

MONTHLY = HOURLY
MODEL_HOURS = (
    Column("bucket", "int"),
    Column("model", "name"),
    *SUMS,
    *_columns("real", "first", "last"),
)
WHOLE_SESSIONS = (Column("session", "name"), *SUMS, *_columns("real", "first", "last"))

WINDOWS = (
    *_columns("name", "owner", "window"),
    Column("seen_at", "real"),
    *_columns("real", "used", "resets_at"),
    *_columns("int", "max", "remaining"),
    *_columns("name", "status", "source"),
)
"""Snapshots of windows; `owner` is a credential's label, or the fingerprint of a login."""

ROW_TABLES = {"requests": REQUESTS, "running": REQUESTS, "attempts": ATTEMPTS}
TOTAL_TABLES = {"hourly": HOURLY, "daily": DAILY, "sessions": SESSIONS}
"""Sums of finished rows."""
ROLLUPS = {"monthly": MONTHLY, "model_hours": MODEL_HOURS, "whole_sessions": WHOLE_SESSIONS}
"""Sums of totals, by fewer keys."""
SOURCES = {"monthly": "daily", "model_hours": "hourly", "whole_sessions": "sessions"}
"""The totals that a rollup sums up."""
MAIN_TABLES = {**TOTAL_TABLES, **ROLLUPS, "windows": WINDOWS}
"""What stands beside the files of months."""

KEYS = {
    "requests": ("id",),
    "running": ("id",),
    "attempts": ("request", "number"),
    "hourly": ("bucket", *(one.name for one in DIMENSIONS)),
    "daily": ("bucket", *(one.name for one in DIMENSIONS)),
    "monthly": ("bucket", *(one.name for one in DIMENSIONS)),
    "model_hours": ("bucket", "model"),
    "whole_sessions": ("session",),
    "windows": ("owner", "window", "seen_at"),
    "sessions": ("session", *(one.name for one in DIMENSIONS)),
}

FAILED_STATUS = 400
"""HTTP statuses from here on are failures."""

ROW_INDEXES = {
    "requests_of_breaks": (
        "ON requests (started, session, cache_verdict, input, cache_write_5m, cache_write_1h)"
        " WHERE cache_verdict != 0"
    ),
    "requests_of_sessions": "ON requests (session, id)",
    "requests_of_states": "ON requests (state, id)",
    "requests_of_errors": "ON requests (error, id) WHERE error != 0",
    "requests_of_statuses": f"ON requests (status, id) WHERE status >= {FAILED_STATUS}",
}
"""What finds few among many rows: caches that broke, with all that their report reads; the requests
of a session; those that failed. 0 is the number of no name."""

SECONDS = {"hourly": 3600, "daily": 86400}
"""Seconds in a bucket; buckets count from the Unix epoch.

Those of `monthly` are calendar months in UTC, counted from the year 0.
"""
