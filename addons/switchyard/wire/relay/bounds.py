"""Limits how much of one upstream response the router reads and keeps."""

from collections.abc import Sequence
from dataclasses import dataclass

from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import TextDelta

MOST_CALLS = 4096
"""Tool calls of one answer."""
MOST_CHOICES = 1024
"""Choices of one answer; OpenAI's `n` goes to 128."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of one response, in bytes."""

    body: int = 256 * 1024 * 1024
    """Of an answer that is kept whole: JSON, or a stream that becomes JSON."""
    held_back: int = 16_000_000
    """Of a stream before its answer commits, and of what comes of which nothing can be said yet."""
    tool_call: int = 16_000_000
    """Arguments of one tool call, in characters."""


USUAL = Bounds()
"""The bounds where no configuration says others."""


class Exceeded(ValueError):
    """Raised for a response beyond its bounds; the text names the bound."""


class Gauge:
    """Measures one upstream stream. Call `frame` for each of its frames."""

    __slots__ = ("_bounds", "_calls", "_choices", "_held", "_silent", "_sizes", "_total", "words")

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._sizes: dict[tuple[int, int], int] = {}
        """Of the arguments of each call, by its choice and place."""
        self._calls = 0
        self._choices: set[int] = set()
        self._held = 0
        self._silent = 0
        """Bytes since the last that meant anything."""
        self._total = 0
        self.words = 0
        """Characters of text and of tools' arguments."""

    def frame(self, size: int, events: Sequence[Event], kept: bool) -> None:
        """Counts a frame of `size` bytes that was read as `events`.

        `kept` says whether the whole response is kept in memory, instead of everything but text.
        Raises Exceeded.
        """
        bounds = self._bounds
        self._silent = 0 if events else self._silent + size
        if self._silent > bounds.held_back:
            raise _says_nothing(bounds)
        for event in events:
            kind = type(event)
            if kind is TextDelta:
                self.words += len(event.text)  # type: ignore
            elif kind is ArgumentsDelta:
                self.words += len(event.text)  # type: ignore
                self._add(event.choice, event.index, len(event.text))  # type: ignore
            elif kind is PartStart:
                self._begin(event)  # type: ignore
            kept = kept or kind is not TextDelta
        if kept:
            self._total += size
            if self._total > bounds.body:
                raise Exceeded(f"the response is larger than {bounds.body} bytes")

    def hold(self, size: int) -> None:
        """Counts a frame that the client may not see yet. Raises Exceeded."""
        self._held += size
        if self._held > self._bounds.held_back:
            raise _says_nothing(self._bounds)

    def _begin(self, event: PartStart) -> None:
        self._choices.add(event.choice)
        if len(self._choices) > MOST_CHOICES:
            raise Exceeded(f"the response has more than {MOST_CHOICES} choices")
        if isinstance(event.part, ToolCall):
            self._calls += 1
            if self._calls > MOST_CALLS:
                raise Exceeded(f"the response has more than {MOST_CALLS} tool calls")
            self._add(event.choice, event.index, len(event.part.arguments))

    def _add(self, choice: int, index: int, size: int) -> None:
        place = choice, index
        size += self._sizes.get(place, 0)
        self._sizes[place] = size
        if size > self._bounds.tool_call:
            raise Exceeded(f"a tool call is larger than {self._bounds.tool_call} bytes")


def _says_nothing(bounds: Bounds) -> Exceeded:
    return Exceeded(f"{bounds.held_back} bytes of the stream carry no output")
