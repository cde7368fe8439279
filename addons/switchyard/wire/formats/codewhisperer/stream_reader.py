"""Reads answers: events named after their kind.

Source: the API's model, `ChatResponseStream`. There is no stop reason and no terminal event: an
answer is complete at the end of the bytes, unless a call is not. `relay.event_messages` takes
the events out of AWS' framing; their content may stand within a member of the event's own name.
"""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.formats.codewhisperer.errors import find_error
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError
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


class CodeWhispererReader:
    """Reads one stream; see `format.StreamReader`."""

    def __init__(self) -> None:
        self._started = False
        self._ended = False
        self._open: type[Text] | type[Thinking] | None = None
        self._next = 0
        self._calls: dict[str, _Call] = {}

    def feed(self, frame: Frame) -> list[Event]:
        """Returns the events of one event of the service."""
        event = loads_object(frame.data)
        if event is None or self._ended:
            return []
        name = (frame.event or b"").decode(errors="replace")
        if name == "error":
            return self._fail(find_error(event))
        event = object_of(event.get(name)) or event
        events = [] if self._started else self._start(event)
        match name:
            case "assistantResponseEvent" | "codeEvent":
                events += self._words(Text, text_of(event.get("content")))
            case "reasoningContentEvent":
                events += self._words(Thinking, text_of(event.get("text")))
            case "toolUseEvent":
                events += self._call(event)
            case "metadataEvent":
                events += _usage(object_of(event.get("tokenUsage")))
            case "invalidStateEvent":
                message = text_of(event.get("message")) or "the request is in an invalid state"
                reason = text_of(event.get("reason")) or None
                error = ApiError(message=message, kind="invalid_request", code=reason)
                return [*events, *self._fail(error)]
        return events

    def close(self) -> list[Event]:
        """Returns the end of the answer; that of a truncated one has no `Finish`."""
        if self._ended:
            return []
        self._ended = True
        calls = self._calls.values()
        events = self._close()
        events += [PartEnd(call.index) for call in calls if not call.ended]
        if not self._next or not all(call.is_whole for call in calls):
            return events
        return [*events, Finish(Stop(reason="tool_calls" if self._calls else "end")), End()]

    def _start(self, event: JsonObject) -> list[Event]:
        self._started = True
        id, model = text_of(event.get("utteranceId")), text_of(event.get("modelId"))
        return [Start(id=id or None, model=model or None)]

    def _fail(self, error: ApiError | None) -> list[Event]:
        if error is None:
            return []
        self._ended = True
        return [Failure(error)]

    def _words(self, kind: type[Text] | type[Thinking], text: str) -> list[Event]:
        if not text:
            return []
        events: list[Event] = []
        if self._open is not kind:
            events += [*self._close(), PartStart(self._next, kind(text=""))]
            self._open = kind
            self._next += 1
        return [*events, TextDelta(self._next - 1, text)]

    def _close(self) -> list[Event]:
        if self._open is None:
            return []
        self._open = None
        return [PartEnd(self._next - 1)]

    def _call(self, event: JsonObject) -> list[Event]:
        """Returns the events of a piece of a call; an object in place of text is all of it."""
        id, given = text_of(event.get("toolUseId")), event.get("input")
        if not id:
            return []
        events: list[Event] = []
        call = self._calls.get(id)
        if call is None:
            call = self._calls[id] = _Call(self._next)
            part = ToolCall(id=id, name=text_of(event.get("name")))
            events += [*self._close(), PartStart(self._next, part)]
            self._next += 1
        if call.ended:
            return []
        piece = dumps(given).decode() if isinstance(given, dict) and given else text_of(given)
        if piece:
            call.pieces.append(piece)
            events.append(ArgumentsDelta(call.index, piece))
        if event.get("stop") is True:
            call.ended = True
            events.append(PartEnd(call.index))
        return events


class _Call:
    """A call as far as it came."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.pieces: list[str] = []
        self.ended = False

    @property
    def is_whole(self) -> bool:
        """Whether it ended, with JSON or without arguments."""
        said = "".join(self.pieces)
        return self.ended and (not said.strip() or loads_object(said) is not None)


def _usage(said: JsonObject) -> list[Event]:
    """Returns the tokens that the service tells."""
    fresh, output = int_of(said.get("uncachedInputTokens")), int_of(said.get("outputTokens"))
    read, written = (int_of(said.get(f"cache{word}InputTokens")) for word in ("Read", "Write"))
    asked = [tokens for tokens in (fresh, read, written) if tokens is not None]
    if not asked and output is None:
        return []
    total = int_of(said.get("totalTokens"))
    return [
        UsageUpdate(
            Usage(
                input=sum(asked) if asked else None,
                output=output,
                cache_read=read,
                cache_write=written,
                total=total,
            )
        )
    ]
