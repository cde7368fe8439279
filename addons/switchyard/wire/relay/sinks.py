"""What becomes of an upstream's events: mended bytes, another format's stream, or one body."""

from typing import Protocol

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.format import Asked
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.fold import Fold
from switchyard.wire.relay.skim import Forgets


class Sink(Protocol):
    """Takes one stream. `take` for each frame, then `close` or `fail`."""

    @property
    def forgets(self) -> Forgets | None:
        """See `skim`; None where something is kept of all words."""
        ...

    def take(self, frame: Frame, events: list[Event]) -> bytes:
        """The client's bytes for one frame, which was read as `events`."""
        ...

    def close(self, events: list[Event]) -> bytes:
        """The client's bytes at the end, which the reader's `close` read as `events`."""
        ...

    def fail(self, error: ApiError) -> bytes:
        """The client's bytes for an error after output began, which end the stream."""
        ...


class Mending:
    """The upstream's own bytes, repaired."""

    def __init__(self, format: Format, asked: Asked) -> None:
        self._mender = format.mender(asked)
        self.forgets: Forgets | None = getattr(self._mender, "forgets", None)

    def take(self, frame: Frame, events: list[Event]) -> bytes:
        return self._mender.feed(frame, events)

    def close(self, events: list[Event]) -> bytes:
        return self._mender.close(events)

    def fail(self, error: ApiError) -> bytes:
        return self._mender.fail(error)


class Writing:
    """A stream of the client's format, written from events."""

    def __init__(self, format: Format, asked: Asked) -> None:
        self._writer = format.stream_writer(asked)
        self.forgets: Forgets | None = getattr(self._writer, "forgets", None)

    @property
    def response(self) -> JsonObject | None:
        """The answer so far as one body, where the format's writer composes it (Responses)."""
        return getattr(self._writer, "response", None)

    def take(self, frame: Frame, events: list[Event]) -> bytes:
        return b"".join(map(self._writer.feed, events))

    def close(self, events: list[Event]) -> bytes:
        return b"".join([*map(self._writer.feed, events), self._writer.close()])

    def fail(self, error: ApiError) -> bytes:
        return self._writer.feed(Failure(error)) + self._writer.close()


class Folding:
    """One whole reply."""

    forgets: Forgets | None = None

    def __init__(self, format: str) -> None:
        self._fold = Fold(format)

    def take(self, frame: Frame, events: list[Event]) -> bytes:
        for event in events:
            self._fold.add(event)
        return b""

    def close(self, events: list[Event]) -> bytes:
        for event in events:
            self._fold.add(event)
        return b""

    def fail(self, error: ApiError) -> bytes:
        return b""

    def reply(self) -> Reply:
        return self._fold.reply()
