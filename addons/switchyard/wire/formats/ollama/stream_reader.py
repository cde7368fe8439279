"""Reads Ollama's streams as events."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import exact
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.formats.ollama.errors import find_error
from switchyard.wire.formats.ollama.final_members import left_over
from switchyard.wire.formats.ollama.final_members import read_stop
from switchyard.wire.formats.ollama.final_members import read_usage
from switchyard.wire.formats.ollama.messages import read_call
from switchyard.wire.formats.ollama.messages import read_images
from switchyard.wire.formats.ollama.names import owned
from switchyard.wire.formats.ollama.names import seconds_of
from switchyard.wire.formats.ollama.reply import call_id_of
from switchyard.wire.formats.ollama.reply import tool_calls_of
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Extra
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import UsageUpdate
from switchyard.wire.model.logprobs import extra_of
from switchyard.wire.model.logprobs import read_tokens
from switchyard.wire.shared.call_ids import AnswerIds


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
        if b"tool_calls" in frame.data:
            line = exact(line, frame.data)
        return self.read(line) if line is not None else []

    def read(self, line: JsonObject) -> list[Event]:
        """Returns the events of one line."""
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
        """Reports a cut-off stream: only the last line completes a response."""
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
