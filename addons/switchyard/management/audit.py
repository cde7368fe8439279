"""Keeps who changed what, from where and when: by the API, by shell, or in the file itself."""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from switchyard.management.private_database import open_private

type ChangedBy = Literal["api", "dashboard", "shell", "file"]

MOST_ROWS = 100_000

_TABLE = """
CREATE TABLE IF NOT EXISTS audit (
  id INTEGER PRIMARY KEY, at REAL NOT NULL, who TEXT NOT NULL, role TEXT NOT NULL,
  peer TEXT NOT NULL, via TEXT NOT NULL, action TEXT NOT NULL, diff TEXT NOT NULL,
  etag TEXT NOT NULL
)
"""
_LAST_ETAG = "SELECT etag FROM audit WHERE etag <> '' ORDER BY id DESC LIMIT 1"
_COLUMNS = "id, at, who, role, peer, via, action, diff, etag"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One change."""

    at: float
    """Unix seconds."""
    who: str
    """The label of a key, or the user of a shell; empty where only the file is known."""
    role: str = ""
    peer: str = ""
    via: ChangedBy
    action: str
    """What was done: `PUT /config`, `set aliases.fast`, `edit`, `cooldowns/reset`."""
    diff: str = ""
    """The change of the configuration, with secrets masked."""
    etag: str = ""
    """What the file was afterwards."""
    id: int = 0


class Audit:
    """The rows in a file that all workers and commands share. Methods raise sqlite3.Error."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "audit.sqlite"

    def add(self, row: AuditRow) -> bool:
        """Adds a row; of the file's edits only those that no other row tells. Returns whether."""
        with self._open() as db:
            if row.via == "file":
                last = db.execute(
                    "SELECT etag FROM audit WHERE etag <> '' ORDER BY id DESC LIMIT 1"
                )
                if (found := last.fetchone()) is not None and found[0] == row.etag:
                    return False
            db.execute(
                "INSERT INTO audit (at, who, role, peer, via, action, diff, etag)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(row.at, row.who, row.role, row.peer, row.via),
                    *(row.action, row.diff, row.etag),
                ),
            )
            db.execute(
                "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?", (MOST_ROWS,)
            )
        return True

    def rows(self, before: int | None = None, most: int = 100) -> list[AuditRow]:
        """Returns rows, the latest first, whose id is below `before`."""
        if not self._file.exists():
            return []
        with self._open() as db:
            found = db.execute(
                f"SELECT {_COLUMNS} FROM audit WHERE ? IS NULL OR id < ? ORDER BY id DESC LIMIT ?",
                (before, before, most),
            ).fetchall()
        names = _COLUMNS.split(", ")
        return [AuditRow(**dict(zip(names, row, strict=True))) for row in found]

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with open_private(self._file, _TABLE) as db:
            db.execute("BEGIN IMMEDIATE")
            yield db
