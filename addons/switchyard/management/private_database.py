"""Opens the small databases of the management API, which only the router's user may read."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

_WAITS = 5.0
"""Seconds for another process that writes."""


@contextlib.contextmanager
def open_private(file: Path, table: str) -> Iterator[sqlite3.Connection]:
    """Open a database in one transaction, and make it with its table where it is not there.

    Raises sqlite3.Error and OSError.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.closing(sqlite3.connect(file, timeout=_WAITS)) as db:
        file.chmod(0o600)
        db.execute(table)
        with db:
            yield db
