"""Passes an Ollama stream on, and repairs its end."""

from collections.abc import Sequence

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.formats.ollama.errors import write_error
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.shared.open_ended import OpenEndedMender


class OllamaMender(OpenEndedMender):
    """Writes every JSON object of a stream on a line of its own, and drops the rest."""

    def feed(self, frame: Frame, events: Sequence[Event]) -> bytes:
        if self._ended or (not events and loads_object(frame.data) is None):
            return b""
        self._ended = any(isinstance(event, End | Failure) for event in events)
        return frame.raw or frame.data + b"\n"

    def _failure(self, error: ApiError) -> bytes:
        return dumps(write_error(error)[1]) + b"\n"
