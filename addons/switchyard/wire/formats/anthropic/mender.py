"""Repairs a stream between a provider and a client of the same format.

The reader has already inferred the missing events, which the client did not receive. So each frame
passes unchanged, and the inferred events are written before it.
"""

import re
from collections.abc import Sequence

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.encoding.sse import encode
from switchyard.wire.format import Asked
from switchyard.wire.formats.anthropic.blocks import write_block
from switchyard.wire.formats.anthropic.stream_blocks import block_delta
from switchyard.wire.formats.anthropic.stream_blocks import block_start
from switchyard.wire.formats.anthropic.stream_blocks import block_stop
from switchyard.wire.formats.anthropic.stream_blocks import error_event
from switchyard.wire.formats.anthropic.stream_blocks import message_delta
from switchyard.wire.formats.anthropic.stream_blocks import message_start
from switchyard.wire.formats.anthropic.stream_reader import delta_type
from switchyard.wire.formats.anthropic.usage import write_stop
from switchyard.wire.formats.anthropic.usage import write_usage
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import CitationDelta
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import SignatureDelta
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import UsageUpdate
from switchyard.wire.model.fold import merge_usage
from switchyard.wire.shared.call_ids import UnusedIds

_TYPE = re.compile(rb'\s*\{\s*"type"\s*:\s*"([a-z_]+)"')

_ORDINARY = (TextDelta, ArgumentsDelta, SignatureDelta, CitationDelta, PartEnd)
"""Types of the single event that an intact delta or stop is read as."""

_STOP = encode(b'{"type":"message_stop"}', "message_stop")

_BLOCK_MEMBERS: dict[str, JsonObject] = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"id": "", "name": "", "input": {}},
}
"""Members of a block's start that official SDKs require."""


class AnthropicMender:
    """Repairs one stream.

    Supplies missing `event:` lines, `message_start`, block starts and stops, `message_delta` and
    `message_stop`, and members without which official SDKs fail. Renumbers blocks if the upstream's
    indices are wrong, and renames calls whose id another one has. Drops `[DONE]`, payloads that are
    not JSON, a repeated `message_start`, deltas of no block, empty arguments of a call that others
    replace, and everything after `message_stop`.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._done = False
        self._usage: Usage | None = None
        self._calls = False
        self._ids = UnusedIds(asked.taken)
        self._open: dict[int, int] = {}
        """Maps the upstream's index of a block to its right index, which is the part's."""
        self._call_parts: set[int] = set()
        self._last = 0
        self._renumbers = False
        self._withholds = False
        """Whether the client lacks arguments that the upstream sent."""

    def feed(self, frame: Frame, events: Sequence[Event]) -> bytes:
        """Returns the bytes to send for one frame, which the reader read as `events`."""
        kind = _type(frame)
        if self._done or not (kind or events):
            return b""
        data = loads_object(frame.data) if self._looks_into(kind, frame, events) else None
        out = b"".join(self._inferred(kind, data, events))
        if self._done or not kind:
            return out
        self._done = kind in ("message_stop", "error")
        return out + self._pass(frame, kind, data, events)

    def forgets(self, event: TextDelta) -> bool:
        """See `skimming`."""
        return True

    def close(self, events: Sequence[Event]) -> bytes:
        """Returns the bytes missing at the end, according to the reader's last events."""
        if self._done:
            return b""
        out = b"".join(self._inferred("", None, events))
        if any(isinstance(event, End) for event in events):
            self._done = True
            return out + _STOP
        return out

    def fail(self, error: ApiError) -> bytes:
        """Returns the bytes that report an error and end the stream.

        A truncated call is not ended, because clients execute a call that has ended.
        """
        if self._done:
            return b""
        self._done = True
        open = [index for index in self._open.values() if index not in self._call_parts]
        return b"".join(map(block_stop, open)) + error_event(error)

    def _looks_into(self, kind: str, frame: Frame, events: Sequence[Event]) -> bool:
        """Whether a frame must be parsed; deltas of an intact stream need not be."""
        if kind in ("message_start", "message_delta", "content_block_start"):
            return True
        if kind not in ("content_block_delta", "content_block_stop"):
            return False
        if self._renumbers or self._withholds or b'"index"' not in frame.data:
            return True
        if len(events) != 1 or not isinstance(events[0], _ORDINARY):
            return True
        return kind == "content_block_delta" and frame.data.count(b'"type"') < 2

    def _inferred(self, kind: str, data: JsonObject | None, events: Sequence[Event]) -> list[bytes]:
        """Returns the bytes of events that a frame of type `kind` does not contain."""
        out: list[bytes] = []
        for event in events:
            match event:
                case Start() if kind != "message_start":
                    out.append(message_start(event, self._asked, None))
                case PartStart():
                    out.append(self._part_start(event, kind, data or {}))
                case ArgumentsDelta() if kind != "content_block_delta":
                    delta = {"type": "input_json_delta", "partial_json": event.text}
                    out.append(block_delta(event.index, delta))
                case PartEnd() if kind != "content_block_stop":
                    self._forget(event.index)
                    out.append(block_stop(event.index))
                case UsageUpdate():
                    self._usage = merge_usage(self._usage, event.usage)
                case Finish() if kind != "message_delta":
                    out.append(self._message_delta(event))
                case Failure() if kind != "error":
                    out.append(self.fail(event.error))
        return out

    def _part_start(self, event: PartStart, kind: str, data: JsonObject) -> bytes:
        if isinstance(event.part, ToolCall):
            self._calls = True
            self._call_parts.add(event.index)
        said = data.get("index")
        unsaid = event.index if kind == "content_block_start" else self._last
        number = said if isinstance(said, int) else unsaid
        self._last = number
        self._open[number] = event.index
        self._renumbers = self._renumbers or said != event.index
        if kind == "content_block_start":
            return b""
        return block_start(event.index, write_block(event.part) or {})

    def _forget(self, part: int) -> None:
        self._open = {number: index for number, index in self._open.items() if index != part}

    def _message_delta(self, event: Finish) -> bytes:
        reason = write_stop(event.stop, own=True, calls=self._calls)
        delta: JsonObject = {"stop_reason": reason, "stop_sequence": event.stop.sequence}
        return message_delta(delta, write_usage(self._usage, own=True))

    def _pass(
        self, frame: Frame, kind: str, data: JsonObject | None, events: Sequence[Event]
    ) -> bytes:
        if kind == "message_start" and not any(isinstance(e, Start) for e in events):
            return b""
        if data is not None:
            mended = self._mended(kind, data, events)
            if mended is None:
                return b""
            if mended is not data:
                return encode(dumps(mended), kind)
        if kind == "content_block_stop":
            for event in events:
                if isinstance(event, PartEnd):
                    self._forget(event.index)
        if frame.raw and frame.event == kind.encode("utf-8", "surrogatepass"):
            return frame.raw
        payload = frame.data
        if payload.find(b"\n") >= 0:
            payload = dumps(loads_object(payload))
        return encode(payload, kind)

    def _mended(self, kind: str, data: JsonObject, events: Sequence[Event]) -> JsonObject | None:
        """Returns the payload with the members that clients need.

        Returns `data` itself if it is complete, None if the frame must be dropped.
        """
        match kind:
            case "message_start":
                return self._complete_message(data)
            case "message_delta":
                return self._complete_end(data)
            case "content_block_start":
                start = next((e for e in events if isinstance(e, PartStart)), None)
                if start is None:
                    return None
                return _numbered(_complete_block(data, start, self._ids), start.index)
            case "content_block_stop" | "content_block_delta":
                return self._renumbered(kind, data, events)
        return data

    def _renumbered(
        self, kind: str, data: JsonObject, events: Sequence[Event]
    ) -> JsonObject | None:
        """Returns a delta or stop with the right index; None if its block is not open.

        Of a call's arguments it has what the reader is certain of. The reader holds back an empty
        value that others may replace, so the client gets it once, with the end of the block.
        """
        if kind == "content_block_stop":
            end = next((e for e in events if isinstance(e, PartEnd)), None)
            if end is None:
                return None
            self._forget(end.index)
            return _numbered(data, end.index)
        said = data.get("index")
        part = self._open.get(said if isinstance(said, int) else self._last)
        if part is None:
            return None
        delta = data.get("delta")
        if not isinstance(delta, dict):
            return _numbered(data, part)
        if part in self._call_parts and delta.get("partial_json"):
            certain = "".join(e.text for e in events if isinstance(e, ArgumentsDelta))
            self._withholds = not certain
            if not certain:
                return None
            if certain != delta["partial_json"]:
                delta = {**delta, "partial_json": certain}
        if "type" not in delta:
            delta = {"type": delta_type(delta), **delta}
        if delta is not data["delta"]:
            data = {**data, "delta": delta}
        return _numbered(data, part)

    def _complete_end(self, data: JsonObject) -> JsonObject:
        missing: JsonObject = {}
        if not isinstance(data.get("delta"), dict):
            missing["delta"] = {"stop_reason": None, "stop_sequence": None}
        usage = data.get("usage")
        if not isinstance(usage, dict) or not _is_int(usage.get("output_tokens")):
            known = write_usage(self._usage, own=True)
            missing["usage"] = {"output_tokens": 0, **known}
        return {**data, **missing} if missing else data

    def _complete_message(self, data: JsonObject) -> JsonObject:
        message = data.get("message")
        message = message if isinstance(message, dict) else {}
        usage = message.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        counts = {n: 0 for n in ("input_tokens", "output_tokens") if not _is_int(usage.get(n))}
        needed = {
            "id": f"msg_{self._asked.id}",
            "type": "message",
            "role": "assistant",
            "model": self._asked.model,
            "content": [],
        }
        missing = {key: value for key, value in needed.items() if message.get(key) is None}
        if not missing and not counts:
            return data
        return {**data, "message": {**message, **missing, "usage": {**usage, **counts}}}


def _complete_block(data: JsonObject, start: PartStart, ids: UnusedIds) -> JsonObject:
    """Returns the start of a block with the members that its type needs, and an unused id."""
    block = data.get("content_block")
    block = block if isinstance(block, dict) else {}
    needed = _BLOCK_MEMBERS.get(str(block.get("type")), {})
    missing = {k: v for k, v in needed.items() if type(block.get(k)) is not type(v)}
    if isinstance(start.part, ToolCall) and (call_id := ids.of(start.part.id)) != block.get("id"):
        missing["id"] = call_id
    return {**data, "content_block": {**block, **missing}} if missing else data


def _numbered(data: JsonObject, index: int) -> JsonObject:
    return data if data.get("index") == index else {**data, "index": index}


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _type(frame: Frame) -> str:
    """Returns the type of a frame's payload, "" if it is no event of the API."""
    if found := _TYPE.match(frame.data):
        return found[1].decode()
    data = loads_object(frame.data)
    if data is None:
        return ""
    kind = data.get("type")
    if isinstance(kind, str):
        return kind
    return frame.event.decode("ascii", "replace") if frame.event else ""
