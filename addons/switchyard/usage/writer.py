"""Hands records to the store in a thread of its own, in batches; requests never wait for it."""

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass

from switchyard.usage.held_windows import HeldWindows
from switchyard.usage.records import RequestRecord
from switchyard.usage.store import Retention
from switchyard.usage.store import Store
from switchyard.usage.store import StoreError
from switchyard.usage.windows import WindowSnapshot

logger = logging.getLogger(__name__)

type Making = Callable[[], RequestRecord]
"""Makes the record of a request, in whichever thread."""

BATCH_EVERY = 0.5
"""Seconds between batches: what a crash loses at most."""

BATCH_SIZE = 500
"""Finished records that start a batch before its time."""

MOST_WAITING = 50_000
"""Finished records kept while the store cannot write; further ones are counted as lost."""

MOST_UNMADE = 1000
"""Requests that end while the thread prepares itself; they hold on to their bodies."""

MOST_SNAPSHOTS = 5000
"""Snapshots of windows kept while the store cannot write."""

CLOSES_WITHIN = 12.0
"""Seconds until a process ends without what it could not write. A parent of workers waits 15."""

FAILS_WITHIN = 5.0
"""The same where the store fails."""

_PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds until the next try at a store that cannot write."""

_EXPIRE_EVERY = 3600.0


@dataclass(slots=True)
class WriterHealth:
    """What metrics and the dashboard show of the writer."""

    waiting: int = 0
    written: int = 0
    lost: int = 0
    recovered: int = 0
    """Requests that an earlier process left running, which are on record as interrupted."""
    problem: str = ""
    """Why the store cannot write at present; empty while it can."""


class UsageWriter:
    """Queues what is to go on record from the event loop, and writes it from a thread.

    `begin`, `end` and `note` never block on the store. A record is made where `end` is called: a
    thread that made it later would keep all of the request in memory until then, which costs more.
    """

    def __init__(
        self,
        store: Store,
        retention: Retention,
        is_alive: Callable[[str], bool] = lambda writer: False,
        prepare: Callable[[], None] = lambda: None,
        rest: float = 0.0,
    ) -> None:
        """Take what the thread calls.

        `is_alive` tells of a writer's name whether it runs; `prepare` does what takes long once,
        before the first record is made. It begins when a request has ended, or after `rest`
        seconds: a process that starts has better things to do with the processor.
        """
        self._prepare = prepare
        self._prepared = False
        self._rest = rest
        self.health = WriterHealth()
        self._store = store
        self._retention = retention
        self._is_alive = is_alive
        self._ended: deque[Making] = deque()
        self._finished: deque[RequestRecord] = deque()
        self._running: dict[str, Making] = {}
        self._told: set[str] = set()
        """Running requests that are on record as running."""
        self._snapshots: deque[WindowSnapshot] = deque(maxlen=MOST_SNAPSHOTS)
        self._held = HeldWindows()
        self._wake = threading.Condition()
        self._flushed = 0
        self._wanted = 0
        self._ending = False
        self._recovered = False
        self._failures = 0
        self._next_try = 0.0
        self._next_expiry = 0.0
        self._thread = threading.Thread(target=self._run, name="usage", daemon=True)

    def start(self) -> None:
        """Start the thread. Its first task is to close what an earlier process left running."""
        self._thread.start()

    def begin(self, key: str, make: Making) -> None:
        """Note a request under way, so that it is not lost if the process ends."""
        self._running[key] = make

    @property
    def defers(self) -> bool:
        """Whether the record of a request that ends now is made later."""
        return bool(self._ended or not self._prepared) and len(self._ended) < MOST_UNMADE

    def end(self, key: str, make: Making) -> None:
        """Queue a request that has ended. Records are made in the order of these calls."""
        self._running.pop(key, None)
        if self.defers:
            self._ended.append(make)
            if not self._prepared:
                with self._wake:
                    self._wake.notify()
            return
        self._make(make)
        if len(self._finished) == BATCH_SIZE:
            with self._wake:
                self._wake.notify()

    def note(self, snapshots: Iterable[WindowSnapshot]) -> None:
        """Queue snapshots of windows; the oldest are dropped while the store cannot write."""
        for snapshot in snapshots:
            self._held.drop(snapshot)
            self._snapshots.append(snapshot)

    def hold(self, snapshot: WindowSnapshot, seconds: float) -> None:
        """Queue the last figure of a window unless another comes, for so long at most."""
        self._held.hold(snapshot, seconds)

    def flush(self, timeout: float) -> bool:
        """Write all that was queued before the call; return whether that was done in time."""
        with self._wake:
            self._wanted += 1
            wanted = self._wanted
            self._wake.notify()
            return self._wake.wait_for(lambda: self._flushed >= wanted, timeout)

    def close(self, timeout: float = CLOSES_WITHIN) -> None:
        """Write what is queued, as far as that is possible within `timeout` seconds, and end.

        A store that fails gets 5 seconds of them; one that is slow, or is being opened, gets all.
        """
        with self._wake:
            self._ending = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(min(timeout, FAILS_WITHIN))
        if self._thread.is_alive() and not self._failures:
            self._thread.join(max(0.0, timeout - FAILS_WITHIN))
        if self._thread.is_alive() and (left := len(self._finished) + len(self._ended)):
            logger.warning("usage: records that were not written before the end: %d", left)

    def _run(self) -> None:
        with self._wake:
            self._wake.wait_for(lambda: self._ended or self._wanted or self._ending, self._rest)
        try:
            self._prepare()
        except Exception:  # what is not prepared takes its time later
            logger.exception("usage: preparing failed")
        self._prepared = True
        while True:
            with self._wake:
                if not self._ending and (self._failures or self._flushed >= self._wanted):
                    # A flush that waits must not make the thread spin on a store that fails.
                    self._wake.wait(BATCH_EVERY)
                ending, wanted = self._ending, self._wanted
            self._make_all()
            if ending:
                self._interrupt()
            if not ending and time.monotonic() < self._next_try:
                continue
            # The last batch is tried twice: a connection that broke since the batch before fails
            # at its first use, and the second try opens another.
            if self._write() or (ending and self._write()):
                self._failures, self._next_try = 0, 0.0
                with self._wake:
                    self._flushed = wanted
                    self._wake.notify_all()
            else:
                pause = _PAUSES[min(self._failures, len(_PAUSES) - 1)]
                self._failures += 1
                self._next_try = time.monotonic() + pause
            if ending:
                self._store.close()
                return

    def _make_all(self) -> None:
        """Make the records of what has ended, each in the queue until it is made: see `end`."""
        ended = self._ended
        while ended:
            self._make(ended[0])
            ended.popleft()

    def _interrupt(self) -> None:
        """The process ends: what still runs ends with it."""
        while self._running:
            _, make = self._running.popitem()
            if (record := _made(make)) is not None:
                record.state = "interrupted"
                self._finished.append(record)

    def _make(self, make: Making) -> None:
        record = _made(make)
        if record is None or len(self._finished) >= MOST_WAITING:
            self.health.lost += 1
            return
        self._finished.append(record)

    def _write(self) -> bool:
        """Hand one batch to the store; return whether it took it."""
        count = len(self._finished)
        batch = list(itertools.islice(self._finished, count))
        begun = {key: make for key, make in self._running.copy().items() if key not in self._told}
        running = [record for make in begun.values() if (record := _made(make)) is not None]
        self._snapshots.extend(self._held.take(every=self._ending))
        windows = list(self._snapshots)
        try:
            self._recover()
            self._keep(batch, running)
            self._keep_windows(windows)
            self._expire()
        except StoreError as e:
            self._report(str(e))
            return False
        except Exception as e:  # the thread must outlive whatever a database comes up with
            logger.exception("usage: writing failed")
            self._report(f"{type(e).__name__}: {e}")
            return False
        for _ in range(count):
            self._finished.popleft()
        for _ in windows:
            self._snapshots.popleft()
        self._told = {*begun, *(self._told & self._running.keys())}
        self.health.written += count
        self._report("")
        return True

    def _keep(self, finished: list[RequestRecord], running: list[RequestRecord]) -> None:
        """Hand records to the store, and leave out those that it can never hold.

        Raises StoreError. One bad record, such as a number that no database takes, must not keep
        all others waiting.
        """
        if not finished and not running:
            return
        try:
            return self._store.write(finished, running)
        except StoreError:
            raise
        except Exception:
            if len(finished) + len(running) == 1:
                logger.exception("usage: a record cannot be written and is left out")
                self.health.lost += len(finished)
                return None
        middle, begun = len(finished) // 2, len(running) // 2
        self._keep(finished[:middle], running[:begun])
        self._keep(finished[middle:], running[begun:])

    def _keep_windows(self, windows: list[WindowSnapshot]) -> None:
        if not windows:
            return
        try:
            self._store.write_windows(windows)
        except StoreError:
            raise
        except Exception:
            logger.exception("usage: snapshots of windows cannot be written and are left out")

    def _recover(self) -> None:
        if not self._recovered:
            if count := self._store.recover(self._is_alive):
                self.health.recovered += count
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


def _made(make: Making) -> RequestRecord | None:
    try:
        return make()
    except Exception:  # one record that cannot be made must not end the thread
        logger.exception("usage: a record cannot be made")
        return None
