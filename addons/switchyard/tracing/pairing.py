"""Brings the record of a request and its scene together, whichever comes first."""

import threading
from collections.abc import Callable

from switchyard.tracing.scene import RequestScene
from switchyard.usage.records import RequestRecord

_MOST = 4096
"""Halves that wait; the oldest go first: a request may never get its other half."""


class Pairing:
    """Records are made on the event loop, or in the ledger's thread."""

    def __init__(self, put: Callable[[RequestRecord, RequestScene], None]) -> None:
        self._put = put
        self._lock = threading.Lock()
        self._records: dict[bytes, RequestRecord] = {}
        self._scenes: dict[bytes, RequestScene] = {}

    def take_record(self, record: RequestRecord) -> None:
        """Take the record of a request that ended."""
        with self._lock:
            scene = self._scenes.pop(record.id, None)
            if scene is None:
                _keep(self._records, record.id, record)
        if scene is not None:
            self._put(record, scene)

    def take_scene(self, id: bytes, scene: RequestScene) -> None:
        """Take the scene of a request that ended, by its record's id."""
        with self._lock:
            record = self._records.pop(id, None)
            if record is None:
                _keep(self._scenes, id, scene)
        if record is not None:
            self._put(record, scene)


def _keep[T](waiting: dict[bytes, T], id: bytes, half: T) -> None:
    while len(waiting) >= _MOST:
        del waiting[next(iter(waiting))]
    waiting[id] = half
