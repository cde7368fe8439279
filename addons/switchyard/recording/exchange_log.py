"""Writes the exchange log in the background: a folder each, old ones removed."""

import logging
import queue
import re
import shutil
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from pathlib import Path

from switchyard.config.schema import ExchangeLogSettings as Settings
from switchyard.recording.export import UNFINISHED
from switchyard.recording.export import ExchangeExport
from switchyard.recording.export import write_export
from switchyard.values.counts import counted
from switchyard.values.lasting import Complaints

logger = logging.getLogger(__name__)

MOST_WAITING = 1000
"""Exchanges that may wait to be written."""
MOST_WAITING_BYTES = 64 * 1024 * 1024

_LOOKS_EVERY = 60.0
"""Seconds after which old exchanges are looked for while nothing is written."""
_TELLS_EVERY = 10.0
"""Seconds between two complaints."""
_STOPS_WITHIN = 10.0

_OURS = re.compile(r"^(\d{8}T\d{6})\.\d{3}Z-[0-9a-f]{8}$")
"""Names of folders that the log made, and may remove."""


class ExchangeLog:
    """Takes exports of exchanges from the event loop, and writes them in a thread.

    `put` never waits. What cannot be written, since the disk is too slow or full, is counted and
    logged: when it begins, when exchanges are written again, and at the end.
    """

    def __init__(
        self, most_waiting: int = MOST_WAITING, most_bytes: int = MOST_WAITING_BYTES
    ) -> None:
        self._waiting: queue.Queue[tuple[Settings, ExchangeExport] | None] = queue.Queue(
            most_waiting
        )
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._bytes = 0
        self._thread: threading.Thread | None = None
        self.written = 0
        self.dropped = 0
        """Exchanges that were not written."""
        self._why = ""
        self._trouble = ""
        """The cause logged last, as long as nothing could be written since."""
        self._told = 0
        self._told_at = float("-inf")

    def put(self, settings: Settings, account: ExchangeExport) -> None:
        """Have an exchange written as `settings` say."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="switchyard exchange log", daemon=True
            )
            self._thread.start()
        size = account.size
        with self._lock:
            fits = self._bytes + size <= self._most_bytes or self._bytes == 0
            if fits:
                self._bytes += size
        if not fits:
            self._drop("the disk is too slow")
            return
        try:
            self._waiting.put_nowait((settings, account))
        except queue.Full:
            self._release(size)
            self._drop("the disk is too slow")

    def stop(self) -> None:
        """Write what waits, for ten seconds at most, and end the thread."""
        if self._thread is None:
            return
        until = time.monotonic() + _STOPS_WITHIN
        try:
            self._waiting.put(None, timeout=_STOPS_WITHIN)
        except queue.Full:
            pass
        self._thread.join(max(0.0, until - time.monotonic()))
        if self._thread.is_alive():
            self._drop("the router stopped before writing them", self._waiting.qsize())
        self._tell_dropped(at_once=True)
        self._thread = None

    def _run(self) -> None:
        folder: Folder | None = None
        complaints = Complaints("the exchange log")
        while True:
            try:
                item = self._waiting.get(timeout=_LOOKS_EVERY)
            except queue.Empty:
                try:
                    if folder is not None:
                        folder.tidy(time.time())
                except Exception as e:
                    complaints.met(e)
                continue
            if item is None:
                return
            settings, account = item
            try:
                if folder is None or folder.settings != settings:
                    folder = Folder(settings)
                folder.write(account)
                self._wrote()
                complaints.went_well()
            except Exception as e:
                # Not the account's text, which may hold anything.
                self._drop(f"{settings.dir} is not writable ({_reason(e)})")
            finally:
                self._release(account.size)

    def _wrote(self) -> None:
        with self._lock:
            self.written += 1
            self._trouble = ""
        self._tell_dropped()

    def _release(self, size: int) -> None:
        with self._lock:
            self._bytes -= size

    def _drop(self, why: str, count: int = 1) -> None:
        with self._lock:
            self.dropped += count
            self._why = why
        self._tell_dropped()

    def _tell_dropped(self, at_once: bool = False) -> None:
        with self._lock:
            now, count = time.monotonic(), self.dropped - self._told
            again = self._why == self._trouble or now - self._told_at < _TELLS_EVERY
            if not count or (again and not at_once):
                return
            self._told, self._told_at, self._trouble = self.dropped, now, self._why
        logger.warning(
            "switchyard: %s %s not in the exchange log: %s",
            counted(count, "exchange"),
            "is" if count == 1 else "are",
            self._why,
        )


def _reason(error: Exception) -> str:
    """What went wrong, in the same words for every exchange."""
    reason = error.strerror if isinstance(error, OSError) else ""
    return f"{type(error).__name__}: {reason}" if reason else type(error).__name__


@dataclass(frozen=True, slots=True)
class _Written:
    path: Path
    begun: float
    size: int


class Folder:
    """The log's folder; knows its content, and removes what is too much or too old."""

    def __init__(self, settings: Settings) -> None:
        """Reads what is there already."""
        self.settings = settings
        self._path = Path(settings.dir).expanduser().absolute()
        self._written: deque[_Written] = deque()
        self._size = 0
        if not self._path.is_dir():
            return
        for path in sorted(self._path.iterdir()):
            if path.name.startswith(UNFINISHED) and _OURS.match(path.name[len(UNFINISHED) :]):
                shutil.rmtree(path, ignore_errors=True)
            elif (found := _OURS.match(path.name)) and path.is_dir() and not path.is_symlink():
                begun = datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
                size = sum(file.stat().st_size for file in path.iterdir())
                self._add(_Written(path, begun.timestamp(), size))
        self.tidy(time.time())

    def write(self, account: ExchangeExport) -> None:
        """Raises OSError."""
        path, size = write_export(account, self._path, self.settings.bodies)
        self._add(_Written(path, account.begun, size))
        self.tidy(time.time())

    def tidy(self, now: float) -> None:
        """Remove the oldest until all is within size and age; `now` is in Unix seconds."""
        settings = self.settings
        while self._written and (
            self._size > settings.max_size or self._written[0].begun < now - settings.max_age
        ):
            oldest = self._written.popleft()
            self._size -= oldest.size
            shutil.rmtree(oldest.path, ignore_errors=True)

    def _add(self, written: _Written) -> None:
        self._written.append(written)
        self._size += written.size
