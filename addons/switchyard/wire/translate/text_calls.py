"""Turns tool calls that a model writes into its text into calls.

A profile names the models whose server does not do so. The result does not depend on how the text
is split into chunks; text that only resembles a call, or calls no tool of the request, stays text.
"""

from collections.abc import Generator
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

from switchyard.values.digests import hex_of
from switchyard.values.records import altered
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import TextDelta
from switchyard.wire.translate.by_choice import ByChoice
from switchyard.wire.translate.call_forms import OPENINGS
from switchyard.wire.translate.call_forms import CallReader
from switchyard.wire.translate.call_forms import FoundCalls
from switchyard.wire.translate.call_forms import OfferedTools
from switchyard.wire.translate.call_forms import WrittenCall
from switchyard.wire.translate.call_forms import may_be_whole_reply
from switchyard.wire.translate.call_forms import read_whole_reply
from switchyard.wire.translate.limits import unsure_end

_MOST_HELD = 1_000_000
"""Maximum number of characters held back; a longer call is text."""
_LOOKS = 64
"""Number of times a held call is parsed at any size; later it must grow by a quarter first."""


class TextCalls:
    """Extracts the calls from the texts of one attempt; see `stages.Stage`."""

    over = False

    def __init__(self, tools: OfferedTools, seed: str) -> None:
        """Takes the offered `tools`; `seed` makes the ids of calls."""
        self._choices = ByChoice(lambda index: _Choice(index, tools, seed))

    @property
    def changed(self) -> bool:
        return any(choice.calls for choice in self._choices.states.values())

    def feed(self, events: Sequence[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            choice = self._choices.of(event)
            if choice is None:
                out.append(event)
                continue
            out += choice.take(event)
        return out


@dataclass(slots=True)
class _Writing:
    """An open text."""

    part: Text
    held: str = ""
    """The undecided text."""
    space: str = ""
    """White space before it, which is dropped if a call follows."""
    at: int | None = None
    """The index of the client's open part; None before any text."""
    reader: CallReader | None = None
    """The reader of the held text, which begins with its opening."""
    begun: bool = False
    """Whether the reply certainly does not consist of calls alone."""
    looks: int = 0
    """Number of failed attempts to parse the held call."""
    looked_at: int = 0
    """Its length at the latest of these attempts."""

    def is_due(self, complete: bool) -> bool:
        """Whether to parse the held call again.

        Each attempt parses all of it, so longer calls are parsed less often.
        """
        if complete or self.looks < _LOOKS or len(self.held) >= 1.25 * self.looked_at:
            self.looks += 1
            self.looked_at = len(self.held)
            return True
        return False


@dataclass(slots=True)
class _Choice:
    """One choice, whose parts are renumbered."""

    index: int
    tools: OfferedTools
    seed: str
    calls: int = 0
    next: int = 0
    places: dict[int, int] = field(default_factory=dict)
    texts: dict[int, _Writing] = field(default_factory=dict)

    def take(self, event: Event) -> Iterator[Event]:
        index = getattr(event, "index", None)
        writing = None if index is None else self.texts.get(index)
        match event:
            case PartStart(part=Text(text=text) as part):
                writing = self.texts[event.index] = _Writing(altered(part, text=""))
                yield from self._more(writing, text, False)
            case PartStart():
                self.places[event.index] = self.next
                yield altered(event, index=self._take_place())
            case TextDelta(text=text) if writing is not None:
                yield from self._more(writing, text, False)
            case PartEnd(part=part) if writing is not None:
                yield from self._complete(event.index, part)
            case Finish(stop=stop):
                for open_index in list(self.texts):
                    yield from self._complete(open_index, None)
                if self.calls and stop.reason == "end":
                    event = altered(event, stop=altered(stop, reason="tool_calls", raw=None))
                yield event
            case _ if index is None:
                yield event
            case _ if writing is not None:
                yield from self._open(writing)
                yield altered(event, index=writing.at)  # type: ignore[call-arg]
            case _:
                yield altered(event, index=self.places.get(index, index))  # type: ignore[call-arg]

    def _complete(self, index: int, part: Part | None) -> Iterator[Event]:
        """Ends a text, whose final form is `part`."""
        writing = self.texts.pop(index)
        before = self.calls
        yield from self._more(writing, "", True)
        if not self.calls and (writing.space or writing.at is None):
            yield from self._say(writing, 0)
            yield from self._open(writing)
        if writing.at is not None:
            whole = part if isinstance(part, Text) and self.calls == before == 0 else None
            yield PartEnd(writing.at, whole, self.index)

    def _more(self, writing: _Writing, text: str, complete: bool) -> Iterator[Event]:
        writing.held += text
        while writing.held and (yield from self._step(writing, complete)):
            pass

    def _step(self, writing: _Writing, complete: bool) -> Generator[Event, None, bool]:
        """Decides on the beginning of the held text; returns whether to continue."""
        if writing.reader is not None:
            return (yield from self._read(writing, writing.reader, complete))
        held = writing.held
        if not writing.begun:
            if not may_be_whole_reply(held, self.tools) or len(held) > _MOST_HELD:
                writing.begun = True
            elif complete:
                writing.reader = read_whole_reply
            return writing.begun or complete
        found = [(at, one) for one in OPENINGS if (at := held.find(one)) >= 0]
        if found:
            at, opening = min(found)
            yield from self._pass(writing, at)
            writing.reader = OPENINGS[opening]
            writing.looks = writing.looked_at = 0
            return True
        unsure = 0 if complete else unsure_end(held, tuple(OPENINGS))
        yield from self._pass(writing, len(held) - unsure)
        return False

    def _read(
        self, writing: _Writing, reader: CallReader, complete: bool
    ) -> Generator[Event, None, bool]:
        """Parses the call that the held text begins with, or may begin with."""
        held = writing.held
        if not writing.is_due(complete):
            return False
        reading = reader(held, complete, self.tools)
        if reading == "more" and len(held) <= _MOST_HELD:
            return False
        writing.reader, writing.begun = None, True
        if not isinstance(reading, FoundCalls):
            if reader is not read_whole_reply:
                yield from self._say(writing, 1)  # prevents finding the opening again
            return True
        if writing.at is not None:
            yield PartEnd(writing.at, choice=self.index)
        writing.part, writing.at, writing.space = Text(text=""), None, ""
        writing.held = held[reading.end :]
        for call in reading.calls:
            yield from self._call(call)
        return True

    def _pass(self, writing: _Writing, length: int) -> Iterator[Event]:
        """Releases the beginning of the held text; white space alone begins no text."""
        words = writing.held[:length]
        if writing.at is None and not words.strip():
            writing.space += words
            writing.held = writing.held[length:]
        else:
            yield from self._say(writing, length)

    def _say(self, writing: _Writing, length: int) -> Iterator[Event]:
        words = writing.space + writing.held[:length]
        writing.space, writing.held = "", writing.held[length:]
        if words:
            yield from self._open(writing)
            assert writing.at is not None
            yield TextDelta(writing.at, words, self.index)

    def _open(self, writing: _Writing) -> Iterator[Event]:
        if writing.at is None:
            writing.at = self._take_place()
            yield PartStart(writing.at, writing.part, self.index)

    def _take_place(self) -> int:
        self.next += 1
        return self.next - 1

    def _call(self, call: WrittenCall) -> Iterator[Event]:
        self.calls += 1
        said = f"{self.seed}:{self.index}:{self.calls}"
        id = f"call_{hex_of(said, 24)}"
        place = self._take_place()
        yield PartStart(place, ToolCall(id=id, name=call.name), self.index)
        yield ArgumentsDelta(place, call.arguments, self.index)
        yield PartEnd(place, choice=self.index)
