"""Turns upstream events into mended bytes, another format's stream, or one body."""

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
    """Takes one stream: `take` for each frame, then `close` or `fail`."""

    @property
    def forgets(self) -> Forgets | None:
        """As described in `skim`; None for a sink that keeps all text."""
        ...

    def take(self, frame: Frame, events: list[Event]) -> bytes:
        """Returns the client's bytes for one frame that was read as `events`."""
        ...

    def close(self, events: list[Event]) -> bytes:
        """Returns the client's bytes for the events of the reader's `close`."""
        ...

    def fail(self, error: ApiError) -> bytes:
        """Returns the bytes that report an error after output and end the stream."""
        ...


class Mending:
    """Passes the upstream's own bytes on, repaired."""

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
    """Writes a stream of the client's format from events."""

    def __init__(self, format: Format, asked: Asked) -> None:
        self._writer = format.stream_writer(asked)
        self.forgets: Forgets | None = getattr(self._writer, "forgets", None)

    @property
    def response(self) -> JsonObject | None:
        """Returns the answer so far as one body, for formats that compose it (Responses)."""
        return getattr(self._writer, "response", None)

    def take(self, frame: Frame, events: list[Event]) -> bytes:
        return b"".join(map(self._writer.feed, events))

    def close(self, events: list[Event]) -> bytes:
        return b"".join([*map(self._writer.feed, events), self._writer.close()])

    def fail(self, error: ApiError) -> bytes:
        return self._writer.feed(Failure(error)) + self._writer.close()


class Folding:
    """Folds a stream into one whole reply."""

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
