"""Writes a response as a stream (Cohere's guide "Streaming", "Chat Stream Events")."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.sse import encode
from switchyard.wire.format import Asked
from switchyard.wire.formats.cohere.names import finish_word
from switchyard.wire.formats.cohere.names import write_usage
from switchyard.wire.formats.cohere.reply import write_call
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import UsageUpdate
from switchyard.wire.model.fold import merge_usage
from switchyard.wire.model.sequence import Sequencer


class CohereWriter:
    """Writes the first choice, one block after another; see `format.StreamWriter`.

    Texts and thinking are counted apart from tool calls, each from 0.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._sequencer = Sequencer()
        self._begun = False
        self._ended = False
        self._usage: Usage | None = None
        self._stop: Stop | None = None
        self._open = ""
        """The open block: `text`, `thinking` or `tool-call`; empty if there is none."""
        self._contents = self._calls = 0
        """Numbers of blocks that have ended."""

    def feed(self, event: Event) -> bytes:
        """Returns the bytes of one event."""
        if self._ended:
            return b""
        return b"".join(self._written(one) for one in self._sequencer.feed(event))

    def close(self) -> bytes:
        """Returns the end of the stream: open blocks, then `message-end`."""
        if self._ended:
            return b""
        blocks = [self._written(one) for one in self._sequencer.drain()]
        return b"".join([*blocks, self._end(finish_word(self._stop))])

    def _written(self, event: Event) -> bytes:
        match event:
            case Start():
                return self._begin(event.id)
            case PartStart():
                return self._begin(None) + self._open_block(event)
            case TextDelta() if self._open and event.text:
                return self._words(event.text)
            case ArgumentsDelta() if self._open and event.text:
                return self._arguments(event.text)
            case PartEnd() if self._open:
                return self._close_block()
            case UsageUpdate():
                self._usage = merge_usage(self._usage, event.usage)
            case Finish():
                self._stop = event.stop
            case Failure():
                return self._end("ERROR", event.error.message)
            case End():
                return self.close()
        return b""

    def _begin(self, id: str | None) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        message = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}
        head: JsonObject = {"id": id or self._asked.id, "type": "message-start"}
        return _frame({**head, "delta": {"message": {**message, "citations": []}}})

    def _open_block(self, event: PartStart) -> bytes:
        match part := event.part:
            case Text() | Refusal():
                self._open = "text"
            case Thinking():
                self._open = "thinking"
            case ToolCall():
                self._open = "tool-call"
                begun = self._delta("tool-call-start", {"tool_calls": write_call(part, "")})
                return begun + (self._arguments(part.arguments) if part.arguments else b"")
            case _:
                self._open = ""
                return b""
        begun = {"content": {"type": self._open, self._open: ""}}
        return self._delta("content-start", begun) + (self._words(part.text) if part.text else b"")

    def _words(self, text: str) -> bytes:
        content = {"content": {"type": self._open, self._open: text}}
        return self._delta("content-delta", content)

    def _arguments(self, text: str) -> bytes:
        return self._delta("tool-call-delta", {"tool_calls": {"function": {"arguments": text}}})

    def _delta(self, type: str, message: JsonObject) -> bytes:
        index = self._calls if self._open == "tool-call" else self._contents
        return _frame({"type": type, "index": index, "delta": {"message": message}})

    def _close_block(self) -> bytes:
        if self._open == "tool-call":
            ended = _frame({"type": "tool-call-end", "index": self._calls})
            self._calls += 1
        else:
            ended = _frame({"type": "content-end", "index": self._contents})
            self._contents += 1
        self._open = ""
        return ended

    def _end(self, finish: str, error: str = "") -> bytes:
        self._ended = True
        delta: JsonObject = {"finish_reason": finish}
        if error:
            delta["error"] = error
        if self._usage is not None:
            delta["usage"] = write_usage(self._usage)
        return self._begin(None) + _frame({"type": "message-end", "delta": delta})


def _frame(event: JsonObject) -> bytes:
    return encode(dumps(event), event["type"])
