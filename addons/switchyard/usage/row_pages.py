"""Reads rows of finished requests in pages, the latest first, from the files of months."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from switchyard.usage import schema
from switchyard.usage.reader import Queries
from switchyard.usage.records import TOKEN_CLASSES
from switchyard.usage.records import AttemptUsage
from switchyard.usage.records import RequestRecord
from switchyard.usage.records import Tokens
from switchyard.usage.sqlite_files import month_file
from switchyard.usage.sqlite_files import month_files

_NAMED = frozenset(one.name for one in schema.REQUESTS if one.kind == "name")
FILTERS = tuple(
    name
    for name in (
        *("client_key", "tool", "session", "project", "operation", "asked_model", "combo"),
        *("provider", "model", "credential", "state", "error", "billing", "status"),
    )
)
"""The columns by which rows can be selected."""
_STEPS_BETWEEN_LOOKS = 10_000
_PLAIN_OF_REQUEST = [
    one.name for one in fields(RequestRecord) if one.name not in ("tokens", "dropped", "tries")
]
_PLAIN_OF_ATTEMPT = [one.name for one in fields(AttemptUsage) if one.name != "tokens"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowQuestion:
    """Which rows: moments in Unix seconds, values of columns, and the id that they come before."""

    since: float | None = None
    until: float | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    before: bytes | None = None
    """Rows whose id is lower, so older."""


class RowPages:
    """Reads the rows of a usage folder. Each page has `seconds` to be read."""

    def __init__(self, folder: Path, seconds: float = 10.0) -> None:
        self._folder = folder
        self._seconds = seconds

    def page(self, question: RowQuestion, most: int) -> list[RequestRecord]:
        """Returns up to `most` rows with their attempts, the latest first.

        Raises sqlite3.Error where the files cannot be read in time, and ValueError for a column
        that there is not.
        """
        check_filters(question)
        found: list[RequestRecord] = []
        for file in reversed(month_files(self._folder)):
            if question.since is not None and file.name < month_file(question.since):
                break
            if question.until is not None and file.name > month_file(question.until):
                continue
            with self._connection(file) as db:
                found += rows_of(db, question, most - len(found))
            if len(found) >= most:
                break
        return found

    def one(self, id: bytes) -> RequestRecord | None:
        """Returns the row with this id; None if there is none. Raises sqlite3.Error."""
        for file in reversed(month_files(self._folder)):
            with self._connection(file) as db:
                if rows := list(read_rows(db, "id = :id", {"id": id}, 1)):
                    return rows[0]
        return None

    @contextlib.contextmanager
    def _connection(self, file: Path) -> Iterator[sqlite3.Connection]:
        deadline = time.monotonic() + self._seconds
        db = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=self._seconds)
        db.row_factory = sqlite3.Row
        db.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
        try:
            yield db
        finally:
            db.close()


def check_filters(question: RowQuestion) -> None:
    """Raise ValueError for a column that there is not."""
    if unknown := set(question.where) - set(FILTERS):
        raise ValueError(f"no such filter: {', '.join(sorted(unknown))}")


def rows_of(db: Queries, question: RowQuestion, most: int) -> list[RequestRecord]:
    """Return up to `most` rows, the latest first. `db` gives rows by the names of columns."""
    conditions, values = _chosen(question.where), dict[str, object](question.where)
    if question.since is not None:
        # Ids begin with their time in milliseconds, so that the key serves.
        conditions.append("id >= :first")
        values["first"] = int(question.since * 1000).to_bytes(6) + bytes(10)
    if question.until is not None:
        conditions.append("started < :until")
        values["until"] = question.until
    if question.before is not None:
        conditions.append("id < :before")
        values["before"] = question.before
    return list(read_rows(db, " AND ".join(conditions), values, most))


def _chosen(where: Mapping[str, str]) -> list[str]:
    """Conditions that choose rows by the values of columns, so that an index serves them."""
    conditions = ["1 = 1"]
    for name in where:
        given = f"(SELECT number FROM names WHERE text = :{name})" if name in _NAMED else f":{name}"
        # No index of states where that of sessions finds fewer rows, or most rows have the state.
        slow = name == "state" and ("session" in where or where[name] == "complete")
        column = f"+{name}" if slow else name
        conditions.append(f"{column} = {given}")
    if "error" in where:
        conditions.append("error != 0")
    if where.get("status", "").isdecimal() and int(where["status"]) >= schema.FAILED_STATUS:
        conditions.append(f"status >= {schema.FAILED_STATUS}")
    return conditions


def read_rows(
    db: Queries, condition: str, values: dict[str, object], most: int
) -> Iterator[RequestRecord]:
    """Yield up to `most` rows that fulfil a condition, the latest first, with their attempts."""
    columns = ", ".join(_selected(schema.REQUESTS))
    rows = db.execute(
        f"SELECT {columns} FROM requests WHERE {condition} ORDER BY id DESC LIMIT {int(most)}",
        values,
    ).fetchall()
    tried = ", ".join(_selected(schema.ATTEMPTS))
    for row in rows:
        tries = db.execute(
            f"SELECT {tried} FROM attempts WHERE request = :id ORDER BY number", {"id": row["id"]}
        )
        yield _record(row, tuple(map(_attempt, tries)))


def _selected(columns: tuple[schema.Column, ...]) -> Iterator[str]:
    for one in columns:
        if one.kind == "name":
            yield f"(SELECT text FROM names WHERE number = {one.name}) AS {one.name}"
        else:
            yield one.name


def _record(row: Mapping[str, Any], tries: tuple[AttemptUsage, ...]) -> RequestRecord:
    plain: dict[str, Any] = {name: row[name] for name in _PLAIN_OF_REQUEST}
    plain["streamed"] = bool(plain["streamed"])
    dropped = tuple(filter(None, (row["dropped"] or "").split(",")))
    return RequestRecord(**plain, tokens=_tokens(row), dropped=dropped, tries=tries)


def _attempt(row: Mapping[str, Any]) -> AttemptUsage:
    plain: dict[str, Any] = {name: row[name] for name in _PLAIN_OF_ATTEMPT}
    return AttemptUsage(**plain, tokens=_tokens(row))


def _tokens(row: Mapping[str, Any]) -> Tokens:
    return Tokens(**{name: row[name] for name in TOKEN_CLASSES})
