"""Usage in SQLite: a file of rows for each month, and one of totals for ever.

A batch is one transaction over both files. The rollback journal (not WAL) makes a transaction over
several files atomic also when the process or the machine stops in the middle (SQLite, "Atomic
Commit", section 5). Retention deletes whole files.
"""

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from switchyard.usage import schema
from switchyard.usage.interrupted import interrupted_record
from switchyard.usage.newer_sums import add_sum
from switchyard.usage.newer_sums import fill_sums
from switchyard.usage.records import RequestRecord
from switchyard.usage.sqlite_files import TOTALS_FILE
from switchyard.usage.sqlite_files import create_anew
from switchyard.usage.sqlite_files import create_tables
from switchyard.usage.sqlite_files import exclusively
from switchyard.usage.sqlite_files import is_sound
from switchyard.usage.sqlite_files import journal_of
from switchyard.usage.sqlite_files import make_private
from switchyard.usage.sqlite_files import month_file
from switchyard.usage.sqlite_files import month_files
from switchyard.usage.sqlite_files import open_file
from switchyard.usage.sqlite_files import size_of
from switchyard.usage.sqlite_files import version_of
from switchyard.usage.sqlite_rows import SqliteRows
from switchyard.usage.sqlite_statements import ALL_NAMES
from switchyard.usage.sqlite_statements import INDEX_ROWS
from switchyard.usage.sqlite_statements import INSERT_WINDOW
from switchyard.usage.sqlite_statements import MOST_IDS
from switchyard.usage.sqlite_statements import add_totals
from switchyard.usage.sqlite_statements import are_finished
from switchyard.usage.sqlite_statements import end_running
from switchyard.usage.sqlite_statements import insert_rows
from switchyard.usage.sqlite_statements import insert_running
from switchyard.usage.sqlite_statements import rebuild_sql
from switchyard.usage.sqlite_statements import rollup_sql
from switchyard.usage.store import Retention
from switchyard.usage.store import StoreError
from switchyard.usage.totals import rollups_of
from switchyard.usage.totals import totals_of
from switchyard.usage.windows import WindowSnapshot
from switchyard.usage.writer_lock import WriterLock

logger = logging.getLogger(__name__)

_STEPS = (500, 100, 25, 5, 1)
"""Rows that one statement writes; the writer's full batch is one step.

Each step of SQLite lets go of Python's lock and takes it again, for which the event loop has to let
go of it in turn: that costs more than the step.
"""


class SqliteStore:
    """Keeps usage in a folder. Several processes may write to it at once."""

    def __init__(self, folder: Path, writer: str, lock: WriterLock | None = None) -> None:
        """`writer` names the writer in the rows of requests that run; `lock` is held meanwhile."""
        self._folder = folder
        self._writer = writer
        self._lock = lock
        self._db: sqlite3.Connection | None = None
        self._attached: str | None = None
        self._months = SqliteRows("month", writer)
        self._totals = SqliteRows("main", writer)

    def write(self, finished: Sequence[RequestRecord], running: Sequence[RequestRecord]) -> None:
        months: dict[str, tuple[list[RequestRecord], list[RequestRecord]]] = {}
        for index, records in enumerate((finished, running)):
            for day, group in _by_day(records).items():
                months.setdefault(month_file(day * 86_400), ([], []))[index].extend(group)
        for file, (ended, begun) in sorted(months.items()):
            with self._transaction(file) as db:
                self._write_running(db, begun)
                self._add_totals(db, self._write_finished(db, ended))

    def write_windows(self, snapshots: Sequence[WindowSnapshot]) -> None:
        if snapshots:
            with self._transaction(month_file(snapshots[0].window.seen_at)) as db:
                rows = [self._totals.window(db, one) for one in snapshots]
                db.executemany(INSERT_WINDOW, rows)

    def recover(self, is_alive: Callable[[str], bool]) -> int:
        recovered = 0
        for file in month_files(self._folder):
            with self._transaction(file.name) as db:
                interrupted = [
                    record for writer, record in _running_rows(db) if not is_alive(writer)
                ]
                self._add_totals(db, self._write_finished(db, interrupted))
                recovered += len(interrupted)
        return recovered

    def expire(self, now: float, retention: Retention) -> list[str]:
        files = month_files(self._folder)
        oldest = month_file(now - retention.seconds)
        expired = [file for file in files if file.name < oldest]
        kept = [file for file in files if file.name >= oldest]
        size = sum(size_of(file) for file in kept)
        while len(kept) > 1 and size > retention.max_bytes:
            size -= size_of(kept[0])
            expired.append(kept.pop(0))
        for file in expired:
            if file.name == self._attached:
                self._detach()
            journal_of(file).unlink(missing_ok=True)
            file.unlink(missing_ok=True)
        return [file.name for file in expired]

    def upgrade(self) -> None:
        """Bring the tables of an earlier version up to date. Raises StoreError."""
        try:
            self._connect()
        except (sqlite3.Error, OSError) as e:
            raise StoreError(str(e)) from e
        finally:
            self.close()

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
        self._db, self._attached = None, None
        self._forget_names()

    @contextlib.contextmanager
    def _transaction(self, file: str) -> Iterator[sqlite3.Connection]:
        """A transaction over the totals and one month. Raises StoreError; nothing is written then.

        A file that is no database any more is set aside, and the transaction fails: its next try
        begins with a new file.
        """
        try:
            db = self._connect()
            self._attach(db, file)
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                self._forget_names()  # numbers that were given in it are gone
                with contextlib.suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as e:
            self.close()
            raise StoreError(str(e)) from e
        except sqlite3.DatabaseError as e:
            self.close()
            damaged = self._set_aside(file)
            raise StoreError(f"{e}; set aside {', '.join(damaged) or 'nothing'}") from e
        except OSError as e:
            self.close()
            raise StoreError(str(e)) from e

    def _connect(self) -> sqlite3.Connection:
        if self._db is None:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self._lock is not None:
                self._lock.take()
            # Another process must not add to totals that this one still sums up.
            with exclusively(self._folder / "totals.lock"):
                self._db = open_file(self._folder / TOTALS_FILE)
                version = version_of(self._db, "main")
                if version == 0:
                    self._make_totals(self._db)
                if version < schema.VERSIONS["main"]:
                    _bring_up_to_date(self._db, has_all_sums=version == 0)
        return self._db

    def _make_totals(self, db: sqlite3.Connection) -> None:
        """Create the totals, and sum up the rows that are there already."""
        create_tables(db, "main", schema.MAIN_TABLES)
        for file in month_files(self._folder):
            try:
                self._attach(db, file.name)
                db.execute("BEGIN IMMEDIATE")
                db.execute(ALL_NAMES)
                for table in schema.TOTAL_TABLES:
                    db.execute(rebuild_sql(table))
                db.execute("COMMIT")
            except sqlite3.DatabaseError as e:
                logger.warning("usage: no totals from %s: %s", file.name, e)
                with contextlib.suppress(sqlite3.Error):
                    db.execute("ROLLBACK")

    def _attach(self, db: sqlite3.Connection, file: str) -> None:
        if self._attached == file and (self._folder / file).exists():
            return
        self._detach()
        make_private(self._folder / file)
        db.execute("ATTACH DATABASE ? AS month", (str(self._folder / file),))
        self._attached = file
        db.execute("PRAGMA month.journal_mode = TRUNCATE")
        if version_of(db, "month") == 0:
            with exclusively(self._folder / "months.lock"):
                if version_of(db, "month") == 0:
                    create_tables(db, "month", schema.ROW_TABLES)
                    db.execute(f"PRAGMA month.user_version = {schema.VERSIONS['month']}")
        for statement in INDEX_ROWS:  # files of earlier versions lack some
            db.execute(statement)

    def _detach(self) -> None:
        if self._attached is not None and self._db is not None:
            self._db.execute("DETACH DATABASE month")
        self._attached = None
        self._months.forget()

    def _forget_names(self) -> None:
        self._months.forget()
        self._totals.forget()

    def _set_aside(self, file: str) -> list[str]:
        """Rename what is damaged of the totals and a month; return the new names."""
        damaged = []
        for path in (self._folder / TOTALS_FILE, self._folder / file):
            if path.exists() and not is_sound(path):
                aside = path.with_name(f"{path.name}.damaged-{int(time.time())}")
                path.rename(aside)
                journal_of(path).unlink(missing_ok=True)
                damaged.append(aside.name)
        return damaged

    def _write_running(self, db: sqlite3.Connection, records: Sequence[RequestRecord]) -> None:
        _in_steps(db, insert_running, [self._months.request(db, record) for record in records])

    def _write_finished(
        self, db: sqlite3.Connection, records: Sequence[RequestRecord]
    ) -> list[RequestRecord]:
        """Write rows; return those that were not on record as finished before."""
        new = {one.id: one for one in records}
        db.execute("SAVEPOINT batch")
        try:
            self._insert(db, new.values())
        except sqlite3.IntegrityError:
            # Seldom: a batch comes again whose end was not known.
            db.execute("ROLLBACK TO batch")
            self._forget_names()
            for id in _finished_among(db, list(new)):
                del new[id]
            self._insert(db, new.values())
        db.execute("RELEASE batch")
        _in_steps(db, end_running, [(one.id,) for one in records])
        return list(new.values())

    def _insert(self, db: sqlite3.Connection, records: Iterable[RequestRecord]) -> None:
        rows, tries = self._months, []
        for record in records:
            tries += rows.attempts(db, record)
        requests = [rows.request(db, record) for record in records]
        _in_steps(db, partial(insert_rows, "requests"), requests)
        _in_steps(db, partial(insert_rows, "attempts"), tries)

    def _add_totals(self, db: sqlite3.Connection, records: Sequence[RequestRecord]) -> None:
        tables = totals_of(records)
        for table, totals in {**tables, **rollups_of(tables)}.items():
            rows = [self._totals.total(db, table, *one) for one in totals.items()]
            _in_steps(db, partial(add_totals, table), rows)


def _bring_up_to_date(db: sqlite3.Connection, *, has_all_sums: bool) -> None:
    """Create the rollups and sum the totals up; the file is then of the present version."""
    db.execute("BEGIN IMMEDIATE")
    if not has_all_sums:
        for table in schema.TOTAL_TABLES:
            for name in schema.NEWER_SUMS:
                db.execute(add_sum(table, name))
            db.execute(fill_sums(table))
    create_anew(db, "main", schema.ROLLUPS)
    for table in schema.ROLLUPS:
        db.execute(rollup_sql(table))
    db.execute(f"PRAGMA main.user_version = {schema.VERSIONS['main']}")
    db.execute("COMMIT")


def _in_steps(
    db: sqlite3.Connection,
    statement_of: Callable[[int], str],
    rows: Sequence[tuple[object, ...]],
) -> None:
    """Execute what is made for a number of rows, in steps of falling sizes: few are different."""
    begin = 0
    for size in _STEPS:
        while len(rows) - begin >= size:
            some = rows[begin : begin + size]
            db.execute(statement_of(size), tuple(chain.from_iterable(some)))
            begin += size


def _finished_among(db: sqlite3.Connection, ids: Sequence[bytes]) -> set[bytes]:
    """The ids that are on record as finished in the attached month."""
    found: set[bytes] = set()
    for begin in range(0, len(ids), MOST_IDS):
        some = ids[begin : begin + MOST_IDS]
        found.update(row[0] for row in db.execute(are_finished(len(some)), some))
    return found


def _by_day(records: Sequence[RequestRecord]) -> dict[float, list[RequestRecord]]:
    days: dict[float, list[RequestRecord]] = {}
    for record in records:
        days.setdefault(record.started // 86_400, []).append(record)
    return days


def _running_rows(db: sqlite3.Connection) -> list[tuple[str, RequestRecord]]:
    """The requests of the attached month that are under way, with their writers."""
    selected = ", ".join(
        f"(SELECT text FROM month.names WHERE number = running.{column.name}) AS {column.name}"
        if column.kind == "name"
        else column.name
        for column in schema.REQUESTS
    )
    cursor = db.execute(f"SELECT {selected} FROM month.running")
    names = [one[0] for one in cursor.description]
    found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [(str(row["writer"]), interrupted_record(row)) for row in found]
