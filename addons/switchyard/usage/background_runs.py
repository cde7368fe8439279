"""Remembers runs in a provider's background until their usage has been counted, once.

A run of the Responses API that was asked for with `background: true` is answered before it has
used anything; a later response for its id has the usage (OpenAI's guide "Background mode").
"""

import json
import logging
import sqlite3
import threading
import time
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path

from switchyard.usage.sqlite_files import open_file

logger = logging.getLogger(__name__)

_FILE = "background.sqlite"
_KEPT = 31 * 86_400.0
"""Seconds. OpenAI keeps responses for 30 days ("Your data", "Application state")."""
_TABLE = (
    "CREATE TABLE IF NOT EXISTS runs (id TEXT PRIMARY KEY, owner TEXT NOT NULL, "
    "started REAL NOT NULL, counted INTEGER NOT NULL, about TEXT NOT NULL) WITHOUT ROWID"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundRun:
    """Who works on a run, and whose it is: what its usage is attributed to."""

    provider: str
    model: str
    """The provider's own name of it."""
    credential: str
    """The id of the key that began it: no other may see it."""
    asked_model: str | None = None
    combo: str | None = None
    session: str | None = None
    project: str | None = None


class BackgroundRuns:
    """Keeps runs in a file of the usage folder, for all processes that share it.

    Every method blocks on the file. A file that cannot be used is told of once; the process then
    remembers its own runs alone.
    """

    def __init__(self, folder: Path | None) -> None:
        """None: nothing is recorded, and the process remembers its own runs."""
        self._file = folder / _FILE if folder is not None else None
        self._db: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def note(self, id: str, owner: bytes, run: BackgroundRun, counted: bool) -> None:
        """Remember a run of a client; `counted`: its usage is on record already."""
        now = time.time()
        row = id, owner.hex(), now, int(counted), json.dumps(asdict(run))
        with self._lock:
            self._run("DELETE FROM runs WHERE started < ?", (now - _KEPT,))
            self._run("INSERT OR IGNORE INTO runs VALUES (?, ?, ?, ?, ?)", row)

    def find(self, id: str, owner: bytes) -> BackgroundRun | None:
        """Return a run of a client; None where that client has none such."""
        with self._lock:
            found = self._run(
                "SELECT about FROM runs WHERE id = ? AND owner = ?", (id, owner.hex())
            ).fetchone()
        return BackgroundRun(**json.loads(found[0])) if found is not None else None

    def take(self, id: str) -> bool:
        """Whether a run's usage is to be counted now: True for one caller alone."""
        with self._lock:
            changed = self._run("UPDATE runs SET counted = 1 WHERE id = ? AND counted = 0", (id,))
        return changed.rowcount == 1

    def _run(self, statement: str, values: tuple[object, ...]) -> sqlite3.Cursor:
        try:
            return self._opened().execute(statement, values)
        except (sqlite3.Error, OSError) as e:
            if self._file is None:
                raise
            logger.warning("usage: runs in the background are remembered in memory alone: %s", e)
            self._file = self._db = None
            return self._opened().execute(statement, values)

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            if self._file is not None:
                self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                db = open_file(self._file)
            else:
                db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            db.execute(_TABLE)
            self._db = db
        return self._db
