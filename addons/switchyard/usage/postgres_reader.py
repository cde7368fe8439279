"""Reads totals back from PostgreSQL. Imported only once a server is in use."""

import contextlib
import sqlite3
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from switchyard.usage import postgres_statements as sql
from switchyard.usage.postgres_link import LinkError
from switchyard.usage.postgres_link import PostgresLink
from switchyard.usage.reader import LAST_ANSWER
from switchyard.usage.reader import Answer
from switchyard.usage.reader import Queries
from switchyard.usage.reader import UsageReader
from switchyard.usage.records import RequestRecord
from switchyard.usage.row_pages import RowPages
from switchyard.usage.row_pages import RowQuestion
from switchyard.usage.row_pages import check_filters
from switchyard.usage.row_pages import read_rows
from switchyard.usage.row_pages import rows_of
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import loads


class PostgresReader(UsageReader):
    """Reads a usage server, on a connection for each question.

    Raises sqlite3.OperationalError as the reader of files does, so that nobody who asks has to know
    what keeps the records.
    """

    groups_models = "CAST(json_agg(DISTINCT {}) AS text)"

    def __init__(self, server: str, seconds: float) -> None:
        super().__init__(Path(), seconds)
        self._server = server

    def month_rows(
        self, since: float, query: str, width: int, values: Mapping[str, object]
    ) -> Iterator[tuple[Any, ...]]:
        with self._totals(old=True) as db:
            if db is not None:
                yield from self._many(db, query, width, values)

    def last_answer(self, session: str, since: float) -> Answer | None:
        with self._totals(old=True) as db:
            if db is None:
                return None
            row = db.execute(LAST_ANSWER, {"session": session, "since": since}).fetchone()
        return Answer(*row) if row is not None else None

    def _many(
        self, db: Queries, query: str, width: int, values: Mapping[str, object]
    ) -> Iterable[Any]:
        for (batch,) in db.execute(sql.in_batches(query, width), values):
            yield from loads(batch)

    @contextlib.contextmanager
    def _totals(self, *, old: bool = False) -> Iterator[Queries | None]:
        with _asked(self._server, self._seconds) as questions:
            if questions and not old and not questions.execute(sql.HAS_NEWER_SUMS).scalar():
                raise sqlite3.OperationalError(
                    "the server has tables of an earlier version; a router brings them up to date"
                    " with its first request"
                )
            yield questions


class PostgresPages(RowPages):
    """Reads the rows of a usage server in pages; raises as `PostgresReader`."""

    def __init__(self, server: str, seconds: float) -> None:
        super().__init__(Path(), seconds)
        self._server = server

    def page(self, question: RowQuestion, most: int) -> list[RequestRecord]:
        check_filters(question)
        with _asked(self._server, self._seconds) as db:
            return [] if db is None else rows_of(_Rows(db), question, most)

    def one(self, id: bytes) -> RequestRecord | None:
        with _asked(self._server, self._seconds) as db:
            rows = [] if db is None else list(read_rows(_Rows(db), "id = :id", {"id": id}, 1))
        return rows[0] if rows else None


class _Questions:
    """A connection whose errors are those of files."""

    def __init__(self, link: PostgresLink) -> None:
        self._link = link

    def execute(self, sql: str, values: Mapping[str, object] = EMPTY, /) -> Any:
        with _as_of_files():
            return self._link.execute(sql, values)


class _Rows:
    """Gives rows by the names of columns, with ids as files have them."""

    def __init__(self, questions: _Questions) -> None:
        self._questions = questions

    def execute(self, sql: str, values: Mapping[str, object] = EMPTY, /) -> Any:
        given = {name: _given(value) for name, value in values.items()}
        return _FoundRows(
            {name: _plain(value) for name, value in row.items()}
            for row in self._questions.execute(sql, given).mappings()
        )


class _FoundRows(list[dict[str, Any]]):
    """Rows as a cursor gives them."""

    def fetchall(self) -> list[dict[str, Any]]:
        return self


def _given(value: object) -> object:
    """A value of a query; the beginning of an id stands for the first id that begins so."""
    return UUID(bytes=value.ljust(16, b"\0")) if isinstance(value, bytes) else value


def _plain(value: object) -> object:
    return value.bytes if isinstance(value, UUID) else value


@contextlib.contextmanager
def _asked(server: str, seconds: float) -> Iterator[_Questions | None]:
    """A connection to a server; None where it has no tables yet."""
    with _as_of_files():
        link = PostgresLink(server, seconds)
    try:
        questions = _Questions(link)
        if not questions.execute(sql.HAS_TABLES).scalar():
            yield None
            return
        if problem := sql.problem_of(questions.execute(sql.VERSION_OF).scalar()):
            raise sqlite3.OperationalError(problem)
        yield questions
    finally:
        link.close()


@contextlib.contextmanager
def _as_of_files() -> Iterator[None]:
    try:
        yield
    except LinkError as e:
        raise sqlite3.OperationalError(str(e)) from e
