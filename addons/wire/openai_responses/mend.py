"""Repairs a stream that passes through in its own format."""

from collections.abc import Sequence

from addons.wire.errors import ApiError
from addons.wire.events import End
from addons.wire.events import Event
from addons.wire.events import Failure
from addons.wire.fold import Fold
from addons.wire.format import Asked
from addons.wire.jsonio import JsonObject
from addons.wire.jsonio import dumps
from addons.wire.jsonio import loads_object
from addons.wire.openai_responses.errors import failure
from addons.wire.openai_responses.members import NAME
from addons.wire.openai_responses.members import int_of
from addons.wire.openai_responses.members import text_of
from addons.wire.openai_responses.reply import skeleton
from addons.wire.openai_responses.stream_writer import write_reply
from addons.wire.sse import Frame
from addons.wire.sse import encode

_ENDS = ("response.completed", "response.incomplete")
"""The names of the terminal event that clients wait for."""


class Mender:
    """Keeps every byte of an event that is right.

    Supplied are the `event:` lines that some providers leave out and clients read, and the
    terminal event where a provider ends with `[DONE]` or a name of its own instead. Dropped are
    `[DONE]`, events that are no JSON object, and everything after the end.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._fold = Fold(NAME)
        self._last = b""
        self._over = False

    def feed(self, frame: Frame, events: Sequence[Event]) -> bytes:
        if self._over:
            return b""
        for event in events:
            self._fold.add(event)
        ended = any(isinstance(event, End) for event in events)
        data = frame.data.strip()
        if data == b"[DONE]":
            return self.close(events)
        if not data.startswith(b"{") or not data.endswith(b"}"):
            return b""
        self._last = data
        if ended and not _is_known_end(frame):
            return self.close(events)
        self._over = ended or any(isinstance(event, Failure) for event in events)
        if frame.raw and frame.event:
            return frame.raw
        return self._rewrite(frame)

    def close(self, events: Sequence[Event]) -> bytes:
        """The terminal event, if the answer is known to be complete."""
        if self._over or not any(isinstance(event, End) for event in events):
            return b""
        self._over = True
        response = write_reply(self._fold.reply(), self._asked)
        return self._tell("response.completed", response)

    def fail(self, error: ApiError) -> bytes:
        if self._over:
            return b""
        self._over = True
        reply = self._fold.reply()
        response = skeleton(self._asked, reply.id, reply.model, reply.created)
        response |= {"status": "failed", "error": failure(error)}
        return self._tell("response.failed", response)

    def _rewrite(self, frame: Frame) -> bytes:
        """An event in strict form, named after its type."""
        body = loads_object(frame.data)
        if body is None:
            return b""
        name = text_of(body.get("type"))
        if not name and frame.event:
            name = frame.event.decode("utf-8", "replace")
            body = {"type": name, **body}
            return encode(dumps(body), name)
        data = frame.data if b"\n" not in frame.data else dumps(body)
        return encode(data, name or None)

    def _tell(self, name: str, response: JsonObject) -> bytes:
        last = loads_object(self._last) or {}
        number = int_of(last.get("sequence_number"))
        event: JsonObject = {"type": name, "response": response}
        event["sequence_number"] = 0 if number is None else number + 1
        return encode(dumps(event), name)


def _is_known_end(frame: Frame) -> bool:
    if frame.event is not None and frame.event.decode("utf-8", "replace") in _ENDS:
        return True
    return text_of((loads_object(frame.data) or {}).get("type")) in _ENDS
