"""Repairs a Gemini stream between a provider and a client of this format."""

from collections.abc import Sequence

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.encoding.sse import encode
from switchyard.wire.formats.gemini.errors import write_error
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import Event
from switchyard.wire.shared.open_ended import OpenEndedMender


class GeminiMender(OpenEndedMender):
    """Keeps every chunk that is JSON, in strict framing, and drops the rest.

    Gemini's clients fail on comments, on `[DONE]`, on event names and on data that is not JSON.
    """

    def feed(self, frame: Frame, events: Sequence[Event]) -> bytes:
        if self._ended:
            return b""
        strict = frame.raw and frame.event is None
        if strict and events:
            return frame.raw
        try:
            payload = loads(frame.data)
        except ValueError:
            return b""
        if isinstance(payload, list):
            # A JSON array as one event: its elements are the chunks.
            return b"".join(encode(dumps(chunk)) for chunk in payload if isinstance(chunk, dict))
        if not isinstance(payload, dict):
            return b""
        if strict:
            return frame.raw
        return encode(dumps(payload) if frame.data.find(b"\n") >= 0 else frame.data)

    def _failure(self, error: ApiError) -> bytes:
        return encode(dumps(write_error(error)[1]))
