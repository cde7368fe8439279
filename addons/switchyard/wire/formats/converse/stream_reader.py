"""Reads answers of `ConverseStream`: events named after their kind.

Source: Bedrock's API reference, "ConverseStreamOutput". A block of text or reasoning has no start
of its own; the tokens come in `metadata`, after the stop reason. `relay.event_messages` takes the
events out of AWS' framing.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.formats.converse.blocks import read_call
from switchyard.wire.formats.converse.blocks import read_citation
from switchyard.wire.formats.converse.errors import find_error
from switchyard.wire.formats.converse.names import NAME
from switchyard.wire.formats.converse.names import TYPES
from switchyard.wire.formats.converse.usage import read_stop
from switchyard.wire.formats.converse.usage import read_usage
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import CitationDelta
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import MediaDelta
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import SignatureDelta
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import UsageUpdate
from switchyard.wire.shared.arguments import Settling


@dataclass(slots=True)
class _Block:
    """An open block of content."""

    index: int
    part: Part
    settling: Settling = field(default_factory=Settling)
    redacted: list[str] = field(default_factory=list)
    """Pieces of encrypted reasoning, each in base64."""


class ConverseReader:
    """Reads one stream; see `format.StreamReader`."""

    def __init__(self) -> None:
        self._blocks: dict[int, _Block] = {}
        self._next = 0
        self._calls = False
        self._started = False
        self._finished = False
        self._ended = False

    def feed(self, frame: Frame) -> list[Event]:
        """Returns the events of one event of the service."""
        event = loads_object(frame.data)
        if event is None or self._ended:
            return []
        name = (frame.event or b"").decode(errors="replace")
        if name == "error":
            error = find_error(event)
            self._ended = error is not None
            return [] if error is None else [Failure(error)]
        events: list[Event] = [] if self._started else [Start(format=NAME)]
        self._started = True
        place = int_of(event.get("contentBlockIndex")) or 0
        match name:
            case "contentBlockStart":
                events += self._start(place, object_of(event.get("start")))
            case "contentBlockDelta":
                events += self._delta(place, object_of(event.get("delta")))
            case "contentBlockStop":
                events += self._close(place)
            case "messageStop":
                events += self._finish(event)
            case "metadata":
                events += self._metadata(event)
        return events

    def close(self) -> list[Event]:
        """Returns the end of the answer; that of a truncated one has no `Finish`."""
        if self._ended:
            return []
        self._ended = True
        return [*self._close_all(), *([End()] if self._finished else [])]

    def _start(self, place: int, start: JsonObject) -> list[Event]:
        if call := object_of(start.get("toolUse")):
            return self._open(place, read_call(call))
        if image := object_of(start.get("image")):
            media_type = TYPES["image"].get(text_of(image.get("format")))
            return self._open(place, Media(kind="image", media_type=media_type))
        if "toolResult" in start:
            return self._open(place, Opaque(format=NAME, kind="toolResult", raw=start))
        return []

    def _open(self, place: int, part: Part) -> list[Event]:
        events = self._close(place)
        self._blocks[place] = _Block(self._next, part)
        self._calls = self._calls or isinstance(part, ToolCall)
        self._next += 1
        return [*events, PartStart(self._next - 1, part)]

    def _within(self, place: int, part: Part) -> tuple[list[Event], _Block]:
        """Returns the block at `place`, which a delta for such a part opens unless it is open."""
        block = self._blocks.get(place)
        if block is not None and type(block.part) is type(part) and not block.redacted:
            return [], block
        return self._open(place, part), self._blocks[place]

    def _delta(self, place: int, delta: JsonObject) -> list[Event]:
        if text := text_of(delta.get("text")):
            events, block = self._within(place, Text(text=""))
            return [*events, TextDelta(block.index, text)]
        if said := object_of(delta.get("reasoningContent")):
            return self._reasoning(place, said)
        if citation := object_of(delta.get("citation")):
            events, block = self._within(place, Text(text=""))
            return [*events, CitationDelta(block.index, read_citation(citation))]
        block = self._blocks.get(place)
        if block is None:
            return []
        if isinstance(block.part, ToolCall):
            piece = text_of(object_of(delta.get("toolUse")).get("input"))
            said = block.settling.feed(piece)
            return [ArgumentsDelta(block.index, said)] if said else []
        data = text_of(object_of(object_of(delta.get("image")).get("source")).get("bytes"))
        return [MediaDelta(block.index, data=data)] if data else []

    def _reasoning(self, place: int, said: JsonObject) -> list[Event]:
        if redacted := text_of(said.get("redactedContent")):
            block = self._blocks.get(place)
            if block is not None and block.redacted:
                block.redacted.append(redacted)
                return []
            events = self._close(place)
            self._blocks[place] = _Block(self._next, Thinking(), redacted=[redacted])
            self._next += 1
            return events
        events, block = self._within(place, Thinking())
        if text := text_of(said.get("text")):
            events.append(TextDelta(block.index, text))
        if signature := text_of(said.get("signature")):
            events.append(SignatureDelta(block.index, signature, NAME))
        return events

    def _close(self, place: int) -> list[Event]:
        block = self._blocks.pop(place, None)
        if block is None:
            return []
        if block.redacted:
            part = Thinking(redacted=_joined(block.redacted), signer=NAME)
            return [PartStart(block.index, part), PartEnd(block.index)]
        said = block.settling.close()
        left: list[Event] = [ArgumentsDelta(block.index, said)] if said else []
        return [*left, PartEnd(block.index)]

    def _close_all(self) -> list[Event]:
        return [event for place in list(self._blocks) for event in self._close(place)]

    def _finish(self, event: JsonObject) -> list[Event]:
        events = self._close_all()
        if self._finished:
            return events
        self._finished = True
        fields = event.get("additionalModelResponseFields")
        return [*events, Finish(read_stop(event.get("stopReason"), fields, self._calls))]

    def _metadata(self, event: JsonObject) -> list[Event]:
        usage = read_usage(object_of(event.get("usage")))
        events: list[Event] = [] if usage is None else [UsageUpdate(usage)]
        if self._finished:
            self._ended = True
            events.append(End())
        return events


def _joined(pieces: Sequence[str]) -> str:
    """Returns the base64 of what the pieces hold, which are in base64 each."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return base64.b64encode(b"".join(map(base64.b64decode, pieces))).decode()
    except binascii.Error:
        return pieces[0]
