"""An answer as a stream: one JSON object a line, the last one with `done`."""

from collections.abc import Sequence

from addons.wire.callids import AnswerIds
from addons.wire.conversation import Media
from addons.wire.conversation import Refusal
from addons.wire.conversation import Text
from addons.wire.conversation import Thinking
from addons.wire.conversation import ToolCall
from addons.wire.errors import ApiError
from addons.wire.events import ArgumentsDelta
from addons.wire.events import CitationDelta
from addons.wire.events import End
from addons.wire.events import Event
from addons.wire.events import Extra
from addons.wire.events import Failure
from addons.wire.events import Finish
from addons.wire.events import MediaDelta
from addons.wire.events import PartEnd
from addons.wire.events import PartStart
from addons.wire.events import SignatureDelta
from addons.wire.events import Start
from addons.wire.events import TextDelta
from addons.wire.events import UsageUpdate
from addons.wire.fold import Fold
from addons.wire.format import Asked
from addons.wire.jsonio import JsonObject
from addons.wire.jsonio import dumps
from addons.wire.jsonio import loads_object
from addons.wire.logprobs import extra_of
from addons.wire.logprobs import read_tokens
from addons.wire.logprobs import tokens_in
from addons.wire.logprobs import with_bytes
from addons.wire.members import object_of
from addons.wire.members import text_of
from addons.wire.ollama.answers import left_over
from addons.wire.ollama.answers import read_stop
from addons.wire.ollama.answers import read_usage
from addons.wire.ollama.answers import write_end
from addons.wire.ollama.answers import write_head
from addons.wire.ollama.errors import find_error
from addons.wire.ollama.errors import write_error
from addons.wire.ollama.messages import read_call
from addons.wire.ollama.messages import read_images
from addons.wire.ollama.messages import write_call
from addons.wire.ollama.messages import write_images
from addons.wire.ollama.names import NAME
from addons.wire.ollama.names import own
from addons.wire.ollama.names import owned
from addons.wire.ollama.names import seconds_of
from addons.wire.ollama.reply import call_id_of
from addons.wire.ollama.reply import tool_calls_of
from addons.wire.sse import Frame

_OF_PART = (TextDelta, ArgumentsDelta, SignatureDelta, CitationDelta, MediaDelta, PartEnd)


class OllamaStreamReader:
    def __init__(self) -> None:
        self._started = False
        self._ended = False
        self._open: type[Text] | type[Thinking] | None = None
        self._next = 0
        self._calls = False
        self._ids = AnswerIds()

    def feed(self, frame: Frame) -> list[Event]:
        line = loads_object(frame.data)
        return self.read(line) if line is not None else []

    def read(self, line: JsonObject) -> list[Event]:
        """The events of one line."""
        if self._ended:
            return []
        if line.get("error") and (error := find_error(line)) is not None:
            self._ended = True
            return [Failure(error)]
        events: list[Event] = []
        if not self._started:
            self._started = True
            created = seconds_of(line.get("created_at"))
            events.append(Start(model=text_of(line.get("model")) or None, created=created))
        if tokens := read_tokens(line.get("logprobs")):
            events.append(Extra(extra_of(tokens)))
        message = object_of(line.get("message"))
        events += self._words(Thinking, text_of(message.get("thinking")))
        events += self._words(Text, text_of(message.get("content")))
        for image in read_images(message.get("images")):
            events += [*self._close(), PartStart(self._take(), image), PartEnd(self._next - 1)]
        for raw in tool_calls_of(message):
            call = read_call(raw, call_id_of(raw, line, self._ids))
            self._calls = True
            events += [*self._close(), PartStart(self._take(), call), PartEnd(self._next - 1)]
        if line.get("done") is True:
            events += self._end(line)
        return events

    def close(self) -> list[Event]:
        """Nothing makes up for a missing last line: the stream was cut off."""
        if self._ended:
            return []
        self._ended = True
        return self._close()

    def _words(self, kind: type[Text] | type[Thinking], text: str) -> list[Event]:
        if not text:
            return []
        events: list[Event] = []
        if self._open is not kind:
            events += [*self._close(), PartStart(self._take(), kind(text=""))]
            self._open = kind
        return [*events, TextDelta(self._next - 1, text)]

    def _take(self) -> int:
        self._next += 1
        return self._next - 1

    def _close(self) -> list[Event]:
        if self._open is None:
            return []
        self._open = None
        return [PartEnd(self._next - 1)]

    def _end(self, line: JsonObject) -> list[Event]:
        self._ended = True
        usage = read_usage(line)
        return [
            *self._close(),
            *([UsageUpdate(usage)] if usage else []),
            Finish(read_stop(line, self._calls)),
            End(owned(left_over(line))),
        ]


class OllamaStreamWriter:
    """Writes the first answer; Ollama gives one."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
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
        """A line of words alone, which is what most lines are: put together from bytes."""
        if not text or not member:
            return b""
        self._began = True
        return self._begins + self._said(member, dumps(text)) + b',"done":false}\n'

    def _said(self, member: str, text: bytes) -> bytes:
        """The members that say words (JSON already), as they follow the head of a line."""
        empty = b'"content":"",' if member == "thinking" else b""
        return b',"message":{"role":"assistant",%b"%b":%b}' % (empty, member.encode(), text)

    def _line(self, message: JsonObject) -> JsonObject:
        """The members that say a whole message."""
        return {"message": message}

    def _close(self, index: int) -> bytes:
        """What goes out at the end of a part."""
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
        self._began = True
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
        return b"".join([*written, dumps(last), b"\n"])


class OllamaMender:
    """Repairs of a stream that passes through: every JSON object on a line of its own, and
    nothing else."""

    def __init__(self) -> None:
        self._ended = False

    def feed(self, frame: Frame, events: Sequence[Event]) -> bytes:
        if self._ended or (not events and loads_object(frame.data) is None):
            return b""
        self._ended = any(isinstance(event, End | Failure) for event in events)
        return frame.raw or frame.data + b"\n"

    def close(self, events: Sequence[Event]) -> bytes:
        self._ended = True
        return b""

    def fail(self, error: ApiError) -> bytes:
        if self._ended:
            return b""
        self._ended = True
        return dumps(write_error(error)[1]) + b"\n"
