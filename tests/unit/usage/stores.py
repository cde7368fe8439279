"""The stores that the same tests run on, and what each holds afterwards."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import Protocol

from sqlalchemy import NullPool
from sqlalchemy import create_engine
from sqlalchemy import text

from switchyard.usage.places import RecordPlace
from switchyard.usage.places import open_pages
from switchyard.usage.places import open_reader
from switchyard.usage.postgres import PostgresStore
from switchyard.usage.reader import UsageReader
from switchyard.usage.records import RequestRecord
from switchyard.usage.row_pages import RowPages
from switchyard.usage.schema import ROLLUPS
from switchyard.usage.schema import SUMS
from switchyard.usage.schema import TOTAL_TABLES
from switchyard.usage.sqlite import SqliteStore
from switchyard.usage.store import Retention
from switchyard.usage.store import Store
from switchyard.usage.store import StoreError
from tests.unit.usage import support

KEEP = Retention(10**9, 10**12)


class Kept(Protocol):
    """A place for records, and what it holds."""

    place: RecordPlace

    def open(self, writer: str) -> Store:
        """Returns a store for a writer."""
        ...

    def rows(self) -> list[dict[str, Any]]:
        """Returns the finished rows: id as bytes, names as texts."""
        ...

    def attempts(self) -> int: ...

    def totals(self, table: str) -> dict[str, int]:
        """Returns the sums over all keys of a table of totals."""
        ...

    def months(self) -> list[str]:
        """Returns the months that have rows, as 2026-11."""
        ...


class KeptInFiles:
    """A folder."""

    def __init__(self, folder: Path) -> None:
        self.place = RecordPlace(folder, KEEP)

    def open(self, writer: str) -> Store:
        return SqliteStore(self.place.folder, writer)

    def rows(self) -> list[dict[str, Any]]:
        return support.rows(self.place.folder)

    def attempts(self) -> int:
        return support.attempts(self.place.folder)

    def totals(self, table: str) -> dict[str, int]:
        return support.totals(self.place.folder, table)

    def months(self) -> list[str]:
        files = support.month_files(self.place.folder)
        return [file.name.removeprefix("usage-").removesuffix(".sqlite") for file in files]


class KeptOnServer:
    """A database."""

    def __init__(self, url: str, folder: Path) -> None:
        self.place = RecordPlace(folder, KEEP, url)
        self._engine = create_engine(
            url.replace("postgresql:", "postgresql+psycopg:"),
            poolclass=NullPool,
            connect_args={"options": "-c search_path=switchyard"},
        )

    def open(self, writer: str) -> Store:
        assert self.place.server is not None
        return PostgresStore(self.place.server, writer)

    def rows(self) -> list[dict[str, Any]]:
        names = {number: name for number, name in self.ask("SELECT number, text FROM names")}
        with self._engine.connect() as connection:
            found = connection.execute(text("SELECT * FROM requests")).mappings().fetchall()
        texts = ("client_key", "tool", "session", "provider", "model", "state", "billing")
        return [
            dict(row) | {name: names.get(row[name]) for name in texts} | {"id": row["id"].bytes}
            for row in found
        ]

    def attempts(self) -> int:
        return int(self.ask("SELECT count(*) FROM attempts")[0][0])

    def totals(self, table: str) -> dict[str, int]:
        names = [column.name for column in SUMS]
        selected = ", ".join(f"coalesce(sum({name}), 0)" for name in names)
        (row,) = self.ask(f"SELECT {selected} FROM {table}")
        return dict(zip(names, map(int, row), strict=True))

    def months(self) -> list[str]:
        found = self.ask(
            "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
            " WHERE inhparent = 'requests'::regclass ORDER BY 1"
        )
        return [str(name).removeprefix("requests_").replace("_", "-") for (name,) in found]

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(self._engine.connect()) as connection:
            return [tuple(row) for row in connection.execute(text(query))]


def write(
    store: Store, finished: Sequence[RequestRecord], running: Sequence[RequestRecord] = ()
) -> None:
    """Write a batch, again and again while others hold the store, as the router's thread does."""
    for _ in range(99):
        with contextlib.suppress(StoreError):
            return store.write(finished, running)
    return store.write(finished, running)


def reader_of(kept: Kept) -> UsageReader:
    return open_reader(kept.place)


def pages_of(kept: Kept) -> RowPages:
    return open_pages(kept.place)


def check_kept(kept: Kept) -> None:
    """Every table of totals sums up to what the rows sum up to."""
    rows = kept.rows()
    for table in (*TOTAL_TABLES, *ROLLUPS):
        counted = [one for one in rows if "sessions" not in table or one["session"] is not None]
        summed = kept.totals(table)
        assert summed["requests"] == len(counted)
        for name in ("input", "output", "cache_read", "cost", "list_cost", "attempts"):
            assert summed[name] == sum(one[name] or 0 for one in counted), (table, name)
    if isinstance(kept, KeptInFiles):
        support.check_sums(kept.place.folder)
