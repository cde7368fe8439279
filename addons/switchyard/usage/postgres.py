"""Usage in PostgreSQL, where several hosts share it.

The tables are those of the files (`schema.py`), in the schema `switchyard`; rows stand in a
partition for each month, which retention drops.
"""

import contextlib
import json
import zlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any
from uuid import UUID

from switchyard.usage import postgres_statements as sql
from switchyard.usage import schema
from switchyard.usage.interrupted import interrupted_record
from switchyard.usage.postgres_rows import PostgresRows
from switchyard.usage.postgres_rows import month_of
from switchyard.usage.records import RequestRecord
from switchyard.usage.store import Retention
from switchyard.usage.store import StoreError
from switchyard.usage.totals import rollups_of
from switchyard.usage.totals import totals_of
from switchyard.usage.windows import WindowSnapshot

if TYPE_CHECKING:
    from switchyard.usage.postgres_link import PostgresLink

_SECONDS = 15.0
"""How long a statement of a batch may take."""


class PostgresStore:
    """Keeps usage on a server. Several routers may write to it at once."""

    def __init__(self, server: str, writer: str) -> None:
        """`writer` names the writer in the rows of requests that run."""
        self._server = server
        self._writer = writer
        self._link: PostgresLink | None = None
        self._rows = PostgresRows(writer)
        self._months: set[int] = set()
        """Months that have their partitions."""

    def write(self, finished: Sequence[RequestRecord], running: Sequence[RequestRecord]) -> None:
        with self._transaction() as link:
            self._rows.learn(link, [*finished, *running])
            if running:
                rows = [self._rows.request(record) for record in running]
                link.execute(sql.INSERT_RUNNING, {"rows": json.dumps(rows)})
            self._add_totals(link, self._write_finished(link, finished))

    def write_windows(self, snapshots: Sequence[WindowSnapshot]) -> None:
        if snapshots:
            with self._transaction() as link:
                self._rows.learn_windows(link, snapshots)
                rows = [self._rows.window(one) for one in snapshots]
                link.execute(sql.INSERT_WINDOW, rows)

    def recover(self, is_alive: Callable[[str], bool]) -> int:
        with self._transaction() as link:
            writers = link.execute(sql.WRITERS).fetchall()
            gone = [number for number, name in writers if not is_alive(name)]
            if not gone:
                return 0
            found = link.execute(sql.RUNNING_OF, {"writers": gone}).mappings().fetchall()
            interrupted = [interrupted_record({**row, "id": row["id"].bytes}) for row in found]
            self._rows.learn(link, interrupted)
            self._add_totals(link, self._write_finished(link, interrupted))
            return len(interrupted)

    def is_alive(self, writer: str) -> bool:
        """Return whether a writer is connected. For use within `recover`."""
        if writer == self._writer or self._link is None:
            return True
        values = {"writer": _lock_of(writer)}
        if not self._link.execute(sql.LOCK_WRITER, values).scalar():
            return True
        self._link.execute(sql.UNLOCK_WRITER, values)
        return False

    def expire(self, now: float, retention: Retention) -> list[str]:
        with self._transaction() as link:
            sizes: dict[str, int] = {}
            for name, size in link.execute(sql.PARTITIONS):
                month = name.partition("_")[2]
                sizes[month] = sizes.get(month, 0) + size
            oldest = sql.month_name(month_of(now - retention.seconds))
            expired = [month for month in sorted(sizes) if month < oldest]
            kept = [month for month in sorted(sizes) if month >= oldest]
            size = sum(sizes[month] for month in kept)
            while len(kept) > 1 and size > retention.max_bytes:
                size -= sizes[kept[0]]
                expired.append(kept.pop(0))
            for month in expired:
                for table in sql.PARTITIONED:
                    link.execute(f"DROP TABLE IF EXISTS {table}_{month}")
        if expired:
            self._months.clear()
        return [f"usage of {month.replace('_', '-')}" for month in expired]

    def close(self) -> None:
        if self._link is not None:
            # The server takes a moment to see that a connection has ended.
            self._link.try_to(sql.UNLOCK_WRITER, {"writer": _lock_of(self._writer)})
            self._link.close()
        self._link = None
        self._forget()

    def _forget(self) -> None:
        self._rows.forget()
        self._months.clear()

    @contextlib.contextmanager
    def _transaction(self) -> "Iterator[PostgresLink]":
        """A transaction that no other writer shares. Raises StoreError; nothing is written then."""
        try:
            from switchyard.usage.postgres_link import LinkError
        except ImportError as e:
            raise StoreError(
                f"PostgreSQL needs switchyard[postgres] and the library libpq: {e}"
            ) from e
        try:
            link = self._connect()
            with link.transaction():
                link.execute(sql.LOCK_WRITING)
                yield link
        except LinkError as e:
            self.close()
            raise StoreError(str(e)) from e
        except BaseException:
            self._forget()  # what was given in it is undone
            raise

    def _connect(self) -> "PostgresLink":
        if self._link is None:
            from switchyard.usage.postgres_link import PostgresLink

            link = PostgresLink(self._server, _SECONDS)
            try:
                _make_tables(link)
                with link.transaction():
                    link.execute(sql.LOCK_WRITER, {"writer": _lock_of(self._writer)})
            except BaseException:
                link.close()
                raise
            self._link = link
        return self._link

    def _write_finished(
        self, link: "PostgresLink", records: Sequence[RequestRecord]
    ) -> list[RequestRecord]:
        """Write rows; return those that were not on record as finished before."""
        if not records:
            return []
        by_id = {record.id: record for record in records}
        for month in {month_of(record.started) for record in by_id.values()} - self._months:
            for table in sql.PARTITIONED:
                link.execute(sql.create_partition(table, month))
            self._months.add(month)
        rows = [self._rows.request(record) for record in by_id.values()]
        inserted = link.execute(sql.INSERT_REQUESTS, {"rows": json.dumps(rows)})
        new = [by_id[id.bytes] for (id,) in inserted]
        self._write_attempts(link, new)
        ids = [UUID(bytes=id) for id in by_id]
        link.execute(sql.END_RUNNING, {"ids": ids})
        return new

    def _write_attempts(self, link: "PostgresLink", records: Iterable[RequestRecord]) -> None:
        if tries := [row for record in records for row in self._rows.attempts(record)]:
            link.execute(sql.INSERT_ATTEMPTS, {"rows": json.dumps(tries)})

    def _add_totals(self, link: "PostgresLink", records: Sequence[RequestRecord]) -> None:
        tables = totals_of(records)
        for table, totals in {**tables, **rollups_of(tables)}.items():
            columns = schema.MAIN_TABLES[table]
            rows: list[dict[str, Any]] = [self._rows.total(columns, *one) for one in totals.items()]
            if rows:
                link.execute(sql.ADD_TOTAL[table], {"rows": json.dumps(rows)})


def _make_tables(link: "PostgresLink") -> None:
    """Create the tables, unless they are there. Raises StoreError for those of a later version."""
    with link.transaction():
        link.execute(sql.LOCK_WRITING)
        if not link.execute(sql.HAS_TABLES).scalar():
            for statement in sql.CREATE:
                link.execute(statement)
            return
        if problem := sql.problem_of(link.execute(sql.VERSION_OF).scalar()):
            raise StoreError(problem)
        if not link.execute(sql.HAS_NEWER_SUMS).scalar():
            for statement in sql.ADD_NEWER_SUMS:
                link.execute(statement)
        there = {name for (name,) in link.execute(sql.INDEXES)}
        for name, rows in schema.ROW_INDEXES.items():
            if name not in there:
                link.execute(f"CREATE INDEX {name} {rows}")


def _lock_of(writer: str) -> int:
    """The number of a writer's lock, a signed 32-bit integer."""
    return zlib.crc32(writer.encode()) - (1 << 31)
