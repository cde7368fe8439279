"""Reads totals back, on a connection of its own that cannot write."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from switchyard.usage.schema import DIMENSIONS
from switchyard.usage.schema import SECONDS
from switchyard.usage.schema import SUMS
from switchyard.usage.schema import WINDOWS
from switchyard.usage.sqlite_files import TOTALS_FILE
from switchyard.usage.sqlite_files import month_file
from switchyard.usage.sqlite_files import month_files
from switchyard.usage.windows import Window
from switchyard.usage.windows import WindowSnapshot

_SUM_NAMES = tuple(column.name for column in SUMS)
_DIMENSION_NAMES = tuple(column.name for column in DIMENSIONS)

_STEPS_BETWEEN_LOOKS = 10_000
"""SQLite instructions between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class Line:
    """Sums over the requests of one bucket or session and some dimensions."""

    start: float
    """Where the bucket begins, in Unix seconds; of a session, when its first request began."""
    last: float
    """When the last request began."""
    session: str | None
    dimensions: dict[str, str | None]
    sums: dict[str, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """Who answered a request."""

    started: float
    asked_model: str | None
    provider: str | None
    model: str | None


class Reader:
    """Reads a usage folder. Each query has `seconds` to finish."""

    def __init__(self, folder: Path, seconds: float = 10.0) -> None:
        self._file = folder / TOTALS_FILE
        self._seconds = seconds

    def buckets(
        self,
        table: str,
        since: float | None,
        until: float | None,
        by: Sequence[str] = (),
        where: dict[str, str] | None = None,
    ) -> list[Line]:
        """Return the lines of `hourly` or `daily` from `since` to before `until` (Unix seconds).

        `by` names the dimensions that are kept apart, all others are summed; `where` selects.
        Raises sqlite3.OperationalError where the store cannot be read in time.
        """
        seconds = SECONDS[table]
        conditions, values = _conditions(where)
        if since is not None:
            conditions.append("bucket >= :since")
            values["since"] = int(since // seconds)
        if until is not None:
            conditions.append("bucket < :until")
            values["until"] = int(-(-until // seconds))
        rows = self._sum(table, ("bucket", *by), conditions, values)
        return [_line(row, int(str(row["bucket"])) * seconds, None, by) for row in rows]

    def sessions(
        self,
        since: float | None,
        until: float | None,
        by: Sequence[str] = (),
        where: dict[str, str] | None = None,
    ) -> list[Line]:
        """Return the lines of sessions that were active between `since` and `until`."""
        conditions, values = _conditions(where)
        if since is not None:
            conditions.append("last >= :since")
            values["since"] = since
        if until is not None:
            conditions.append("first < :until")
            values["until"] = until
        rows = self._sum("sessions", ("session", *by), conditions, values)
        return [_line(row, row["first"], row["session"], by) for row in rows]

    def windows(self, since: float) -> list[WindowSnapshot]:
        """Return the snapshots of windows seen since a moment (Unix seconds), oldest first."""
        if not self._file.exists():
            return []
        columns = ", ".join(column.name for column in WINDOWS)
        with self._connection(self._file) as db:
            names = dict(db.execute("SELECT number, text FROM names").fetchall())
            rows = db.execute(
                f"SELECT {columns} FROM windows WHERE seen_at >= ? ORDER BY seen_at", (since,)
            ).fetchall()
        return [
            WindowSnapshot(
                names[owner],
                Window(
                    name=names[name],
                    used=used,
                    limit=limit,
                    remaining=remaining,
                    resets_at=resets_at,
                    status=names.get(status),
                    seen_at=seen_at,
                    source=names.get(source, ""),
                ),
            )
            for owner, name, seen_at, used, resets_at, limit, remaining, status, source in rows
        ]

    def last_answer(self, session: str, since: float) -> Answer | None:
        """Return which model answered a session last, if it was since a moment (Unix seconds)."""
        for file in reversed(month_files(self._file.parent)):
            if file.name < month_file(since):
                break
            with self._connection(file) as db:
                row = db.execute(_LAST_ANSWER, {"session": session, "since": since}).fetchone()
            if row is not None:
                return Answer(*row)
        return None

    def _sum(
        self,
        table: str,
        groups: Sequence[str],
        conditions: Sequence[str],
        values: dict[str, object],
    ) -> list[dict[str, object]]:
        if not self._file.exists():
            return []
        sums = ", ".join(f"sum({name}) AS {name}" for name in _SUM_NAMES)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        query = (
            f"SELECT {', '.join(groups)}, {sums}, min(first) AS first, max(last) AS last"
            f" FROM {table}{where} GROUP BY {', '.join(groups)}"
        )
        with self._connection(self._file) as db:
            names = dict(db.execute("SELECT number, text FROM names").fetchall())
            cursor = db.execute(query, values)
            columns = [one[0] for one in cursor.description]
            rows = [dict(zip(columns, row, strict=True)) for row in cursor]
        for row in rows:
            for name in groups:
                if name != "bucket":
                    row[name] = names.get(row[name])
        return rows

    @contextlib.contextmanager
    def _connection(self, file: Path) -> Iterator[sqlite3.Connection]:
        deadline = time.monotonic() + self._seconds
        db = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=self._seconds)
        db.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
        try:
            yield db
        finally:
            db.close()


_LAST_ANSWER = """
SELECT started,
  (SELECT text FROM names WHERE number = asked_model),
  (SELECT text FROM names WHERE number = provider),
  (SELECT text FROM names WHERE number = model)
FROM requests
WHERE session = (SELECT number FROM names WHERE text = :session) AND started >= :since
  AND operation = (SELECT number FROM names WHERE text = 'generate')
  AND state IN (SELECT number FROM names WHERE text IN ('complete', 'client-left', 'cut'))
ORDER BY id DESC LIMIT 1
"""


def _conditions(where: dict[str, str] | None) -> tuple[list[str], dict[str, object]]:
    conditions = [
        f"{name} = (SELECT number FROM names WHERE text = :{name})" for name in where or {}
    ]
    if unknown := set(where or {}) - {*_DIMENSION_NAMES, "session"}:
        raise ValueError(f"no such dimension: {', '.join(sorted(unknown))}")
    return conditions, dict(where or {})


def _line(row: dict[str, object], start: object, session: object, by: Sequence[str]) -> Line:
    assert isinstance(start, int | float)
    last = row["last"]
    assert isinstance(last, int | float)
    return Line(
        start=float(start),
        last=float(last),
        session=None if session is None else str(session),
        dimensions={name: None if row[name] is None else str(row[name]) for name in by},
        sums={name: int(str(row[name] or 0)) for name in _SUM_NAMES},
    )
