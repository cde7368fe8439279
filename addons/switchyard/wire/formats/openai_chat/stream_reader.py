"""Reads streams (OpenAI's reference, "The chat completion chunk object").

A choice may continue after its `finish_reason` (usage, late deltas, a second finish reason), so the
reader holds `Finish` back until `[DONE]` or the end of the bytes.
"""

from typing import Any

from switchyard.wire.encoding.bodies import first_words
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import loads
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import whole_of
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.formats.openai_chat.choice_reader import ChoiceReader
from switchyard.wire.formats.openai_chat.errors import find_error
from switchyard.wire.formats.openai_chat.names import NAME
from switchyard.wire.formats.openai_chat.names import text_of
from switchyard.wire.formats.openai_chat.parts import listed_sources
from switchyard.wire.formats.openai_chat.stops import read_stop
from switchyard.wire.formats.openai_chat.tools import answer_seed
from switchyard.wire.formats.openai_chat.usage import read_usage
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import UsageUpdate
from switchyard.wire.shared.broken_ends import broken_end

DONE = b"[DONE]"

_TOP = frozenset(
    {"id", "object", "created", "model", "choices", "usage", "error", "obfuscation", "message"}
)


class ChatReader:
    """Reads one stream; see `format.StreamReader`."""

    def __init__(self) -> None:
        self._choices: dict[int, ChoiceReader] = {}
        self._started = False
        self._ended = False
        self._seed = ""
        self._sources: tuple[Citation, ...] = ()
        self._said: JsonObject = {}
        """Top-level members emitted so far, so that each is emitted once."""
        self._begun: JsonObject = {}
        """Top-level members that `Start` held."""
        self._late: JsonObject = {}
        """Top-level members that arrived after `Start`."""
        self._unread = ""
        """The first words that are no chunk, which may be an error's."""

    def feed(self, frame: Frame) -> list[Event]:
        """Returns the events of one frame."""
        events: list[Event] = []
        failed = frame.event == b"error"
        found = payloads(frame.data)
        if not found and not self._unread:
            self._unread = first_words(frame.data)
        for payload in found:
            if self._ended:
                break
            if payload is DONE:
                self._done_word(events)
            else:
                self._chunk(payload, events, failed)
        if failed and not self._ended and not events:
            self._fail(None, frame.data.decode("utf-8", "replace"), events)
        return events

    def forgets(self, event: TextDelta) -> bool:
        """Whether the reader keeps nothing of a delta's text (see `relay.skim`).

        It keeps the text of thinking, and changes its state after a finish reason.
        """
        choice = self._choices[event.choice]
        return choice.in_text and choice.finish is None

    def close(self) -> list[Event]:
        """Returns the events due at the end of the bytes."""
        events: list[Event] = []
        if self._ended:
            return events
        if self._has_finish():
            self._end(events)
            return events
        self._ended = True
        for choice in self._choices.values():
            choice.end_parts(self._sources, events)
        return events

    def _chunk(self, body: JsonObject, events: list[Event], failed: bool) -> None:
        choices = body.get("choices")
        if not isinstance(choices, list):
            error = find_error(body)
            if failed or error is not None:
                self._fail(error, "", events)
                return
            if not body.get("usage"):
                return
            choices = ()
        self._top(body, bool(choices), events)
        usage = body.get("usage")
        # OpenRouter also reports a reached limit as an error, although the answer ended by it.
        error = (body.get("error") or failed) and not self._reached_limit()
        broken: Stop | None = None
        for number, raw in enumerate(choices):
            if isinstance(raw, dict):
                self._choice(raw, number).read(raw, events)
                usage = usage or raw.get("usage")  # Moonshot
                error = error or raw.get("error") or raw.get("finish_reason") == "error"
                if raw.get("finish_reason") and (choice := self._broken(raw, number)) is not None:
                    broken = choice
        if usage or "x_groq" in body:
            if (
                read := read_usage(usage or _groq_usage(body), body.get("service_tier"))
            ) is not None:
                events.append(UsageUpdate(read))
        if error:
            self._fail(find_error(body), "", events)
        elif broken is not None:
            self._fail(broken_end(broken), "", events)

    def _broken(self, raw: JsonObject, number: int) -> Stop | None:
        """Returns the stop of a choice whose finish reason reports that it is broken."""
        stop = read_stop(raw, self._choice(raw, number).calls)
        return stop if stop is not None and stop.reason == "error" else None

    def _has_finish(self) -> bool:
        return any(choice.finish is not None for choice in self._choices.values())

    def _reached_limit(self) -> bool:
        """Whether every choice ended because it reached a token limit."""
        said = [object_of(choice.finish).get("finish_reason") for choice in self._choices.values()]
        return bool(said) and all(word == "length" for word in said)

    def _choice(self, raw: JsonObject, number: int) -> ChoiceReader:
        index = raw.get("index")
        if type(index) is not int:
            read = whole_of(index)
            index = number if read is None else read
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = ChoiceReader(index, self._seed)
        return choice

    def _top(self, body: JsonObject, speaks: bool, events: list[Event]) -> None:
        """Emits `Start` once, and keeps the top-level members without a field.

        Azure's first chunk has neither id nor choices, so it is not a start.
        """
        for key, value in body.items():
            if key not in _TOP and value is not None and self._said.get(key) != value:
                self._said[key] = self._late[key] = value
                self._sources = listed_sources(body) or self._sources
        if self._started or not (speaks or body.get("id")):
            return
        self._started = True
        self._seed = answer_seed(body)
        events.append(
            Start(
                id=text_of(body.get("id")) or None,
                model=text_of(body.get("model")) or None,
                created=whole_of(body.get("created")) or None,
                extra={NAME: self._late} if self._late else EMPTY,
            )
        )
        self._begun, self._late = self._late, {}

    def _done_word(self, events: list[Event]) -> None:
        """Reads `[DONE]`, which ends an answer unless an error stood in its place."""
        if self._unread and not self._has_finish():
            self._fail(None, self._unread, events)
        else:
            self._end(events)

    def _end(self, events: list[Event]) -> None:
        """Ends every choice that has content or a finish reason, and the stream."""
        self._ended = True
        choices = [self._choices[index] for index in sorted(self._choices)]
        for choice in choices:
            choice.end_parts(self._sources, events)
        for choice in choices:
            choice.end(events)
        # Folding concatenates lists, so a list that `Start` held must not be emitted again.
        late = {
            key: value
            for key, value in self._late.items()
            if not (key in self._begun and isinstance(value, list))
        }
        events.append(End({NAME: late} if late else EMPTY))

    def _fail(self, error: ApiError | None, words: str, events: list[Event]) -> None:
        self._ended = True
        if error is None:
            message = words or "the provider reported an error without saying which"
            error = ApiError(message=message, format=NAME)
        events.append(Failure(error))


def payloads(data: bytes) -> list[Any]:
    """Returns the payloads of one frame: objects, and `DONE`.

    There is usually one; several lines of JSON if an upstream omits the empty lines between its
    events. Everything else is ignored.
    """
    if data == DONE:
        return [DONE]
    found: list[Any] = []
    try:
        value = loads(data)
        if type(value) is dict:
            return [value]
    except ValueError:
        if data.strip() == DONE:
            return [DONE]
        if data.find(b"\n") >= 0:
            for line in data.split(b"\n"):
                found += payloads(line)
        return found
    if isinstance(value, list):
        # `[{"error": ...}]` is Google's form; `[DONE]` is no JSON.
        found += [entry for entry in value if isinstance(entry, dict)]
    return found


def _groq_usage(body: JsonObject) -> Any:
    groq = body.get("x_groq")
    return groq.get("usage") if isinstance(groq, dict) else None
