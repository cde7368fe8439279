"""Writes events as a stream (API reference, "Streaming messages")."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.sse import encode
from switchyard.wire.format import Asked
from switchyard.wire.formats.anthropic.blocks import NAME
from switchyard.wire.formats.anthropic.blocks import call_proof
from switchyard.wire.formats.anthropic.reply import clean
from switchyard.wire.formats.anthropic.stream_blocks import Block
from switchyard.wire.formats.anthropic.stream_blocks import TextBlock
from switchyard.wire.formats.anthropic.stream_blocks import block_for
from switchyard.wire.formats.anthropic.stream_blocks import block_start
from switchyard.wire.formats.anthropic.stream_blocks import block_stop
from switchyard.wire.formats.anthropic.stream_blocks import error_event
from switchyard.wire.formats.anthropic.stream_blocks import message_delta
from switchyard.wire.formats.anthropic.stream_blocks import message_start
from switchyard.wire.formats.anthropic.usage import stop_details
from switchyard.wire.formats.anthropic.usage import write_stop
from switchyard.wire.formats.anthropic.usage import write_usage
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
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
from switchyard.wire.model.sequence import Sequencer
from switchyard.wire.shared.explanation import explanation


class AnthropicStreamWriter:
    """Writes one stream.

    The stream is `message_start`, the content blocks one after another, `message_delta`,
    `message_stop`; or an `error` event, which ends it. The stop reason and the usage are held back
    until the end of the stream, because other formats send the usage last.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._sequencer = Sequencer()
        self._own = False
        self._begun = False
        self._done = False
        self._start = Start()
        self._usage: Usage | None = None
        self._stop: Stop | None = None
        self._end_extra: JsonObject = {}
        self._block = Block(0)
        self._blocks = 0
        self._calls = False

    def feed(self, event: Event) -> bytes:
        """Returns the bytes to send for one event."""
        if self._done:
            return b""
        return b"".join(map(self._write, self._sequencer.feed(event)))

    def forgets(self, event: TextDelta) -> bool:
        """See `skimming`; the text of thinking is kept."""
        return isinstance(self._block, TextBlock) and self._block.opened

    def close(self) -> bytes:
        """Returns the bytes that complete a stream that has not ended."""
        if self._done:
            return b""
        return b"".join([*map(self._write, self._sequencer.drain()), self._finish()])

    def _write(self, event: Event) -> bytes:
        match event:
            case TextDelta() | ArgumentsDelta() | SignatureDelta() | CitationDelta():
                return self._block.delta(event)
            case PartStart():
                return self._open(event.part)
            case PartEnd():
                return self._close_block(event.part)
            case Start():
                # Delayed until the next event, which often brings the prompt's token count.
                self._start = event
                self._own = event.format == NAME
            case UsageUpdate():
                self._usage = merge_usage(self._usage, event.usage)
            case Finish():
                self._stop = event.stop
            case End():
                self._end_extra = event.extra
                return self._finish()
            case Failure():
                return self._fail(event.error)
        return b""

    def _begin(self) -> bytes:
        """Writes `message_start`, once."""
        if self._begun:
            return b""
        self._begun = True
        return message_start(self._start, self._asked, self._usage)

    def _open(self, part: Part) -> bytes:
        part = part if self._own else clean(part)
        self._calls = self._calls or isinstance(part, ToolCall)
        out = self._begin()
        if isinstance(part, ToolCall):
            out += self._whole(call_proof(part))
        self._block = block_for(part, self._blocks, own=self._own)
        return out + self._block.start()

    def _whole(self, block: JsonObject | None) -> bytes:
        """Returns a block that needs no deltas, if there is one."""
        if block is None:
            return b""
        index = self._blocks
        self._blocks += 1
        return block_start(index, block) + block_stop(index)

    def _close_block(self, part: Part | None) -> bytes:
        out = self._block.end(part)
        if self._block.opened:
            self._blocks += 1
            out += self._whole(self._block.after())
        self._block = Block(0)
        return out

    def _finish(self) -> bytes:
        """Writes the end of the message, once."""
        self._done = True
        out = [self._begin()]
        if not self._blocks:
            empty = TextBlock(0, Text(text=""))
            out += [empty.open(), empty.end(None)]
        reason = write_stop(self._stop, own=self._own, calls=self._calls)
        delta: JsonObject = {
            "stop_reason": reason,
            "stop_sequence": self._stop.sequence if self._stop else None,
        }
        top: JsonObject = {}
        if self._own:
            details = self._stop.details if self._stop else None
            delta.update({"stop_details": details} if details is not None else {})
            for key, value in self._end_extra.items():
                (delta if key == "container" else top)[key] = value
        elif words := explanation(self._stop):
            delta["stop_details"] = stop_details(words)
        out.append(message_delta(delta, write_usage(self._usage, own=self._own), top))
        out.append(encode(b'{"type":"message_stop"}', "message_stop"))
        return b"".join(out)

    def _fail(self, error: ApiError) -> bytes:
        self._done = True
        return error_event(error)
