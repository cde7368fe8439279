"""Puts finished requests on record where the configuration says.

The addons hold one ledger for as long as the process runs; its writer changes with the
configuration.
"""

import logging
import os
import secrets
import socket
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from collections.abc import Sequence
from functools import partial

from switchyard.usage.background_runs import BackgroundRuns
from switchyard.usage.fingerprints import Fingerprints
from switchyard.usage.places import OpenStore
from switchyard.usage.places import RecordPlace
from switchyard.usage.places import open_reader
from switchyard.usage.places import open_store
from switchyard.usage.pricing import load_prices
from switchyard.usage.records import RequestRecord
from switchyard.usage.window_book import WindowBook
from switchyard.usage.windows import Window
from switchyard.usage.windows import WindowSnapshot
from switchyard.usage.writer import Making
from switchyard.usage.writer import UsageWriter
from switchyard.usage.writer import WriterHealth

logger = logging.getLogger(__name__)

WINDOWS_SINCE = 8 * 86_400.0
"""Seconds of snapshots that windows are known from: the longest common window and a day."""

_RESTORES_WITHIN = 2.0

_BEGINS_AFTER = 2.0
"""Seconds until prices are loaded, unless a request ends before. Loading them takes 0.2 s of
processor time, by which the start and the first answer would come later."""


class Ledger:
    """Queues records for the writer in force, if there is one.

    `on` says whether there is; who asks first spares what a record takes.
    """

    def __init__(self) -> None:
        self.on = False
        self.place: RecordPlace | None = None
        self._writer: UsageWriter | None = None
        self._store: OpenStore | None = None
        self._seen: deque[list[WindowSnapshot]] = deque()
        """What the thread found on a server of windows seen before."""
        self._fingerprints = Fingerprints(None)
        self.runs = BackgroundRuns(None)
        self.windows = WindowBook()
        """Windows that responses reported, also without a writer."""
        self.counters: dict[str, Callable[[RequestRecord], None]] = {}
        """Called with each finished record, in whichever thread makes it; by who asked for it."""
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
            old = threading.Thread(target=_finish, args=(self._writer, self._store), daemon=True)
            old.start()
        self.on, self.place, self._writer = False, place, None
        self.runs = BackgroundRuns(place.folder if place is not None else None)
        if place is None:
            self._fingerprints = Fingerprints(None)
            return
        # A name of its own for each process, wherever the folder is mounted.
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._store = opened = open_store(place, name)
        self._fingerprints = Fingerprints(place.folder)
        self._fingerprints.load()  # at once: the first login may report windows
        self._seen.clear()
        prepare = partial(_prepare, place, self._seen)
        if place.server is None:
            self.windows.restore(_seen_before(place))
            prepare = load_prices
        self._writer = UsageWriter(
            opened.store, place.retention, opened.is_alive, prepare, _BEGINS_AFTER
        )
        self._writer.start()
        self.on = True

    def begin(self, key: str, make: Making) -> None:
        """Note a request under way by the key of its exchange."""
        if self._writer is not None:
            self._writer.begin(key, make)

    @property
    def defers(self) -> bool:
        """Whether the record of a request that ends now is made later."""
        return self._writer is not None and self._writer.defers

    def end(self, key: str, make: Making) -> None:
        """Queue a request that has ended; `make` makes its record."""
        if self.counters:
            make = partial(_counted, make, tuple(self.counters.values()))
        if self._writer is not None:
            self._writer.end(key, make)
        elif self.counters:
            try:
                make()
            except Exception:
                logger.exception("usage: a record cannot be made")

    def note(self, owner: str, windows: Sequence[Window]) -> None:
        """Take in the windows that a response reported of a credential or login."""
        while self._seen:
            self.windows.restore(self._seen.popleft())
        snapshots = self.windows.note(owner, windows)
        if self.sharer is not None:
            for snapshot in snapshots:
                self.sharer(snapshot)
        if self._writer is None:
            return
        if snapshots:
            self._writer.note(snapshots)
        if len(snapshots) < len(windows):
            for snapshot, seconds in self.windows.unkept(owner, windows):
                self._writer.hold(snapshot, seconds)

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
            _finish(self._writer, self._store)
        self._writer = self._store = self.place = None


def _counted(make: Making, counters: Sequence[Callable[[RequestRecord], None]]) -> RequestRecord:
    record = make()
    for count in counters:
        try:
            count(record)
        except Exception:  # a record that cannot be counted is kept all the same
            logger.exception("usage: a record cannot be counted")
    return record


def _seen_before(place: RecordPlace) -> list[WindowSnapshot]:
    """The snapshots of windows that were kept lately."""
    try:
        return open_reader(place, _RESTORES_WITHIN).windows(time.time() - WINDOWS_SINCE)
    except sqlite3.Error:
        return []


def _prepare(place: RecordPlace, seen: deque[list[WindowSnapshot]]) -> None:
    """What takes long once; a server is asked here, and not on the event loop."""
    load_prices()
    seen.append(_seen_before(place))


def _finish(writer: UsageWriter, opened: OpenStore | None) -> None:
    writer.close()
    if opened is not None:
        opened.release()
