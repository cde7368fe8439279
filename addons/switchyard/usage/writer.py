"""Hands records to the store in a thread of its own, in batches; requests never wait for it."""

import contextlib
import fcntl
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from switchyard.usage.records import RequestRecord
from switchyard.usage.store import Retention
from switchyard.usage.store import Store
from switchyard.usage.store import StoreError

logger = logging.getLogger(__name__)

BATCH_EVERY = 0.5
"""Seconds between batches: what a crash loses at most."""

BATCH_SIZE = 500
"""Finished records that start a batch before its time."""

MOST_WAITING = 50_000
"""Finished records kept while the store cannot write; further ones are counted as lost."""

_PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds until the next try at a store that cannot write."""

_EXPIRE_EVERY = 3600.0


@dataclass(slots=True)
class WriterHealth:
    """What metrics and the dashboard show of the writer."""

    waiting: int = 0
    written: int = 0
    lost: int = 0
    problem: str = ""
    """Why the store cannot write at present; empty while it can."""


class UsageWriter:
    """Queues records from the event loop, and writes them from a thread.

    `begin` and `end` may be called from any thread, and never block on the store.
    """

    def __init__(
        self,
        store: Store,
        retention: Retention,
        is_alive: Callable[[str], bool] = lambda writer: False,
    ) -> None:
        self.health = WriterHealth()
        self._store = store
        self._retention = retention
        self._is_alive = is_alive
        self._finished: deque[RequestRecord] = deque()
        self._running: dict[UUID, RequestRecord] = {}
        self._told: set[UUID] = set()
        """Running requests that are on record as running."""
        self._wake = threading.Condition()
        self._flushed = 0
        self._wanted = 0
        self._ending = False
        self._recovered = False
        self._next_expiry = 0.0
        self._thread = threading.Thread(target=self._run, name="usage", daemon=True)

    def start(self) -> None:
        """Start the thread. Its first task is to close what an earlier process left running."""
        self._thread.start()

    def begin(self, record: RequestRecord) -> None:
        """Note a request under way, so that it is not lost if the process ends."""
        self._running[record.id] = record

    def end(self, record: RequestRecord) -> None:
        """Queue a finished request."""
        self._running.pop(record.id, None)
        if len(self._finished) >= MOST_WAITING:
            self.health.lost += 1
            return
        self._finished.append(record)
        if len(self._finished) == BATCH_SIZE:
            with self._wake:
                self._wake.notify()

    def flush(self, timeout: float) -> bool:
        """Write all that was queued before the call; return whether that was done in time."""
        with self._wake:
            self._wanted += 1
            wanted = self._wanted
            self._wake.notify()
            return self._wake.wait_for(lambda: self._flushed >= wanted, timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Write what is queued, as far as that is possible within `timeout` seconds, and end."""
        with self._wake:
            self._ending = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        failures = 0
        while True:
            pause = _PAUSES[min(failures, len(_PAUSES)) - 1] if failures else BATCH_EVERY
            with self._wake:
                if not self._ending and self._flushed >= self._wanted:
                    self._wake.wait(pause)
                ending, wanted = self._ending, self._wanted
            failures = 0 if self._write() else failures + 1
            with self._wake:
                if not failures:
                    self._flushed = wanted
                    self._wake.notify_all()
            if ending or (failures and self._ending):
                self._store.close()
                return
            if failures:
                with self._wake:
                    # A flush that waits must not make the thread spin on a store that fails.
                    self._wake.wait_for(lambda: self._ending, pause)

    def _write(self) -> bool:
        """One batch; whether the store took it."""
        batch = list(self._finished)
        running = [record for id, record in self._running.copy().items() if id not in self._told]
        try:
            self._recover()
            if batch or running:
                self._store.write(batch, running)
            self._expire()
        except StoreError as e:
            self._report(str(e))
            return False
        except Exception as e:  # the thread must outlive whatever a database comes up with
            logger.exception("usage: writing failed")
            self._report(f"{type(e).__name__}: {e}")
            return False
        for _ in batch:
            self._finished.popleft()
        self._told = {record.id for record in running} | (self._told & self._running.keys())
        self.health.written += len(batch)
        self._report("")
        return True

    def _recover(self) -> None:
        if not self._recovered:
            if count := self._store.recover(self._is_alive):
                logger.warning("usage: %d requests were interrupted by the last stop", count)
            self._recovered = True

    def _expire(self) -> None:
        now = time.time()
        if now >= self._next_expiry:
            self._next_expiry = now + _EXPIRE_EVERY
            for name in self._store.expire(now, self._retention):
                logger.info("usage: deleted %s, as `keep` and `max-size` say", name)

    def _report(self, problem: str) -> None:
        """Log a change of state once; a store that stays out of order is not repeated."""
        self.health.waiting = len(self._finished)
        if problem and not self.health.problem:
            logger.warning(
                "usage: cannot write records: %s. Requests go on; records wait in memory.", problem
            )
        elif self.health.problem and not problem:
            lost = f", {self.health.lost} records were lost" if self.health.lost else ""
            logger.warning("usage: records are written again%s", lost)
        self.health.problem = problem


class WriterLock:
    """Marks a writer of a folder as running, by a lock that ends with its process."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder / "writers"
        self.name = name
        self._handle: int | None = None

    def take(self) -> None:
        """Take the lock. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._handle = os.open(self._folder / self.name, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def is_alive(self, name: str) -> bool:
        """Return whether the writer of a name still runs; forget it if not."""
        if name == self.name:
            return True
        file = self._folder / name
        try:
            handle = os.open(file, os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(handle)
        with contextlib.suppress(OSError):
            file.unlink()
        return False

    def release(self) -> None:
        """Give the lock back, and remove its file."""
        if self._handle is not None:
            with contextlib.suppress(OSError):
                (self._folder / self.name).unlink()
            os.close(self._handle)
            self._handle = None
