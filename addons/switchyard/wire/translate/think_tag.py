"""Turns thinking between tags in a reply's text into thinking parts.

Models such as DeepSeek R1, Qwen and MiniMax M2 write `<think>...</think>` before their reply, and
servers that do not separate it pass it on as text (vLLM's guide "Reasoning outputs"; MiniMax's
guide "OpenAI compatible API"). Only a tag at the beginning counts; a later one is text. If the
model's template opens the thinking itself (DeepSeek R1, Qwen3 Thinking), a reply begins within it,
and has only the closing tag.
"""

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

from switchyard.values.records import altered
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.events import CitationDelta
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import is_output
from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import unfold
from switchyard.wire.translate.by_choice import ByChoice
from switchyard.wire.translate.limits import unsure_end


class ThinkingTag:
    """Extracts the thinking from the texts of one attempt; see `stages.Stage`."""

    over = False

    def __init__(self, tag: str, opened: bool = False) -> None:
        """Takes `tag` without brackets, as `think`; `opened`: replies begin within it."""
        self._choices = ByChoice(lambda index: _Choice(index, f"<{tag}>", f"</{tag}>", opened))

    @property
    def changed(self) -> bool:
        return any(choice.found for choice in self._choices.states.values())

    def feed(self, events: Sequence[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            choice = self._choices.of(event)
            if choice is None:
                out.append(event)
                continue
            out += choice.take(event)
        return out


def untagged(parts: Sequence[Part], tag: str) -> tuple[Part, ...]:
    """Returns the parts of a reply with tagged thinking in parts of its own."""
    reply = Reply(format="", choices=(Choice(parts=tuple(parts)),))
    return fold("", ThinkingTag(tag).feed(unfold(reply))).choices[0].parts


@dataclass(slots=True)
class _Choice:
    """One choice, whose first text is `first`.

    The text after its thinking gets the next index, and all later parts move up by one.
    """

    index: int
    open: str
    close: str
    opened: bool
    """Whether the prompt ends with the opening tag, so the reply has only the closing one."""
    begun: bool = False
    """Whether the response began without the tag."""
    found: bool = False
    """Whether it began with the tag."""
    first: PartStart | None = None
    inside: bool = False
    thinks: bool = False
    """Whether the thinking part has begun; empty thinking gets no part."""
    speaks: bool = False
    """Whether the text part after the thinking has begun."""
    held: str = ""
    thought: set[int] = field(default_factory=set)
    """Indexes of thinking parts before the first text."""

    def take(self, event: Event) -> Iterator[Event]:
        match event:
            case PartStart(part=Text(text=text)) if self._is_plain(text):
                self.begun = True
                yield event
            case PartStart(part=Text(text=text) as part) if not self.begun and self.first is None:
                self.first = altered(event, part=altered(part, text=""))
                yield from self._words(text)
            case TextDelta(text=text) if self._is_first(event):
                yield from self._words(text)
            case PartEnd() if self._is_first(event):
                yield from self._end_first(event)
            case CitationDelta() if self._is_first(event):
                if not self.inside:
                    yield from self._speak()
                    yield self._moved(event)
            case Finish():
                if self.first is not None and not self.begun:
                    yield from self._end_first(PartEnd(self.first.index, choice=self.index))
                yield event
            case _:
                if self.first is None:
                    self._note(event)
                yield self._moved(event)

    def _note(self, event: Event) -> None:
        """Records a part before the first text."""
        if isinstance(event, PartStart) and isinstance(event.part, Thinking):
            self.thought.add(event.index)
        elif is_output(event) and getattr(event, "index", None) not in self.thought:
            self.begun = True

    def _tags(self) -> tuple[str, ...]:
        """Returns the tags with which the first text may begin."""
        if self.thought:
            return (self.close,)  # a server that removed the thinking left it
        return (self.open, self.close) if self.opened else (self.open,)

    def _is_plain(self, text: str) -> bool:
        """Whether a first text with this beginning follows thinking and has no tag."""
        return self.first is None and bool(self.thought) and not self._may_begin(text)

    def _may_begin(self, text: str) -> bool:
        """Whether a text with this beginning may begin with a tag."""
        start = text.lstrip()
        return any(start.startswith(tag) or tag.startswith(start) for tag in self._tags())

    def _is_first(self, event: Event) -> bool:
        first = self.first
        return not self.begun and first is not None and getattr(event, "index", -1) == first.index

    def _words(self, text: str) -> Iterator[Event]:
        """Adds to the first text."""
        assert self.first is not None
        self.held += text
        if not self.found:
            start = self.held.lstrip()
            tag = next((one for one in self._tags() if start.startswith(one)), "")
            if not tag and self._may_begin(start):
                return
            if not tag and (self.thought or not self.opened):
                yield from self._begin_plainly()
                return
            self.found, self.inside = True, tag != self.close
            self.held = start[len(tag) :]
        if self.inside:
            yield from self._think()
        if not self.inside and self.found:
            if not self.speaks:
                self.held = self.held.lstrip()
            if self.held:
                yield from self._speak()
                yield TextDelta(self.first.index + 1, self.held, self.index)
                self.held = ""

    def _begin_plainly(self) -> Iterator[Event]:
        """Begins a response without a tag; all further events pass unchanged."""
        assert self.first is not None
        self.begun = True
        yield self.first
        if self.held:
            yield TextDelta(self.first.index, self.held, self.index)
        self.held = ""

    def _think(self) -> Iterator[Event]:
        if not self.thinks:
            self.held = self.held.lstrip()
        words, tag, rest = self.held.partition(self.close)
        if tag:
            self.inside, self.held = False, rest
            yield from self._thought(words.rstrip())
            if self.thinks:
                assert self.first is not None
                yield PartEnd(self.first.index, choice=self.index)
            return
        # White space before the closing tag belongs to the tag.
        sure = words[: len(words) - unsure_end(words, (self.close,))].rstrip()
        self.held = words[len(sure) :]
        yield from self._thought(sure)

    def _thought(self, words: str) -> Iterator[Event]:
        assert self.first is not None
        if words and not self.thinks:
            self.thinks = True
            yield PartStart(self.first.index, Thinking(), self.index)
        if words:
            yield TextDelta(self.first.index, words, self.index)

    def _speak(self) -> Iterator[Event]:
        assert self.first is not None
        if not self.speaks:
            self.speaks = True
            yield altered(self.first, index=self.first.index + 1)

    def _end_first(self, event: PartEnd) -> Iterator[Event]:
        """Ends the first text, however much of it has arrived."""
        assert self.first is not None
        if not self.found:
            yield from self._begin_plainly()
            yield event
            return
        if self.inside:  # without a closing tag, the model did not reach its reply
            yield from self._thought(self.held.rstrip())
            self.inside, self.held = False, ""
            if self.thinks:
                yield PartEnd(self.first.index, choice=self.index)
        elif self.speaks:
            yield PartEnd(self.first.index + 1, choice=self.index)
        self.begun = True

    def _moved(self, event: Event) -> Event:
        """Returns an event of a later part under its new index."""
        index = getattr(event, "index", None)
        if index is None or not self.found or self.first is None or index < self.first.index:
            return event
        return altered(event, index=index + 1)  # type: ignore[call-arg]
