"""Passes an Ollama stream on, and mends its end."""

from collections.abc import Sequence

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.formats.ollama.errors import write_error
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure


class OllamaMender:
    """Repairs of a stream that passes through: every JSON object on a line of its own, and
    nothing else."""

    def __init__(self) -> None:
        self._ended = False

    def feed(self, frame: Frame, events: Sequence[Event]) -> bytes:
        if self._ended or (not events and loads_object(frame.data) is None):
            return b""
        self._ended = any(isinstance(event, End | Failure) for event in events)
        return frame.raw or frame.data + b"\n"

    def close(self, events: Sequence[Event]) -> bytes:
        self._ended = True
        return b""

    def fail(self, error: ApiError) -> bytes:
        if self._ended:
            return b""
        self._ended = True
        return dumps(write_error(error)[1]) + b"\n"
