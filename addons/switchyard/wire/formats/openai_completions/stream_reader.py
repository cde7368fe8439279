"""Reads streams of the legacy Completions API into events."""

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import rest
from switchyard.wire.encoding.members import text_of
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.formats.openai_chat.errors import find_error
from switchyard.wire.formats.openai_chat.stops import read_stop
from switchyard.wire.formats.openai_chat.stream_reader import DONE
from switchyard.wire.formats.openai_chat.stream_reader import payloads
from switchyard.wire.formats.openai_chat.usage import read_usage
from switchyard.wire.formats.openai_completions.names import NAME
from switchyard.wire.formats.openai_completions.names import owned
from switchyard.wire.formats.openai_completions.reply import CHOICE
from switchyard.wire.formats.openai_completions.reply import TOP
from switchyard.wire.formats.openai_completions.reply import choice_text
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.errors import ApiError
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


class CompletionsReader:
    """Reads one stream; see `format.StreamReader`."""

    def __init__(self) -> None:
        self._started = False
        self._ended = False
        self._stops: dict[int, Stop | None] = {}
        """Every choice that has started, with its stop reason if it stated one."""
        self._bare = False
        """Whether the payloads of the stream are bare words."""

    def feed(self, frame: Frame) -> list[Event]:
        """Returns the events of one frame."""
        events: list[Event] = []
        for payload in payloads(frame.data):
            if self._ended:
                break
            if payload is DONE:
                self._end(events)
            else:
                self._chunk(payload, events)
        if not self._ended and not events and frame.event == b"error":
            words = frame.data.decode("utf-8", "replace")
            self._fail(ApiError(message=words, format=NAME), events)
        return events

    def close(self) -> list[Event]:
        """Returns the events due at the end of the bytes.

        A stream of bare words has no other end.
        """
        events: list[Event] = []
        if self._ended:
            return events
        if self._bare or any(stop is not None for stop in self._stops.values()):
            self._end(events)
            return events
        self._ended = True
        return [PartEnd(0, choice=index) for index in self._stops]

    def _chunk(self, body: JsonObject, events: list[Event]) -> None:
        choices = body.get("choices")
        if not isinstance(choices, list) and isinstance(word := body.get("value"), str):
            # Writer's payloads hold one word each and no JSON.
            self._bare = True
            self._start(EMPTY, events)
            self._words(0, word, events)
            return
        if (error := find_error(body)) is not None:
            self._fail(error, events)
            return
        if isinstance(choices, list):
            self._start(body, events)
        for number, raw in enumerate(objects_of(choices)):
            index = int_of(raw.get("index"))
            self._choice(number if index is None else index, raw, events)
        if (usage := read_usage(body.get("usage"))) is not None:
            events.append(UsageUpdate(usage))

    def _start(self, body: JsonObject, events: list[Event]) -> None:
        if self._started:
            return
        self._started = True
        start = Start(
            id=text_of(body.get("id")) or None,
            model=text_of(body.get("model")) or None,
            created=int_of(body.get("created")),
            extra=owned(rest(body, *TOP, "object")),
            format=NAME,
        )
        events.append(start)

    def _choice(self, index: int, raw: JsonObject, events: list[Event]) -> None:
        said = {k: v for k, v in rest(raw, *CHOICE, "delta").items() if v is not None}
        self._words(index, choice_text(raw), events)
        if said:
            events.append(Extra(owned(said), index))
        if (stop := read_stop(raw, has_calls=False)) is not None:
            self._stops[index] = stop

    def _words(self, index: int, text: str, events: list[Event]) -> None:
        if index not in self._stops:
            self._stops[index] = None
            events.append(PartStart(0, Text(text=""), index))
        if text:
            events.append(TextDelta(0, text, index))

    def _end(self, events: list[Event]) -> None:
        """Ends every choice, since the stream is complete."""
        self._ended = True
        events += [PartEnd(0, choice=index) for index in self._stops]
        for index, stop in sorted(self._stops.items()):
            events.append(Finish(stop or Stop(reason="end"), index))
        events.append(End())

    def _fail(self, error: ApiError, events: list[Event]) -> None:
        self._ended = True
        events.append(Failure(error))
