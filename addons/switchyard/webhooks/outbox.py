"""Keeps events until their receivers have them: in one file for all workers, over restarts."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOST_WAITING = 5000
"""Events that wait for one receiver; further ones are dropped."""

LEASE = 60.0
"""Seconds after which a delivery whose process ended is tried by another one."""

_REMEMBERED = 40 * 86400.0
"""Seconds for which it is remembered that something was told once."""
_WAITS = 5.0
"""Seconds for other threads and processes that write."""
_AGAIN = 0.01
"""Seconds between two tries to make the file."""

_CLASS = 0xFF
"""Of an extended result code: what it is one of."""

_TABLES = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS waiting (
  id INTEGER PRIMARY KEY, receiver TEXT NOT NULL, message TEXT NOT NULL, event TEXT NOT NULL,
  body TEXT NOT NULL, due REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS waiting_due ON waiting (receiver, due);
CREATE TABLE IF NOT EXISTS announced (key TEXT PRIMARY KEY, at REAL NOT NULL);
"""
_CLAIM = """
UPDATE waiting SET due = ?, tries = tries + 1 WHERE id = (
  SELECT id FROM waiting WHERE receiver = ? AND due <= ? ORDER BY due, id LIMIT 1
) RETURNING id, message, event, body, tries
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one receiver."""

    id: int
    message: str
    """The id that receivers know a repeated event by; the same in each try."""
    event: str
    body: str
    """JSON."""
    tries: int
    """With this one, from 1."""


class WebhookOutbox:
    """The file of events that wait. One thread uses one; methods raise sqlite3.Error."""

    def __init__(self, file: Path) -> None:
        """Opens the file, and makes it where it is not there. Raises OSError too."""
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._db = sqlite3.connect(file, timeout=_WAITS, isolation_level=None)
        file.chmod(0o600)
        self._make()

    def _make(self) -> None:
        """Makes what is not there yet. While others do, SQLite does not wait by itself.

        A change of the journal's mode has it fail at once (PRAGMA journal_mode).
        """
        end = time.monotonic() + _WAITS
        while True:
            try:
                self._db.executescript(_TABLES)
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & _CLASS != sqlite3.SQLITE_BUSY:
                    raise
                if time.monotonic() > end:
                    raise
                time.sleep(_AGAIN)

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """Has all changes in its block made, or none where one fails."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.rollback()
            raise
        self._db.commit()

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def is_news(self, key: str) -> bool:
        """Notes that something is told; returns whether no process told it before."""
        now = time.time()
        self._db.execute("DELETE FROM announced WHERE at < ?", (now - _REMEMBERED,))
        added = self._db.execute("INSERT OR IGNORE INTO announced VALUES (?, ?)", (key, now))
        return added.rowcount > 0

    def add(self, receiver: str, message: str, event: str, body: str) -> bool:
        """Queues an event for a receiver; returns whether there was a place."""
        if self.waiting(receiver) >= MOST_WAITING:
            return False
        self._db.execute(
            "INSERT INTO waiting (receiver, message, event, body, due) VALUES (?, ?, ?, ?, ?)",
            (receiver, message, event, body, time.time()),
        )
        return True

    def claim(self, receiver: str) -> Delivery | None:
        """Takes the next event that is due, which no other process takes within `LEASE`."""
        now = time.time()
        found = self._db.execute(_CLAIM, (now + LEASE, receiver, now)).fetchone()
        return Delivery(*found) if found is not None else None

    def forget(self, delivery: Delivery) -> None:
        """Removes an event that its receiver has, or that is given up."""
        self._db.execute("DELETE FROM waiting WHERE id = ?", (delivery.id,))

    def drop_all(self, receiver: str) -> None:
        """Removes all events of a receiver."""
        self._db.execute("DELETE FROM waiting WHERE receiver = ?", (receiver,))

    def put_back(self, delivery: Delivery, pause: float) -> None:
        """Has an event tried again after `pause` seconds."""
        due = time.time() + pause
        self._db.execute("UPDATE waiting SET due = ? WHERE id = ?", (due, delivery.id))

    def due_in(self, receiver: str) -> float | None:
        """Returns the seconds until the next event is due; None where none waits."""
        found = self._db.execute("SELECT min(due) FROM waiting WHERE receiver = ?", (receiver,))
        due = found.fetchone()[0]
        return None if due is None else max(0.0, due - time.time())

    def waiting(self, receiver: str) -> int:
        """Returns how many events wait for a receiver."""
        found = self._db.execute("SELECT count(*) FROM waiting WHERE receiver = ?", (receiver,))
        return found.fetchone()[0]

    def keep_only(self, receivers: list[str]) -> None:
        """Removes the events of receivers that are not configured any more."""
        marks = ", ".join("?" * len(receivers))
        self._db.execute(f"DELETE FROM waiting WHERE receiver NOT IN ({marks})", receivers)


@contextlib.contextmanager
def open_outbox(file: Path) -> Iterator[WebhookOutbox]:
    """Opens the outbox for one piece of work."""
    outbox = WebhookOutbox(file)
    try:
        yield outbox
    finally:
        outbox.close()
