"""Puts finished requests on record where the configuration says.

The addons hold one ledger for as long as the process runs; its writer changes with the
configuration.
"""

import os
import secrets
import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from switchyard.usage.fingerprints import Fingerprints
from switchyard.usage.pricing import load_prices
from switchyard.usage.reader import UsageReader
from switchyard.usage.sqlite import SqliteStore
from switchyard.usage.store import Retention
from switchyard.usage.window_book import WindowBook
from switchyard.usage.windows import Window
from switchyard.usage.windows import WindowSnapshot
from switchyard.usage.writer import Making
from switchyard.usage.writer import UsageWriter
from switchyard.usage.writer import WriterHealth
from switchyard.usage.writer_lock import WriterLock

WINDOWS_SINCE = 8 * 86_400.0
"""Seconds of snapshots that windows are known from: the longest common window and a day."""

_RESTORES_WITHIN = 2.0


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """Where records are kept, and how long."""

    folder: Path
    retention: Retention


def default_folder(environment: dict[str, str]) -> Path:
    """Return where usage is kept unless the configuration says otherwise (XDG Base Directory)."""
    if folder := environment.get("SWITCHYARD_USAGE_DIR"):
        return Path(folder)
    base = environment.get("XDG_STATE_HOME", "")
    state = Path(base) if base.startswith("/") else Path.home() / ".local" / "state"
    return state / "switchyard" / "usage"


class Ledger:
    """Queues records for the writer in force, if there is one.

    `on` says whether there is; who asks first spares what a record takes.
    """

    def __init__(self) -> None:
        self.on = False
        self.place: RecordPlace | None = None
        self._writer: UsageWriter | None = None
        self._lock: WriterLock | None = None
        self._fingerprints = Fingerprints(None)
        self.windows = WindowBook()
        """Windows that responses reported, also without a writer."""
        self.sharer: Callable[[WindowSnapshot], None] | None = None
        """Called with what responses to this process reported: other processes are to know."""

    @property
    def health(self) -> WriterHealth:
        """The writer's state; that of an idle one where nothing is recorded."""
        return self._writer.health if self._writer is not None else WriterHealth()

    def keep_at(self, place: RecordPlace | None) -> None:
        """Keep records at a place from now on, None: nowhere; what is queued goes to the old."""
        if place == self.place:
            return
        if self._writer is not None:
            # Not on the event loop: what is queued may take a while.
            old = threading.Thread(target=_finish, args=(self._writer, self._lock), daemon=True)
            old.start()
        self.on, self.place, self._writer = False, place, None
        if place is None:
            self._fingerprints = Fingerprints(None)
            return
        # A name of its own for each process, wherever the folder is mounted.
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._lock = WriterLock(place.folder, name)
        store = SqliteStore(place.folder, name, self._lock)
        self._fingerprints = prints = Fingerprints(place.folder)
        self.windows.restore(_seen_before(place.folder))
        self._writer = UsageWriter(
            store, place.retention, self._lock.is_alive, partial(_prepare, prints)
        )
        self._writer.start()
        self.on = True

    def begin(self, key: str, make: Making) -> None:
        """Note a request under way by the key of its exchange."""
        if self._writer is not None:
            self._writer.begin(key, make)

    def end(self, key: str, make: Making) -> None:
        """Queue a request that has ended; `make` makes its record."""
        if self._writer is not None:
            self._writer.end(key, make)

    def note(self, owner: str, windows: Sequence[Window]) -> None:
        """Take in the windows that a response reported of a credential or login."""
        snapshots = self.windows.note(owner, windows)
        if self.sharer is not None:
            for snapshot in snapshots:
                self.sharer(snapshot)
        if self._writer is not None and snapshots:
            self._writer.note(snapshots)

    def fingerprint(self, login: str) -> str | None:
        """Return what tells a login apart; None where that is not known yet."""
        return self._fingerprints.of(login)

    def flush(self, timeout: float) -> bool:
        """Write all that is queued; return whether that was done within `timeout` seconds."""
        return self._writer is None or self._writer.flush(timeout)

    def close(self) -> None:
        """Write what is queued, within seconds, and end."""
        self.on = False
        if self._writer is not None:
            _finish(self._writer, self._lock)
        self._writer = self._lock = self.place = None


def _seen_before(folder: Path) -> list[WindowSnapshot]:
    """The snapshots of windows that were kept lately."""
    try:
        return UsageReader(folder, _RESTORES_WITHIN).windows(time.time() - WINDOWS_SINCE)
    except sqlite3.Error:
        return []


def _prepare(fingerprints: Fingerprints) -> None:
    fingerprints.load()
    load_prices()


def _finish(writer: UsageWriter, lock: WriterLock | None) -> None:
    writer.close()
    if lock is not None:
        lock.release()
