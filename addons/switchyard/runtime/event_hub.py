"""Gives readers what happens in the router, in pieces that are written once for all of them."""

import asyncio
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps

FOLDED = 0.25
"""Seconds for which events are gathered into one piece."""
FOLDED_BUSY = 1.0
"""The same where much happens: a person reads no faster."""
READ_A_SECOND = 25
"""Events a second from which on pieces come later than `FOLDED`, up to `FOLDED_BUSY`."""

SILENCE = 15.0
"""Seconds without an event after which readers get a comment, so that none takes it for dead."""

MOST_WAITING = 64
"""Pieces that wait for a reader; one that is further behind gets a snapshot in their place."""

MOST_READERS = 64

FORWARDED = frozenset(("begun", "tried", "ended", "skipped", "progress"))
"""Events that readers of other workers get as well; the others tell of one process alone."""

_APART = 0.003
"""Seconds between two readers' pieces, so that requests pass between them."""


@dataclass(frozen=True, slots=True)
class RouterEvent:
    """Something that happened: its kind and what is known of it."""

    kind: str
    data: JsonObject


@dataclass(eq=False, slots=True)
class EventReader:
    """One reader's place in the stream. For the event loop only."""

    waiting: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))
    is_behind: bool = False
    """Whether pieces were dropped, so that the reader needs a snapshot."""
    is_over: bool = False
    """Whether no more come: the router stops, or the reader's session was ended."""
    session: str | None = None
    """Names the browser's session that it reads by; None where it reads by a key."""

    def take(self, piece: bytes) -> None:
        """Queues a piece; drops all that wait if there are too many."""
        try:
            self.waiting.put_nowait(piece)
        except asyncio.QueueFull:
            self.is_behind = True
            while self.waiting.qsize() > 1:
                self.waiting.get_nowait()


class EventHub:
    """Passes events on to all readers, here and at other workers. For the event loop only.

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
        self.collect: Callable[[], Sequence[RouterEvent]] = tuple
        """Returns what was noted since it was last called, and is made into events only then."""
        self.has_readers = False
        """Whether there are any, here or elsewhere. No property: each request asks for it twice."""
        self._is_watched_elsewhere = False
        self._own: list[RouterEvent] = []
        self._received: list[RouterEvent] = []
        self._timer: asyncio.TimerHandle | None = None
        self._pause = FOLDED
        self._number = 0
        self._sent_at = 0.0
        """When readers got the last piece, on the loop's clock."""

    @property
    def has_own_readers(self) -> bool:
        return bool(self._readers)

    @property
    def due(self) -> float | None:
        """When the next piece is written, on the loop's clock; None where nothing happened."""
        return self._timer.when() if self._timer is not None else None

    def end(self) -> None:
        """Has all readers end: the router stops."""
        _end(self._readers)

    def rouse(self) -> None:
        """Has all readers look whether they may still read: another configuration is in force."""
        for reader in self._readers:
            reader.take(b"")

    def end_session(self, session: str) -> None:
        """Has the readers of a browser's session end."""
        _end(reader for reader in self._readers if reader.session == session)

    def subscribe(self) -> EventReader | None:
        """Adds a reader; None if there are too many. `leave` ends it."""
        if len(self._readers) >= MOST_READERS:
            return None
        reader, is_first = EventReader(), not self._readers
        if is_first:
            self._sent_at = asyncio.get_running_loop().time()
        self._readers.add(reader)
        self._count()
        if is_first and self.on_watch is not None:
            self.on_watch(True)
        return reader

    def leave(self, reader: EventReader) -> None:
        self._readers.discard(reader)
        self._count()
        if not self._readers and self.on_watch is not None:
            self.on_watch(False)

    def watch_elsewhere(self, watched: bool) -> None:
        """Notes whether another worker has readers."""
        self._is_watched_elsewhere = watched
        self._count()

    def publish(self, kind: str, data: JsonObject) -> None:
        """Adds an event to the next piece, if there are readers."""
        if self.has_readers:
            self._own.append(RouterEvent(kind, data))
            self.awake()

    def receive(self, kind: str, data: JsonObject) -> None:
        """Adds another worker's event to the next piece for the readers of this process."""
        if self._readers:
            self._received.append(RouterEvent(kind, data))
            self.awake()

    def awake(self) -> None:
        """Has the next piece written in a moment: there is something to collect."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._pause, self.fold)

    def fold(self) -> None:
        """Writes one piece of what happened, and hands it to the readers one after another."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        own = [*self.collect(), *self._own]
        events = [*own, *self._received]
        self._own, self._received = [], []
        self._pause = min(max(FOLDED, len(events) / READ_A_SECOND), FOLDED_BUSY)
        if self._is_watched_elsewhere and self.forward is not None:
            for event in own:
                if event.kind in FORWARDED:
                    self.forward(event.kind, event.data)
        if self._readers and events:
            piece = b"".join(self.written(one.kind, one.data) for one in events)
            self._send(piece)

    def break_silence(self) -> None:
        """Sends a comment after a long silence. One look for all readers needs no timer of each."""
        if self._readers and asyncio.get_running_loop().time() - self._sent_at >= SILENCE:
            self._send(b": quiet\n\n")

    def written(self, kind: str, data: JsonObject) -> bytes:
        """Returns an event as the stream has it (HTML, "Server-sent events"), with a number."""
        self._number += 1
        return b"id: %d\nevent: %s\ndata: %s\n\n" % (self._number, kind.encode(), dumps(data))

    def _send(self, piece: bytes) -> None:
        loop = asyncio.get_running_loop()
        self._sent_at = loop.time()
        for at, reader in enumerate(self._readers):
            loop.call_later(at * _APART, reader.take, piece)

    def _count(self) -> None:
        had, self.has_readers = self.has_readers, bool(self._readers) or self._is_watched_elsewhere
        if self.has_readers and not had and self.on_first is not None:
            self.on_first()


def _end(readers: Iterable[EventReader]) -> None:
    for reader in readers:
        reader.is_over = True
        reader.take(b"")
