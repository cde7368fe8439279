"""The files of the SQLite store: their names, tables, locks and damages."""

import contextlib
import fcntl
import os
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from switchyard.usage import schema
from switchyard.usage.schema import Column

TOTALS_FILE = "switchyard.sqlite"
_MONTH = re.compile(r"usage-(\d{4}-\d{2})\.sqlite")

_BUSY_SECONDS = 5.0
"""How long a writer waits for another process's transaction."""

_TYPES = {"id": "BLOB", "int": "INTEGER", "text": "TEXT", "name": "INTEGER", "real": "REAL"}


def month_file(moment: float) -> str:
    """Return the name of the file that holds the rows of a moment (Unix seconds, UTC)."""
    return f"usage-{datetime.fromtimestamp(moment, UTC):%Y-%m}.sqlite"


def month_files(folder: Path) -> list[Path]:
    """Return the files of rows in a folder, oldest first."""
    return sorted(file for file in folder.glob("usage-*.sqlite") if _MONTH.fullmatch(file.name))


def open_file(file: Path) -> sqlite3.Connection:
    make_private(file)
    db = sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = TRUNCATE")
    return db


def make_private(file: Path) -> None:
    """Create a file that only its owner reads, unless it is there."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def version_of(db: sqlite3.Connection, where: str) -> int:
    """The version of a file's tables; 0 for none. Raises sqlite3.OperationalError for a newer."""
    (version,) = db.execute(f"PRAGMA {where}.user_version").fetchone()
    known = schema.VERSIONS[where]
    if not 0 <= version <= known:
        raise sqlite3.OperationalError(
            f"the file has version {version} of the tables, this Switchyard knows {known}"
        )
    return version


def create_tables(
    db: sqlite3.Connection, where: str, tables: dict[str, tuple[Column, ...]]
) -> None:
    """Create a file's tables; what an interrupted attempt left of them is dropped."""
    db.execute("BEGIN IMMEDIATE")
    db.execute(f"DROP TABLE IF EXISTS {where}.names")
    db.execute(f"CREATE TABLE {where}.names (number INTEGER PRIMARY KEY, text TEXT UNIQUE)")
    create_anew(db, where, tables)
    db.execute("COMMIT")


def create_anew(db: sqlite3.Connection, where: str, tables: dict[str, tuple[Column, ...]]) -> None:
    """Create tables, empty also where they were there, within the caller's transaction."""
    for table, columns in tables.items():
        db.execute(f"DROP TABLE IF EXISTS {where}.{table}")
        typed = ", ".join(f"{column.name} {_TYPES[column.kind]}" for column in columns)
        key = ", ".join(schema.KEYS[table])
        db.execute(f"CREATE TABLE {where}.{table} ({typed}, PRIMARY KEY ({key})) WITHOUT ROWID")


@contextlib.contextmanager
def exclusively(file: Path) -> Iterator[None]:
    """Hold a lock among processes; it ends with its holder."""
    handle = os.open(file, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def is_sound(file: Path) -> bool:
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)
        ) as db:
            return db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
    except sqlite3.Error:
        return False


def journal_of(file: Path) -> Path:
    return file.with_name(file.name + "-journal")


def size_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
