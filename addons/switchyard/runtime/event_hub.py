"""Gives readers what happens in the router, as it happens."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field

from switchyard.wire.encoding.jsonio import JsonObject

MOST_WAITING = 1024
"""Events that wait for a reader; one that is further behind gets a snapshot in their place."""

MOST_READERS = 64

FORWARDED = frozenset(("begun", "tried", "ended", "progress", "config"))
"""Events that readers of other workers get as well; the others tell of one process alone."""


@dataclass(slots=True)
class RouterEvent:
    """Something that happened: its kind and what is known of it."""

    kind: str
    data: JsonObject
    written: bytes = b""
    """As the stream has it, after its number; made once, for all readers."""


@dataclass(eq=False, slots=True)
class EventReader:
    """One reader's place in the stream. For the event loop only."""

    waiting: asyncio.Queue[RouterEvent] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))
    is_behind: bool = False
    """Whether events were dropped, so that the reader needs a snapshot."""
    is_over: bool = False
    """Whether no more come, since the router stops."""

    def take(self, event: RouterEvent) -> None:
        """Queues an event; drops all that wait if there are too many."""
        try:
            self.waiting.put_nowait(event)
        except asyncio.QueueFull:
            self.is_behind = True
            while self.waiting.qsize() > 1:
                self.waiting.get_nowait()


class EventHub:
    """Passes events on to all readers, here and at other workers.

    Without any, who asks `has_readers` spares the work.
    """

    def __init__(self) -> None:
        self._readers: set[EventReader] = set()
        self.on_first: Callable[[], None] | None = None
        """Called when the first reader comes, here or elsewhere."""
        self.on_watch: Callable[[bool], None] | None = None
        """Called when the first reader comes here, with True, and when the last one leaves."""
        self.forward: Callable[[str, JsonObject], None] | None = None
        """Sends an event to the other workers."""
        self._is_watched_elsewhere = False

    @property
    def has_readers(self) -> bool:
        return bool(self._readers) or self._is_watched_elsewhere

    @property
    def has_own_readers(self) -> bool:
        return bool(self._readers)

    def end(self) -> None:
        """Has all readers end: the router stops."""
        for reader in self._readers:
            reader.is_over = True
            reader.take(RouterEvent("end", {}))

    def subscribe(self) -> EventReader | None:
        """Adds a reader; None if there are too many. `leave` ends it."""
        if len(self._readers) >= MOST_READERS:
            return None
        reader = EventReader()
        self._readers.add(reader)
        if len(self._readers) == 1:
            self._begin()
            if self.on_watch is not None:
                self.on_watch(True)
        return reader

    def leave(self, reader: EventReader) -> None:
        self._readers.discard(reader)
        if not self._readers and self.on_watch is not None:
            self.on_watch(False)

    def watch_elsewhere(self, watched: bool) -> None:
        """Notes whether another worker has readers."""
        if watched and not self._is_watched_elsewhere:
            self._begin()
        self._is_watched_elsewhere = watched

    def publish(self, kind: str, data: JsonObject) -> None:
        """Queues an event for every reader."""
        self.receive(kind, data)
        if self._is_watched_elsewhere and self.forward is not None and kind in FORWARDED:
            self.forward(kind, data)

    def _begin(self) -> None:
        if self.on_first is not None:
            self.on_first()

    def receive(self, kind: str, data: JsonObject) -> None:
        """Queues an event for the readers of this process, whichever worker it is of."""
        event = RouterEvent(kind, data)
        for reader in self._readers:
            reader.take(event)
