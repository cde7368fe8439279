"""Passes an Ollama stream on, and repairs its end."""

from collections.abc import Sequence

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.format import Asked
from switchyard.wire.formats.ollama.errors import write_error
from switchyard.wire.formats.ollama.final_members import Stopwatch
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import is_output
from switchyard.wire.shared.open_ended import OpenEndedMender


class OllamaMender(OpenEndedMender):
    """Writes every JSON object of a stream on a line of its own, and drops the rest.

    Adds to the last object the durations that clients expect.
    """

    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self._watch = Stopwatch(asked)
        self._began = False

    def feed(self, frame: Frame, events: Sequence[Event]) -> bytes:
        if self._ended or (not events and loads_object(frame.data) is None):
            return b""
        if not self._began and any(map(is_output, events)):
            self._began = True
            self._watch.note_output()
        self._ended = any(isinstance(event, End | Failure) for event in events)
        if self._ended and (line := loads_object(frame.data)) and line.get("done") is True:
            complete = self._watch.completed(line)
            if complete is not line:
                return dumps(complete) + b"\n"
        return frame.raw or frame.data + b"\n"

    def _failure(self, error: ApiError) -> bytes:
        return dumps(write_error(error)[1]) + b"\n"
