"""An answer as a stream: chunks of `text`, ended by `[DONE]`. OpenAI's reference, "Create
completion (legacy)", `stream`."""

from addons.wire.answerids import answer_id
from addons.wire.conversation import Refusal
from addons.wire.conversation import Stop
from addons.wire.conversation import Text
from addons.wire.conversation import Usage
from addons.wire.errors import ApiError
from addons.wire.events import End
from addons.wire.events import Event
from addons.wire.events import Extra
from addons.wire.events import Failure
from addons.wire.events import Finish
from addons.wire.events import PartEnd
from addons.wire.events import PartStart
from addons.wire.events import Start
from addons.wire.events import TextDelta
from addons.wire.events import UsageUpdate
from addons.wire.fold import merge_usage
from addons.wire.format import Asked
from addons.wire.jsonio import EMPTY
from addons.wire.jsonio import JsonObject
from addons.wire.jsonio import dumps
from addons.wire.members import int_of
from addons.wire.members import objects_of
from addons.wire.members import rest
from addons.wire.members import text_of
from addons.wire.openai_chat.errors import find_error
from addons.wire.openai_chat.errors import write_error
from addons.wire.openai_chat.reader import DONE
from addons.wire.openai_chat.reader import payloads
from addons.wire.openai_chat.stops import read_stop
from addons.wire.openai_chat.usage import read_usage
from addons.wire.openai_chat.usage import write_usage
from addons.wire.openai_completions.names import NAME
from addons.wire.openai_completions.names import OBJECT
from addons.wire.openai_completions.names import echoed
from addons.wire.openai_completions.names import own
from addons.wire.openai_completions.names import owned
from addons.wire.openai_completions.names import stop_said
from addons.wire.openai_completions.reply import CHOICE
from addons.wire.openai_completions.reply import TOP
from addons.wire.openai_completions.reply import choice_text
from addons.wire.sse import Frame
from addons.wire.sse import encode

DONE_FRAME = encode(DONE)


class CompletionsReader:
    """One per stream; see `format.StreamReader`."""

    def __init__(self) -> None:
        self._started = False
        self._ended = False
        self._stops: dict[int, Stop | None] = {}
        """Every choice that began, and why it ended if it said so."""
        self._bare = False
        """Whether the stream is one of bare words."""

    def feed(self, frame: Frame) -> list[Event]:
        """The events of one frame."""
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
        """What the end of the bytes adds. A stream of bare words has no other end."""
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
            # Writer's: each payload is one word and nothing else.
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
        """The stream is complete: every choice ends."""
        self._ended = True
        events += [PartEnd(0, choice=index) for index in self._stops]
        for index, stop in sorted(self._stops.items()):
            events.append(Finish(stop or Stop(reason="end"), index))
        events.append(End())

    def _fail(self, error: ApiError, events: list[Event]) -> None:
        self._ended = True
        events.append(Failure(error))


class CompletionsWriter:
    """One per stream; see `format.StreamWriter`."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._ours = False
        self._ended = False
        self._usage: Usage | None = None
        self._begun: set[int] = set()
        self._open: set[tuple[int, int]] = set()
        """Parts whose words go out, as (choice, part)."""
        self._finished: set[int] = set()
        self._name(Start())

    def feed(self, event: Event) -> bytes:
        """The bytes of one event."""
        if self._ended:
            return b""
        match event:
            case Start():
                self._ours = event.format == NAME
                self._name(event)
            case PartStart(part=Text() | Refusal() as part):
                self._open.add((event.choice, event.index))
                return self._words(event.choice, part.text)
            case TextDelta() if (event.choice, event.index) in self._open:
                return self._words(event.choice, event.text)
            case Extra() if said := own(event.fields):
                return self._chunk(event.choice, "", said)
            case Finish():
                self._finished.add(event.choice)
                told = stop_said(event.stop, self._ours)
                echo = self._echo(event.choice)
                return self._chunk(event.choice, echo, told)
            case UsageUpdate():
                self._usage = merge_usage(self._usage, event.usage)
            case Failure():
                self._ended = True
                return encode(dumps(write_error(event.error)[1])) + DONE_FRAME
            case End():
                return self.close()
        return b""

    def close(self) -> bytes:
        """What ends the stream: a reason for every choice, the usage if wished, `[DONE]`."""
        if self._ended:
            return b""
        reasons = [
            self._chunk(choice, "", {"finish_reason": "stop"})
            for choice in sorted(self._begun - self._finished)
        ]
        self._ended = True
        usage = b""
        if self._asked.include_usage and self._usage is not None:
            told = {**self._head, "choices": [], "usage": write_usage(self._usage)}
            usage = encode(dumps(told))
        return b"".join([*reasons, usage, DONE_FRAME])

    def _name(self, start: Start) -> None:
        self._head: JsonObject = {
            "id": answer_id(start.id, "cmpl-", self._asked, self._ours),
            "object": OBJECT,
            "created": start.created if start.created is not None else self._asked.created,
            "model": start.model or self._asked.model,
            **own(start.extra),
        }

    def _words(self, choice: int, text: str) -> bytes:
        if not text:
            return b""
        return self._chunk(choice, self._echo(choice) + text, {})

    def _echo(self, choice: int) -> str:
        """The prompt, if the choice has to begin with it and does so now."""
        if self._ours or choice in self._begun:
            return ""
        self._begun.add(choice)
        return echoed(self._asked)

    def _chunk(self, choice: int, text: str, said: JsonObject) -> bytes:
        self._begun.add(choice)
        told = {"text": text, "index": choice, "logprobs": None, "finish_reason": None, **said}
        return encode(dumps({**self._head, "choices": [told]}))
