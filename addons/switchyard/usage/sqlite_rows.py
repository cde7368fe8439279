"""Values of rows as the SQLite store binds them: in the order of `bound`, names as numbers."""

import sqlite3
from collections.abc import Callable
from collections.abc import Sequence
from functools import cache
from operator import attrgetter
from typing import Any

from switchyard.usage import schema
from switchyard.usage.records import TOKEN_CLASSES
from switchyard.usage.records import RequestRecord
from switchyard.usage.schema import Column
from switchyard.usage.sqlite_statements import bound
from switchyard.usage.totals import Total
from switchyard.usage.windows import WindowSnapshot

_MOST_NAMES = 20_000
"""Names whose numbers a writer remembers for each file."""

_MOST_SETS = 2000
"""Sets of names whose numbers are remembered."""


def _getters(
    columns: Sequence[Column], paths: dict[str, str]
) -> tuple[Callable[[object], tuple[Any, ...]], Callable[[object], tuple[Any, ...]]]:
    """Return what takes a row's plain values from a record, and what takes its names.

    `paths` says where a column's value stands that is no attribute of its name.
    """
    ordered = [(paths.get(one.name, one.name), one.kind == "name") for one in bound(columns)]
    plain = attrgetter(*(path for path, is_name in ordered if not is_name))
    return plain, attrgetter(*(path for path, is_name in ordered if is_name))


def _without(columns: Sequence[Column], *names: str) -> list[Column]:
    return [one for one in columns if one.name not in (*TOKEN_CLASSES, *names)]


_OF_REQUEST = _getters(_without(schema.REQUESTS, "session", "dropped", "writer"), {})
_OF_ATTEMPT = _getters(_without(schema.ATTEMPTS, "request"), {})
_OF_WINDOW = _getters(
    schema.WINDOWS,
    {
        **{one.name: f"window.{one.name}" for one in schema.WINDOWS},
        "owner": "owner",
        "window": "window.name",
        "max": "window.limit",
    },
)


@cache
def _places_of(table: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return a table's columns: all; then, ordered by `bound`, the plain ones and the names."""
    columns = schema.MAIN_TABLES[table]
    ordered = bound(columns)
    return (
        tuple(one.name for one in columns),
        tuple(one.name for one in ordered if one.kind != "name"),
        tuple(one.name for one in ordered if one.kind == "name"),
    )


class SqliteRows:
    """Makes the values of rows in one file, whose `names` table it fills."""

    def __init__(self, where: str, writer: str) -> None:
        """`where` is the file's schema name; `writer` is part of rows of requests."""
        self._writer = writer
        self._insert = f"INSERT INTO {where}.names (text) VALUES (?) ON CONFLICT DO NOTHING"
        self._select = f"SELECT number FROM {where}.names WHERE text = ?"
        self._names: dict[str | None, int] = {None: 0}
        """Numbers of names; 0 stands for none."""
        self._sets: dict[tuple[str | None, ...], tuple[int, ...]] = {}
        """Numbers of the names that stood together in a row: most rows have those of another."""

    def forget(self) -> None:
        """Forget the numbers: the file is another, or a transaction was undone."""
        self._names = {None: 0}
        self._sets = {}

    def request(self, db: sqlite3.Connection, record: RequestRecord) -> tuple[Any, ...]:
        plain, named = _OF_REQUEST
        dropped = ",".join(record.dropped) if record.dropped else None
        return (
            *plain(record),
            *record.tokens,
            self._number(db, record.session),
            *self._numbers(db, (*named(record), dropped, self._writer)),
        )

    def attempts(self, db: sqlite3.Connection, record: RequestRecord) -> list[tuple[Any, ...]]:
        plain, named = _OF_ATTEMPT
        id = record.id
        return [
            (id, *plain(one), *one.tokens, *self._numbers(db, named(one))) for one in record.tries
        ]

    def total(
        self,
        db: sqlite3.Connection,
        table: str,
        key: tuple[str | int | None, ...],
        total: Total,
    ) -> tuple[Any, ...]:
        names, plain, named = _places_of(table)
        values: dict[str, Any] = dict(zip(names, key, strict=False))
        values |= total.sums
        values["first"], values["last"] = total.first, total.last
        texts = tuple(map(values.__getitem__, named))
        return (*map(values.__getitem__, plain), *self._numbers(db, texts))

    def window(self, db: sqlite3.Connection, snapshot: WindowSnapshot) -> tuple[Any, ...]:
        plain, named = _OF_WINDOW
        return (*plain(snapshot), *self._numbers(db, named(snapshot)))

    def _numbers(self, db: sqlite3.Connection, texts: tuple[str | None, ...]) -> tuple[int, ...]:
        if (numbers := self._sets.get(texts)) is None:
            if len(self._sets) >= _MOST_SETS:
                self._sets = {}
            numbers = tuple([self._number(db, text) for text in texts])
            self._sets[texts] = numbers
        return numbers

    def _number(self, db: sqlite3.Connection, text: Any) -> int:
        if (number := self._names.get(text)) is None:
            db.execute(self._insert, (str(text),))
            if len(self._names) >= _MOST_NAMES:
                self._names = {None: 0}
            found = db.execute(self._select, (str(text),)).fetchone()
            number = self._names[text] = int(found[0])
        return number
