"""Repairs a stream that passes through to a client of its own format."""

import re
from collections.abc import Sequence

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.splice import splice
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.encoding.sse import encode
from switchyard.wire.format import Asked
from switchyard.wire.formats.openai_responses.empty_calls import MARK
from switchyard.wire.formats.openai_responses.empty_calls import mend_event
from switchyard.wire.formats.openai_responses.errors import failure
from switchyard.wire.formats.openai_responses.names import NAME
from switchyard.wire.formats.openai_responses.names import text_of
from switchyard.wire.formats.openai_responses.numbering import Numbering
from switchyard.wire.formats.openai_responses.own_ids import MARK as CALLS
from switchyard.wire.formats.openai_responses.own_ids import OwnIds
from switchyard.wire.formats.openai_responses.reply import skeleton
from switchyard.wire.formats.openai_responses.stream_writer import write_reply
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.fold import Fold
from switchyard.wire.shared.call_ids import UnusedIds

_ENDS = ("response.completed", "response.incomplete")
"""The names of the terminal event that clients wait for."""


_NO_OUTPUT = re.compile(rb'"output"\s*:\s*\[\s*\]')


class ResponsesMender:
    """Repairs one stream, and keeps every byte of a valid event.

    It supplies the `event:` lines that some providers omit and clients read, and the terminal event
    if a provider ends with `[DONE]` or another name instead; `{}` for a whole call without
    arguments, the output of a terminal event that leaves it out, numbers of events and items that
    are missing or repeated, and another `call_id` for a call that has one of an earlier call. It
    drops `[DONE]`, events that are no JSON object, and everything after the end.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._fold = Fold(NAME)
        self._numbering = Numbering()
        self._ids = OwnIds(UnusedIds(asked.taken))
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
        if ended and not _is_known_end(frame):
            return self.close(events)
        self._over = ended or any(isinstance(event, Failure) for event in events)
        numbers = self._numbering.mend(frame.event or b"", data)
        incomplete = MARK.search(data) or (ended and _NO_OUTPUT.search(data))
        # The end repeats all calls, and needs a look only if one was renamed.
        calls = (self._ids.changed or not ended) and data.find(CALLS) >= 0
        if frame.raw and frame.event and not (numbers or incomplete or calls):
            return frame.raw
        body = loads_object(data)
        if body is None:
            return b""
        whole = self._with_output(mend_event(body)) if incomplete else body
        if calls:
            whole = self._ids.mend(whole, numbers.get("output_index"))
        if frame.raw and frame.event and not numbers and whole is body:
            return frame.raw
        return _written(frame, data if whole is body else dumps(whole), whole, numbers)

    def close(self, events: Sequence[Event]) -> bytes:
        """Returns the terminal event if the answer is known to be complete."""
        if self._over or not any(isinstance(event, End) for event in events):
            return b""
        self._over = True
        response = self._ids.mend_reply(write_reply(self._fold.reply(), self._asked))
        return self._tell("response.completed", response)

    def fail(self, error: ApiError) -> bytes:
        if self._over:
            return b""
        self._over = True
        reply = self._fold.reply()
        response = skeleton(self._asked, reply.id, reply.model, reply.created)
        response |= {"status": "failed", "error": failure(error)}
        return self._tell("response.failed", response)

    def _with_output(self, body: JsonObject) -> JsonObject:
        """Returns a terminal event whose response has the items that were streamed."""
        response = body.get("response")
        if not self._over or not isinstance(response, dict) or response.get("output") != []:
            return body
        output = self._ids.mend_reply(write_reply(self._fold.reply(), self._asked))["output"]
        return {**body, "response": {**response, "output": output}} if output else body

    def _tell(self, name: str, response: JsonObject) -> bytes:
        event: JsonObject = {"type": name, "response": response}
        event["sequence_number"] = self._numbering.next_sequence()
        return encode(dumps(event), name)


def _written(frame: Frame, data: bytes, body: JsonObject, numbers: JsonObject) -> bytes:
    """Returns an event in strict form, named after its type, with these numbers.

    `data` is `body` as JSON.
    """
    name = text_of(body.get("type"))
    changes = numbers
    if not name and frame.event:
        name = frame.event.decode("utf-8", "replace")
        changes = {**numbers, "type": name}
    if changes:
        data = splice(data, body, changes)
    return encode(data if data.find(b"\n") < 0 else dumps({**body, **changes}), name or None)


def _is_known_end(frame: Frame) -> bool:
    if frame.event is not None and frame.event.decode("utf-8", "replace") in _ENDS:
        return True
    return text_of((loads_object(frame.data) or {}).get("type")) in _ENDS
