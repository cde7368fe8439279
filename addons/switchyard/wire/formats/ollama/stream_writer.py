"""Writes a response as a stream: one JSON object a line, the last with `done`."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.format import Asked
from switchyard.wire.formats.ollama.errors import write_error
from switchyard.wire.formats.ollama.final_members import Stopwatch
from switchyard.wire.formats.ollama.final_members import write_end
from switchyard.wire.formats.ollama.final_members import write_head
from switchyard.wire.formats.ollama.messages import write_call
from switchyard.wire.formats.ollama.messages import write_images
from switchyard.wire.formats.ollama.names import NAME
from switchyard.wire.formats.ollama.names import own
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import CitationDelta
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import MediaDelta
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import SignatureDelta
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.fold import Fold
from switchyard.wire.model.logprobs import extra_of
from switchyard.wire.model.logprobs import tokens_in
from switchyard.wire.model.logprobs import with_bytes

_OF_PART = (TextDelta, ArgumentsDelta, SignatureDelta, CitationDelta, MediaDelta, PartEnd)


class OllamaStreamWriter:
    """Writes the first choice, because Ollama has only one."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._watch = Stopwatch(asked)
        self._fold = Fold(NAME)
        self._open: dict[int, str] = {}
        self._ended = False
        self._began = False
        self._name(Start())

    def feed(self, event: Event) -> bytes:
        if self._ended or getattr(event, "choice", 0):
            return b""
        if isinstance(event, _OF_PART):
            member = self._open.get(event.index)
            if member is None:
                return b""
            self._fold.add(event)
            if isinstance(event, TextDelta):
                return self._words(member, event.text)
            return self._close(event.index) if isinstance(event, PartEnd) else b""
        self._fold.add(event)
        match event:
            case Start():
                self._name(event)
            case PartStart():
                return self._begin(event)
            case End():
                return self._finish()
            case Failure():
                self._ended = True
                return dumps(write_error(event.error)[1]) + b"\n"
        return b""

    def close(self) -> bytes:
        if self._ended:
            return b""
        if not self._began and not self._fold.reply().choices:
            self._ended = True
            return b""
        return self._finish()

    def _name(self, start: Start) -> None:
        self._head = write_head(start.model, start.created, self._asked)
        self._begins = dumps(self._head)[:-1]

    def _begin(self, event: PartStart) -> bytes:
        match event.part:
            case Text() | Refusal():
                self._open[event.index] = "content"
                return self._words("content", event.part.text)
            case Thinking():
                self._open[event.index] = "thinking"
                return self._words("thinking", event.part.text)
        self._open[event.index] = ""
        return b""

    def _words(self, member: str, text: str) -> bytes:
        """Returns a line of text alone, the most frequent kind, composed from bytes."""
        if not text or not member:
            return b""
        self._begin_output()
        return self._begins + self._said(member, dumps(text)) + b',"done":false}\n'

    def _begin_output(self) -> None:
        if not self._began:
            self._began = True
            self._watch.note_output()

    def _said(self, member: str, text: bytes) -> bytes:
        """Returns the members that hold text (JSON already), as they follow a line's head."""
        empty = b'"content":"",' if member == "thinking" else b""
        return b',"message":{"role":"assistant",%b"%b":%b}' % (empty, member.encode(), text)

    def _line(self, message: JsonObject) -> JsonObject:
        """Returns the members that hold a whole message."""
        return {"message": message}

    def _close(self, index: int) -> bytes:
        """Returns the bytes at the end of a part."""
        del self._open[index]
        message: JsonObject = {"role": "assistant", "content": ""}
        match part := self._fold.part(index):
            case ToolCall():
                message["tool_calls"] = [write_call(part, part.name, answer=True)]
            case Media():
                images = write_images([part], answer=True)
                if not images:
                    return b""
                message["images"] = images
            case _:
                return b""
        self._begin_output()
        return dumps({**self._head, **self._line(message), "done": False}) + b"\n"

    def _finish(self) -> bytes:
        written = [self._close(index) for index in list(self._open)]
        self._ended = True
        reply = self._fold.reply()
        left = own(reply.extra)
        last = {
            **self._head,
            **self._line({"role": "assistant", "content": ""}),
            **extra_of(with_bytes(tokens_in(reply.choice.extra))),
            **write_end(reply.choice.stop, reply.usage, left),
        }
        return b"".join([*written, dumps(self._watch.completed(last)), b"\n"])
