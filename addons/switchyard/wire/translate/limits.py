"""Ends a reply at the client's limits if the upstream cannot do so.

Stop sequences are searched in the text of the reply, as Anthropic's reference describes them
("Messages", `stop_sequences`): the reply ends before the first complete one, and names it. Thinking
and the arguments of calls are not searched. A token limit is enforced by an estimate over all
visible output: text, thinking and arguments.
"""

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from switchyard.values.records import altered
from switchyard.values.records import record
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import TextDelta
from switchyard.wire.operations.count_tokens import Meter
from switchyard.wire.translate.by_choice import ByChoice

_STOP_NAMES = ("stop", "stop_sequences")
_LIMIT_NAMES = ("max_tokens", "max_completion_tokens", "max_output_tokens")


@record()
class StopLimits:
    """The limits of a response; without any, the model ends it."""

    stop: tuple[str, ...] = ()
    max_tokens: int | None = None

    def __bool__(self) -> bool:
        return bool(self.stop) or self.max_tokens is not None

    def joined(self, other: "StopLimits") -> "StopLimits":
        """Returns the union of both limits."""
        stop = tuple(dict.fromkeys((*self.stop, *other.stop)))
        limits = [n for n in (self.max_tokens, other.max_tokens) if n is not None]
        return StopLimits(stop, min(limits, default=None))


NO_LIMITS = StopLimits()


def limits_said(body: JsonObject, names: Sequence[str]) -> tuple[StopLimits, list[str]]:
    """Returns the limits in the members `names` of a body, and which of them set one.

    A token limit that another member sets as well is left to the upstream.
    """
    stops: list[str] = []
    limits: list[int] = []
    found: list[str] = []
    told_otherwise = any(body.get(name) is not None for name in _LIMIT_NAMES if name not in names)
    for name in names:
        value = body.get(name)
        if name in _STOP_NAMES and (words := _sequences(value)):
            stops += words
            found.append(name)
        elif name in _LIMIT_NAMES and isinstance(value, int) and not isinstance(value, bool):
            limits += [] if told_otherwise else [value]
            found.append(name)
    return StopLimits(tuple(stops), min(limits, default=None)), found


def _sequences(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str) and item]


class Enforcer:
    """Ends the responses of one attempt; see `stages.Stage`."""

    def __init__(self, limits: StopLimits, answers: int = 1) -> None:
        """Begins a response of `answers` choices (`n`); the attempt ends with the last."""
        self.changed = False
        self.over = False
        kept = StopLimits(tuple(filter(None, limits.stop)), limits.max_tokens)
        self._answers = answers
        self._choices = ByChoice(lambda index: _Choice(index, kept))

    def feed(self, events: Sequence[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            if self.over:
                break
            choice = self._choices.of(event)
            if choice is None:
                out.append(event)
                continue
            out += choice.take(event)
            if choice.cut is not None and not self.over:
                self.changed = True
                ended = sum(one.ended for one in self._choices.states.values())
                if ended >= self._answers:
                    self.over = True
                    out.append(End())
        return out


@dataclass(slots=True)
class _Choice:
    """One choice."""

    index: int
    limits: StopLimits
    ended: bool = False
    cut: Stop | None = None
    """The reason for which the router ended it."""
    open: list[int] = field(default_factory=list)
    """Open parts."""
    held: dict[int, str] = field(default_factory=dict)
    """The end of each open text that may be the beginning of a stop sequence."""
    meter: Meter = field(init=False)

    def __post_init__(self) -> None:
        self.meter = Meter(self.limits.max_tokens)

    def take(self, event: Event) -> Iterator[Event]:
        if self.ended:
            return
        match event:
            case PartStart(part=Text(text=text) as part) if text:
                # The text takes the same path as streamed text, so the result does not depend on
                # chunks.
                yield from self._begin(altered(event, part=altered(part, text="")))
                yield from self._write(event.index, text)
            case PartStart():
                yield from self._begin(event)
            case TextDelta(index=index, text=text) | ArgumentsDelta(index=index, text=text):
                if index in self.held:
                    yield from self._write(index, text)
                else:
                    yield from self._count(event, text)
            case PartEnd(index=index):
                yield from self._end_part(event)
            case Finish():
                for index in list(self.held):
                    yield from self._let_go(index)
                self.ended = True
                yield event
            case _:
                yield event

    def _begin(self, event: PartStart) -> Iterator[Event]:
        """Begins a part if the token limit permits."""
        self.open.append(event.index)
        match part := event.part:
            case Text():
                self.held[event.index] = ""
            case Thinking(text=text) | Refusal(text=text) if (fits := self.meter.fits(text)) < len(
                text
            ):
                yield altered(event, part=altered(part, text=text[:fits]))
                yield from self._stop(_LENGTH)
                return
            case ToolCall(arguments=text) if (fits := self.meter.fits(text)) < len(text):
                yield altered(event, part=altered(part, arguments=text[:fits]))
                yield from self._stop(_LENGTH)
                return
        yield event

    def _count(self, event: TextDelta | ArgumentsDelta, text: str) -> Iterator[Event]:
        """Counts text that is not searched."""
        fits = self.meter.fits(text)
        if fits == len(text):
            yield event
            return
        if fits:
            yield altered(event, text=text[:fits])
        yield from self._stop(_LENGTH)

    def _write(self, index: int, text: str) -> Iterator[Event]:
        """Adds text to a part."""
        fits = self.meter.fits(text)
        words = self.held[index] + text[:fits]
        met = first_sequence(words, self.limits.stop)
        if met is not None:
            at, sequence = met
            yield from self._words(index, words[:at])
            yield from self._stop(Stop(reason="stop_sequence", sequence=sequence))
        elif fits < len(text):
            yield from self._words(index, words)
            yield from self._stop(_LENGTH)
        else:
            keep = unsure_end(words, self.limits.stop)
            self.held[index] = words[len(words) - keep :]
            yield from self._words(index, words[: len(words) - keep])

    def _words(self, index: int, text: str) -> Iterator[Event]:
        if text:
            yield TextDelta(index, text, self.index)

    def _let_go(self, index: int) -> Iterator[Event]:
        """Releases held text that turned out to be no stop sequence."""
        yield from self._words(index, self.held.pop(index, ""))

    def _end_part(self, event: PartEnd) -> Iterator[Event]:
        yield from self._let_go(event.index)
        if event.index in self.open:
            self.open.remove(event.index)
        if isinstance(event.part, Text) and first_sequence(event.part.text, self.limits.stop):
            event = altered(event, part=None)
        yield event

    def _stop(self, stop: Stop) -> Iterator[Event]:
        for index in self.open:
            yield PartEnd(index, choice=self.index)
        self.cut = stop
        self.ended = True
        yield Finish(stop, self.index)


_LENGTH = Stop(reason="length")


def first_sequence(text: str, sequences: Sequence[str]) -> tuple[int, str] | None:
    """Returns the stop sequence that completes first in `text`, and its beginning.

    Returns the longest of several, or None if there is none.
    """
    found = [
        (at + len(sequence), at, sequence)
        for sequence in sequences
        if (at := text.find(sequence)) >= 0
    ]
    if not found:
        return None
    _, at, sequence = min(found)
    return at, sequence


def unsure_end(text: str, sequences: Sequence[str]) -> int:
    """Returns how many final characters of `text` may begin a stop sequence."""
    for length in range(min(len(text), max(map(len, sequences), default=1) - 1), 0, -1):
        end = text[-length:]
        if any(len(one) > length and one.startswith(end) for one in sequences):
            return length
    return 0
