"""Keeps a ledger's counters in a SQLite file, so that budgets outlive a restart.

Changes are written every few seconds, in a thread; what a crash loses of the last ones, the
processes that share the ledger send again.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import sqlite3
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from switchyard.state.shared.ledger import LedgerEntry
from switchyard.state.shared.quick_ledger import QuickLedger

logger = logging.getLogger(__name__)

SAVE_EVERY = 5.0
"""Seconds between two writes: well within the minute that processes send again."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, expires INTEGER, buckets TEXT) STRICT;
CREATE TABLE IF NOT EXISTS ended (lease TEXT PRIMARY KEY, until INTEGER) STRICT;
CREATE TABLE IF NOT EXISTS turns (pool TEXT PRIMARY KEY, number INTEGER) STRICT;
PRAGMA user_version = 1;
"""


class LeaseKeeper:
    """Opens a ledger from a file, and saves its changes. `clock` returns Unix seconds."""

    def __init__(
        self, file: Path, every: float = SAVE_EVERY, clock: Callable[[], float] = time.time
    ) -> None:
        self._file = file
        self._every = every
        self._clock = clock
        self._ledger = QuickLedger()
        self._saving: asyncio.Task[None] | None = None
        self._unsaved: list[LedgerEntry] = []
        self._failed = False
        self._turns: dict[str, int] = {}
        self._ending = False
        """Whether what is over is deleted from the file though nothing else changed."""
        self._lock: int | None = None
        """The handle of the file's lock; -1 where another process has it, None before it is asked
        for."""

    async def open(self) -> QuickLedger:
        """Return a ledger with what was kept, and begin to save it.

        A file that cannot be read is set aside, and counters begin anew.
        """
        kept = None
        try:
            kept = await asyncio.to_thread(_load, self._file, int(self._clock() * 1000))
        except (sqlite3.Error, OSError, ValueError, TypeError) as e:
            logger.error("state: cannot read %s: %s. Counters begin anew", self._file.name, e)
            if not isinstance(e, sqlite3.OperationalError | OSError):
                await asyncio.to_thread(_set_aside, self._file)
        self._ledger = QuickLedger(kept, note_changes=True)
        self._saving = asyncio.get_running_loop().create_task(self._keep_saving())
        return self._ledger

    async def save(self) -> None:
        """Write what changed; what cannot be written is tried again the next time."""
        changes = self._ledger.take_changes()
        if changes.counters or changes.ended or changes.turns != self._turns:
            self._unsaved.append(changes)
            self._turns = changes.turns
        if not (self._unsaved or (self._ending and self._file.exists())) or not self._is_alone():
            return
        try:
            await asyncio.to_thread(_save, self._file, self._unsaved, int(self._clock() * 1000))
        except (sqlite3.Error, OSError) as e:
            self._unsaved = [_merged(self._unsaved)]
            if not self._failed:
                logger.error("state: cannot write %s: %s. Requests go on", self._file.name, e)
            self._failed = True
            return
        self._unsaved.clear()
        self._failed = False

    def _is_alone(self) -> bool:
        """Whether no other process writes the file, as one does that this one follows."""
        if self._lock is None or self._lock < 0:
            told = self._lock is not None
            try:
                self._lock = _take(self._file.with_suffix(".lock"))
            except BlockingIOError:
                self._lock = -1
                if not told:
                    logger.warning(
                        "state: another router keeps its counters in %s; those of this one are "
                        "written once it has ended",
                        self._file.name,
                    )
            except OSError:
                return True  # the write will report what is wrong with the folder
        if self._lock < 0:
            self._unsaved = _still_due(self._unsaved, int(self._clock() * 1000))
        return self._lock >= 0

    async def close(self) -> None:
        """Write what changed, and end."""
        if self._saving is not None:
            self._saving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._saving
            self._saving = None
            self._ending = True
            await self.save()
        if self._lock is not None and self._lock >= 0:
            os.close(self._lock)
            self._lock = None

    async def _keep_saving(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self.save()


def _merged(changes: list[LedgerEntry]) -> LedgerEntry:
    """One set of changes, in which later ones replace earlier ones."""
    counters = {one[0]: one for kept in changes for one in kept.counters}
    ended = dict(one for kept in changes for one in kept.ended)
    return LedgerEntry(list(counters.values()), list(ended.items()), changes[-1].turns)


def _still_due(changes: list[LedgerEntry], now: int) -> list[LedgerEntry]:
    """What of changes has to be remembered at `now` (Unix milliseconds), as one set."""
    if not changes:
        return []
    merged = _merged(changes)
    counters = [one for one in merged.counters if one[1] > now]
    ended = [one for one in merged.ended if one[1] > now]
    return [LedgerEntry(counters, ended, merged.turns)]


def _take(lock: Path) -> int:
    lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(lock, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.closing(sqlite3.connect(file)) as db:
        file.chmod(0o600)
        db.executescript("PRAGMA journal_mode = WAL;" + _SCHEMA)
        with db:
            yield db


def _load(file: Path, now: int) -> LedgerEntry | None:
    if not file.exists():
        return None
    with _opened(file) as db:
        counters = [
            (name, expires, {int(at): int(n) for at, n in orjson.loads(buckets)})
            for name, expires, buckets in db.execute(
                "SELECT name, expires, buckets FROM counters WHERE expires > ?", (now,)
            )
        ]
        ended = db.execute("SELECT lease, until FROM ended WHERE until > ?", (now,)).fetchall()
        return LedgerEntry(
            counters, ended, dict(db.execute("SELECT pool, number FROM turns").fetchall())
        )


def _set_aside(file: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        part = file.with_name(file.name + suffix)
        with contextlib.suppress(OSError):
            part.replace(part.with_name(f"{file.name}.broken{suffix}"))


def _save(file: Path, changes: list[LedgerEntry], now: int) -> None:
    with _opened(file) as db:
        for kept in changes:
            rows = [
                (name, expires, orjson.dumps(list(buckets.items())).decode())
                for name, expires, buckets in kept.counters
            ]
            db.executemany("REPLACE INTO counters VALUES (?, ?, ?)", rows)
            db.executemany("REPLACE INTO ended VALUES (?, ?)", kept.ended)
            db.executemany("REPLACE INTO turns VALUES (?, ?)", kept.turns.items())
        db.execute("DELETE FROM counters WHERE expires <= ?", (now,))
        db.execute("DELETE FROM ended WHERE until <= ?", (now,))
