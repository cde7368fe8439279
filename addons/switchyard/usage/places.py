"""Where records are kept: files in a folder, or a PostgreSQL server."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from switchyard.usage.reader import UsageReader
from switchyard.usage.row_pages import RowPages
from switchyard.usage.sqlite import SqliteStore
from switchyard.usage.store import Retention
from switchyard.usage.store import Store
from switchyard.usage.writer_lock import WriterLock

READ_WITHIN = 10.0
"""Seconds that a question may take."""

_MISSING = "PostgreSQL needs switchyard[postgres] and the library libpq"


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """Where records are kept, and how long."""

    folder: Path
    retention: Retention
    server: str | None = field(default=None, repr=False)
    """The URL of a PostgreSQL server that keeps the records in place of files in the folder."""


@dataclass(frozen=True, slots=True)
class OpenStore:
    """A store, and what belongs to it."""

    store: Store
    is_alive: Callable[[str], bool]
    """Whether the writer of a name still runs."""
    release: Callable[[], None]
    """Called once the store is closed."""


def default_folder(environment: dict[str, str]) -> Path:
    """Return where usage is kept unless the configuration says otherwise (XDG Base Directory)."""
    if folder := environment.get("SWITCHYARD_USAGE_DIR"):
        return Path(folder)
    base = environment.get("XDG_STATE_HOME", "")
    state = Path(base) if base.startswith("/") else Path.home() / ".local" / "state"
    return state / "switchyard" / "usage"


def open_store(place: RecordPlace, writer: str) -> OpenStore:
    """Return the store of a place for a writer of that name. Nothing is opened before it writes."""
    if place.server is not None:
        from switchyard.usage.postgres import PostgresStore

        store = PostgresStore(place.server, writer)
        return OpenStore(store, store.is_alive, _nothing)
    lock = WriterLock(place.folder, writer)
    return OpenStore(SqliteStore(place.folder, writer, lock), lock.is_alive, lock.release)


def open_reader(place: RecordPlace, seconds: float = READ_WITHIN) -> UsageReader:
    """Return what reads a place; each of its questions has `seconds` to finish.

    Raises sqlite3.OperationalError where the libraries for the place are missing.
    """
    if place.server is None:
        return UsageReader(place.folder, seconds)
    try:
        from switchyard.usage.postgres_reader import PostgresReader
    except ImportError as e:
        raise sqlite3.OperationalError(f"{_MISSING}: {e}") from e
    return PostgresReader(place.server, seconds)


def open_pages(place: RecordPlace, seconds: float = READ_WITHIN) -> RowPages:
    """Return what reads the rows of a place in pages; raises as `open_reader`."""
    if place.server is None:
        return RowPages(place.folder, seconds)
    try:
        from switchyard.usage.postgres_reader import PostgresPages
    except ImportError as e:
        raise sqlite3.OperationalError(f"{_MISSING}: {e}") from e
    return PostgresPages(place.server, seconds)


def _nothing() -> None:
    """A server needs no release: its locks end with the connection."""
