"""Reads totals back, on a connection of its own that cannot write."""

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any
from typing import NamedTuple
from typing import Protocol
from urllib.parse import quote

from switchyard.usage.queries import REPORTED
from switchyard.usage.queries import Question
from switchyard.usage.queries import buckets_sql
from switchyard.usage.queries import days_sql
from switchyard.usage.queries import dimensions_sql
from switchyard.usage.queries import hours_sql
from switchyard.usage.queries import month_begin
from switchyard.usage.queries import months_sql
from switchyard.usage.queries import parted_months
from switchyard.usage.queries import session_models_sql
from switchyard.usage.queries import sessions_sql
from switchyard.usage.schema import SECONDS
from switchyard.usage.schema import VERSIONS
from switchyard.usage.schema import WINDOWS
from switchyard.usage.sqlite_files import TOTALS_FILE
from switchyard.usage.sqlite_files import month_file
from switchyard.usage.sqlite_files import month_files
from switchyard.usage.sqlite_files import version_of
from switchyard.usage.windows import Window
from switchyard.usage.windows import WindowSnapshot

EVERYTHING = Question()

_SUMS = len(REPORTED) + 2
"""Values that rows of sums end with: the reported sums, first, last."""

_STEPS_BETWEEN_LOOKS = 10_000
"""SQLite instructions between two looks at the clock."""


class FoundRows(Protocol):
    """Rows that a query found."""

    def fetchall(self) -> list[Any]: ...

    def fetchone(self) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...


class Queries(Protocol):
    """A connection as questions use it: `sqlite3.Connection`, or one to a server."""

    def execute(self, sql: str, values: Mapping[str, object] = ..., /) -> FoundRows: ...


class Line(NamedTuple):
    """Sums (`REPORTED`) over the requests of a bucket or session and some dimensions."""

    start: float
    """Where the bucket begins, in Unix seconds; without one, when the first request began."""
    last: float
    """When the last request began."""
    session: str | None
    dimensions: dict[str, str | None]
    sums: dict[str, int]
    models: tuple[str, ...] = ()
    """The models of its requests, where they are not kept apart."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Who answered a request."""

    started: float
    asked_model: str | None
    provider: str | None
    model: str | None
    credential: str | None
    """The label of the key, or of the login that passed through."""


class OldTables(sqlite3.OperationalError):
    """The tables are of an earlier version."""


class UsageReader:
    """Reads a usage folder. Each query has `seconds` to finish."""

    groups_models = "json_group_array(DISTINCT {})"
    """How the database makes a JSON list of an hour's models."""

    def __init__(self, folder: Path, seconds: float = 10.0) -> None:
        self._file = folder / TOTALS_FILE
        self._seconds = seconds

    def check(self) -> None:
        """Raise OldTables, or another sqlite3.Error, where the totals cannot be read."""
        with self._totals():
            pass

    def days(
        self, zone: tzinfo, question: Question = EVERYTHING, by: Sequence[str] = ("model",)
    ) -> list[Line]:
        """Return sums by day of a zone and dimensions; a line's start is that day's in UTC.

        All of these raise sqlite3.OperationalError where the store cannot be read in time, and
        ValueError for a dimension that there is not.
        """
        with self._totals() as db:
            if db is None or (span := _span(db)) is None:
                return []
            query, width = days_sql(question, zone, span, by), 1 + len(by) + _SUMS
            rows = list(self._many(db, query, width, question.values()))
        return [
            _line(
                row[1 + len(by) :],
                dict(zip(by, row[1:], strict=False)),
                start=row[0] * SECONDS["daily"],
            )
            for row in rows
        ]

    def months(
        self, zone: tzinfo, question: Question = EVERYTHING, by: Sequence[str] = ()
    ) -> list[Line]:
        """Return sums by calendar month of a zone and dimensions.

        A line's start and last are the month's begin and end.
        """
        with self._totals() as db:
            if db is None or (span := _span(db)) is None:
                return []
            since, until = question.hours
            begin = span[0] if since is None else max(since, span[0])
            end = span[1] + 1 if until is None else min(until, span[1] + 1)
            found: list[tuple[Any, ...]] = []
            for hours in parted_months(zone, begin, end):
                if query := months_sql(question, zone, hours, by):
                    width = 1 + len(by) + _SUMS
                    found += self._many(db, query, width, question.values())
        ends = {month: month_begin(zone, month + 1) for month in {row[0] for row in found}}
        return [
            Line(
                start=month_begin(zone, row[0]),
                last=ends[row[0]],
                session=None,
                dimensions=dict(zip(by, row[1:], strict=False)),
                sums=dict(zip(REPORTED, row[1 + len(by) :], strict=False)),
            )
            for row in found
        ]

    def hours(self, question: Question = EVERYTHING) -> list[Line]:
        """Return sums by hour with their models, in the order of the hours."""
        query = hours_sql(question, self.groups_models)
        return [
            Line(
                start=hour * SECONDS["hourly"],
                last=values[-1],
                session=None,
                dimensions={},
                sums=dict(zip(REPORTED, values, strict=False)),
                models=tuple(filter(None, json.loads(models))),
            )
            for hour, models, *values in self._rows(query, question, 2 + _SUMS)
        ]

    def dimensions(self, by: Sequence[str], question: Question = EVERYTHING) -> list[Line]:
        """Return sums by the values of some dimensions."""
        size = len(by)
        rows = self._rows(dimensions_sql(question, by), question, size + _SUMS)
        return [_line(row[size:], dict(zip(by, row, strict=False))) for row in rows]

    def buckets(self, table: str, by: Sequence[str], question: Question = EVERYTHING) -> list[Line]:
        """Return sums by bucket (`hourly` or `daily`, in UTC) and the values of dimensions."""
        size = len(by) + 1
        return [
            _line(row[size:], dict(zip(by, row[1:], strict=False)), start=row[0] * SECONDS[table])
            for row in self._rows(buckets_sql(question, by, table), question, size + _SUMS)
        ]

    def sessions(
        self, question: Question = EVERYTHING, latest: int | None = None
    ) -> Iterator[tuple[str, dict[str, int], float, float]]:
        """Yield each session that was active then: its name, sums, first and last request.

        The one that was active last comes last; `latest` is how many of those are wanted, None for
        all. They may be many, so that none is kept here.
        """
        with self._totals() as db:
            if db is not None:
                query = sessions_sql(question, latest)
                for row in self._many(db, query, 1 + _SUMS, question.values()):
                    yield row[0], dict(zip(REPORTED, row[1:-2], strict=True)), row[-2], row[-1]

    def session_models(self, question: Question = EVERYTHING) -> Iterator[tuple[Any, ...]]:
        """Yield totals of sessions that were active then: session, model, sums, first, last.

        In no order; a model of a session may come more than once. The sums are `REPORTED`, in
        their order, and no dictionary: there may be hundreds of thousands of rows.
        """
        with self._totals() as db:
            if db is not None:
                query = session_models_sql(question)
                yield from self._many(db, query, 2 + _SUMS, question.values())

    def windows(self, since: float) -> list[WindowSnapshot]:
        """Return the snapshots of windows seen since a moment (Unix seconds), oldest first.

        Their table is the same in all versions: a router that starts asks for them before its first
        record brings the totals up to date.
        """
        with self._totals(old=True) as db:
            rows = [] if db is None else db.execute(_WINDOWS, {"since": since}).fetchall()
        return [
            WindowSnapshot(
                owner,
                Window(
                    name=name,
                    used=used,
                    limit=limit,
                    remaining=remaining,
                    resets_at=resets_at,
                    status=status,
                    seen_at=seen_at,
                    source=source or "",
                ),
            )
            for owner, name, seen_at, used, resets_at, limit, remaining, status, source in rows
        ]

    def month_rows(
        self, since: float, query: str, width: int, values: Mapping[str, object]
    ) -> Iterator[tuple[Any, ...]]:
        """Yield what a query finds in each month's rows since a moment (Unix seconds).

        `width` is how many values a row has.
        """
        for file in month_files(self._file.parent):
            if file.name >= month_file(since):
                with self._connection(file) as db:
                    yield from db.execute(query, values)

    def last_answer(self, session: str, since: float) -> Answer | None:
        """Return which model answered a session last, if it was since a moment (Unix seconds)."""
        for file in reversed(month_files(self._file.parent)):
            if file.name < month_file(since):
                break
            with self._connection(file) as db:
                row = db.execute(LAST_ANSWER, {"session": session, "since": since}).fetchone()
            if row is not None:
                return Answer(*row)
        return None

    def _many(
        self, db: Queries, query: str, width: int, values: Mapping[str, object]
    ) -> Iterable[Any]:
        """The rows of a query that may find thousands, each of so many values."""
        return db.execute(query, values)

    def _rows(self, query: str, question: Question, width: int) -> list[tuple[Any, ...]]:
        with self._totals() as db:
            return [] if db is None else list(self._many(db, query, width, question.values()))

    @contextlib.contextmanager
    def _totals(self, *, old: bool = False) -> Iterator[Queries | None]:
        """What answers questions about totals; None where there are none yet.

        With `old`, tables of an earlier version will do.
        """
        if not self._file.exists():
            yield None
            return
        with self._connection(self._file) as db:
            if version_of(db, "main") < VERSIONS["main"] and not old:
                raise OldTables(
                    f"{self._file} has tables of an earlier version, and cannot be written; the"
                    " router brings them up to date with its first request"
                )
            yield db

    @contextlib.contextmanager
    def _connection(self, file: Path) -> Iterator[sqlite3.Connection]:
        deadline = time.monotonic() + self._seconds
        db = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=self._seconds)
        db.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
        try:
            yield db
        finally:
            db.close()


_WINDOWS = (
    "SELECT "
    + ", ".join(
        f'(SELECT text FROM names WHERE number = "{column.name}")'
        if column.kind == "name"
        else column.name
        for column in WINDOWS
    )
    + " FROM windows WHERE seen_at >= :since ORDER BY seen_at"
)

LAST_ANSWER = """
SELECT started,
  (SELECT text FROM names WHERE number = asked_model),
  (SELECT text FROM names WHERE number = provider),
  (SELECT text FROM names WHERE number = model),
  (SELECT text FROM names WHERE number = credential)
FROM requests
WHERE session = (SELECT number FROM names WHERE text = :session) AND started >= :since
  AND operation = (SELECT number FROM names WHERE text = 'generate')
  AND state IN (SELECT number FROM names WHERE text IN ('complete', 'client-left', 'cut'))
ORDER BY id DESC LIMIT 1
"""


def _span(db: Queries) -> tuple[int, int] | None:
    """The first and the last hour on record; None without any."""
    first, last = db.execute(
        "SELECT (SELECT min(bucket) FROM model_hours), (SELECT max(bucket) FROM model_hours)"
    ).fetchone()
    return None if first is None else (first, last)


def _line(
    values: tuple[Any, ...],
    dimensions: dict[str, str | None],
    session: str | None = None,
    start: float | None = None,
) -> Line:
    """A line of the values that queries end with: the reported sums, first, last."""
    first, last = values[-2:]
    sums = dict(zip(REPORTED, values, strict=False))
    return Line(first if start is None else float(start), last, session, dimensions, sums)
