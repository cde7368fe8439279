"""Reads a stream as events (API reference, "Streaming messages")."""

from dataclasses import dataclass
from dataclasses import field
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import loads
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.formats.anthropic.blocks import NAME
from switchyard.wire.formats.anthropic.blocks import read_block
from switchyard.wire.formats.anthropic.blocks import read_citation
from switchyard.wire.formats.anthropic.errors import find_error
from switchyard.wire.formats.anthropic.members import Members
from switchyard.wire.formats.anthropic.reply import made_up_id
from switchyard.wire.formats.anthropic.usage import read_stop
from switchyard.wire.formats.anthropic.usage import read_usage
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
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
from switchyard.wire.shared.arguments import Settling
from switchyard.wire.shared.arguments import settled
from switchyard.wire.shared.envelope import is_sealed
from switchyard.wire.shared.envelope import unseal

_TYPE_OF_MEMBER = {
    "text": "text_delta",
    "thinking": "thinking_delta",
    "signature": "signature_delta",
    "partial_json": "input_json_delta",
    "citation": "citations_delta",
}
"""The delta types, by the member that holds their content."""

_BEGUN_BY: dict[str, Part] = {
    "text_delta": Text(text=""),
    "citations_delta": Text(text=""),
    "thinking_delta": Thinking(),
    "signature_delta": Thinking(),
}
"""Type of block a delta belongs to, used if its `content_block_start` was lost."""


@dataclass(slots=True)
class _Block:
    """An open content block."""

    index: int
    """Index of the part, independent of the upstream's numbering."""
    part: Part
    json: list[str] = field(default_factory=list)
    """The pieces of `input` so far."""
    settling: Settling = field(default_factory=Settling)
    whole: str = ""
    """`input` as given at the start, which is valid if no pieces follow."""
    raw: JsonObject = field(default_factory=dict)
    """The opaque block with all deltas so far."""


class AnthropicStreamReader:
    """Reads one stream, and keeps to the grammar of `events` if frames are missing.

    - It infers omitted `message_start`, block starts and stops and `message_delta`.
    - It ignores a `message_start` that repeats the first. One of another message after output began
      is a failure: the first message was cut off, and a retry was spliced to it.
    - Content in `message_start` counts as separate blocks, unless the stream restarts numbering.
    - It ignores everything after `message_stop`, pings and unknown events.
    """

    def __init__(self) -> None:
        self._blocks: dict[int, _Block] = {}
        self._next = 0
        self._last = 0
        self._id: str | None = None
        self._usage: JsonObject = {}
        self._extra: JsonObject = {}
        self._ahead: list[JsonObject] = []
        """Blocks that `message_start` held."""
        self._started = False
        self._calls = False
        self._finished = False
        self._ended = False

    def feed(self, frame: Frame) -> list[Event]:
        """Returns the events of one frame."""
        if self._ended:
            return []
        data = loads_object(frame.data)
        if data is None:
            return []
        kind = data.get("type") or (frame.event or b"").decode("ascii", "replace")
        match kind:
            case "content_block_delta":
                return self._begin() + self._delta(data)
            case "content_block_start":
                return self._begin() + self._block_start(data)
            case "content_block_stop":
                return self._close_block(self._index(data))
            case "message_start":
                return self._message_start(data)
            case "message_delta":
                return self._begin() + self._message_delta(data)
            case "message_stop":
                return self._begin() + self._finish(None) + self._end()
            case "ping":
                return []
        if (error := find_error(data)) is not None:
            return self._fail(error)
        return []

    def forgets(self, event: TextDelta) -> bool:
        """See `skimming`."""
        return True

    def close(self) -> list[Event]:
        """Ends open parts, and the message too if its stop reason was received."""
        if self._ended:
            return []
        events = self._close_all()
        return events + self._end() if self._finished else events

    def _begin(self) -> list[Event]:
        if self._started:
            return []
        self._started = True
        return [Start(format=NAME)]

    def _message_start(self, data: JsonObject) -> list[Event]:
        message = _object(data, "message")
        if self._started:
            return self._message_again(message)
        self._started = True
        content = message.get("content")
        if isinstance(content, list):
            self._ahead = [block for block in content if isinstance(block, dict)]
        members = Members(message, "type", "role", "content", "stop_reason")
        self._id = members.take("id", str)
        model = members.take("model", str)
        usage = members.take("usage", dict)
        events: list[Event] = [Start(self._id, model, None, members.rest(), NAME)]
        events += self._count(usage)
        return events

    def _message_again(self, message: JsonObject) -> list[Event]:
        if self._next and message.get("id") != self._id:
            text = "the upstream began a second message before the first was complete"
            return self._fail(ApiError(message=text, kind="unavailable"))
        return self._count(message.get("usage"))

    def _block_start(self, data: JsonObject) -> list[Event]:
        index = data.get("index")
        index = self._last = index if isinstance(index, int) else self._next
        events = self._come_ahead() if index >= len(self._ahead) else []
        self._ahead = []
        events += self._close_block(index)
        content = _object(data, "content_block")
        part = read_block(content)
        block = _Block(self._next, part)
        if isinstance(part, ToolCall):
            self._calls = True
            block.whole = part.arguments if settled(part.arguments) != "{}" else ""
            call_id = part.id or made_up_id(self._id, block.index)
            part = block.part = _replace_call(part, call_id)
        elif isinstance(part, Opaque):
            block.raw = dict(part.raw)
        self._next += 1
        self._blocks[index] = block
        return [*events, PartStart(block.index, part)]

    def _come_ahead(self) -> list[Event]:
        """Reads the complete blocks that `message_start` holds."""
        blocks, self._ahead = self._ahead, []
        events: list[Event] = []
        for index, block in enumerate(blocks):
            events += self._block_start({"index": index, "content_block": block})
            events += self._close_block(index)
        return events

    def _delta(self, data: JsonObject) -> list[Event]:
        index = self._index(data)
        delta = _object(data, "delta")
        kind = delta_type(delta)
        block = self._blocks.get(index)
        if block is not None and isinstance(block.part, Opaque):
            _grow(block, kind, delta)
            return []
        events: list[Event] = []
        wanted = _BEGUN_BY.get(kind)
        if wanted is not None and (block is None or type(block.part) is not type(wanted)):
            events = self._close_block(index)
            block = self._blocks[index] = _Block(self._next, wanted)
            self._last = index
            self._next += 1
            events.append(PartStart(block.index, wanted))
        if block is not None:
            events += _read_delta(block, kind, delta)
        return events

    def _message_delta(self, data: JsonObject) -> list[Event]:
        top = Members(data, "type", "delta")
        usage = top.take("usage", dict)
        delta = Members(_object(data, "delta"))
        reason = delta.take("stop_reason", str)
        sequence = delta.take("stop_sequence", str)
        details = delta.take("stop_details", dict)
        self._extra.update(delta.rest())
        self._extra.update(top.rest())
        events = self._count(usage)
        if reason is not None:
            events += self._finish(read_stop(reason, sequence, details, self._calls))
        return events

    def _finish(self, stop: Stop | None) -> list[Event]:
        """Ends all parts, and the choice if it is still open."""
        events = [*self._come_ahead(), *self._close_all()]
        if not self._finished:
            self._finished = True
            inferred = Stop(reason="tool_calls" if self._calls else "end")
            events.append(Finish(stop or inferred))
        return events

    def _end(self) -> list[Event]:
        self._ended = True
        return [End(self._extra)]

    def _fail(self, error: ApiError) -> list[Event]:
        self._ended = True
        return [Failure(error)]

    def _close_all(self) -> list[Event]:
        return [event for index in list(self._blocks) for event in self._close_block(index)]

    def _close_block(self, index: int) -> list[Event]:
        block = self._blocks.pop(index, None)
        if block is None:
            return []
        if isinstance(block.part, Opaque):
            return [PartEnd(block.index, _complete(block.part, block))]
        said = block.settling.close() if block.json else block.whole
        if said:
            return [ArgumentsDelta(block.index, said), PartEnd(block.index)]
        return [PartEnd(block.index)]

    def _index(self, data: JsonObject) -> int:
        """Returns the upstream's index of a block, by default that of the latest block."""
        index = data.get("index")
        return index if isinstance(index, int) else self._last

    def _count(self, usage: Any) -> list[Event]:
        """Returns the token counts known so far.

        Counts are cumulative, and the last event may omit counts of the first. Some providers fill
        its `input_tokens` with 0 there: the count of the first holds.
        """
        if not isinstance(usage, dict):
            return []
        for key, value in usage.items():
            if key == "input_tokens" and value == 0 and self._usage.get(key):
                continue
            if value is not None or key not in self._usage:
                self._usage[key] = value
        counts = read_usage(self._usage)
        said = read_usage(usage)
        if counts is None:
            return []
        extra = said.extra if said is not None else {}
        return [UsageUpdate(_with_extra(counts, extra))]


def delta_type(delta: JsonObject) -> str:
    """Returns a delta's type, inferred from its members if missing; "" if unknown."""
    kind = delta.get("type")
    if isinstance(kind, str):
        return kind
    return next((t for key, t in _TYPE_OF_MEMBER.items() if key in delta), "")


def _with_extra(counts: Usage, extra: JsonObject) -> Usage:
    return Usage(
        input=counts.input,
        output=counts.output,
        cache_read=counts.cache_read,
        cache_write=counts.cache_write,
        reasoning=counts.reasoning,
        extra=extra,
    )


def _replace_call(part: ToolCall, call_id: str) -> ToolCall:
    return ToolCall(id=call_id, name=part.name, cache=part.cache, extra=part.extra)


def _read_delta(block: _Block, kind: str, delta: JsonObject) -> list[Event]:
    match kind, delta:
        case "text_delta", {"text": str(text)} if text:
            return [TextDelta(block.index, text)]
        case "thinking_delta", {"thinking": str(text)} if text:
            return [TextDelta(block.index, text)]
        case "signature_delta", {"signature": str(signature)} if signature:
            return _read_signature(block.index, signature)
        case "citations_delta", {"citation": dict(citation)}:
            return [CitationDelta(block.index, read_citation(citation))]
        case "input_json_delta", {"partial_json": str(text)} if text:
            if isinstance(block.part, ToolCall):
                block.json.append(text)
                text = block.settling.feed(text)
                return [ArgumentsDelta(block.index, text)] if text else []
    return []


def _read_signature(index: int, signature: str) -> list[Event]:
    """Reads a signature, or the proof of another format that the router sealed."""
    if not is_sealed(signature):
        return [SignatureDelta(index, signature, NAME)]
    proof = unseal(signature)
    if not isinstance(proof, Thinking) or not proof.signature or not proof.signer:
        return []
    return [SignatureDelta(index, proof.signature, proof.signer)]


def _grow(block: _Block, kind: str, delta: JsonObject) -> None:
    """Adds a delta to an opaque block: pieces of `input`, or members to extend or set."""
    if kind == "input_json_delta":
        block.json.append(str(delta.get("partial_json") or ""))
        return
    for key, value in delta.items():
        old = block.raw.get(key)
        if key == "type":
            continue
        block.raw[key] = old + value if isinstance(old, str) and isinstance(value, str) else value


def _complete(part: Opaque, block: _Block) -> Opaque:
    """Returns an opaque block in its final form."""
    text = "".join(block.json)
    if text:
        try:
            block.raw["input"] = loads(text)
        except ValueError:
            block.raw["input"] = {"arguments": text}
    return Opaque(format=NAME, kind=part.kind, raw=block.raw, text=part.text)


def _object(data: JsonObject, key: str) -> JsonObject:
    value = data.get(key)
    return value if isinstance(value, dict) else {}
