"""Reads where each value of a YAML text stands, so that one can be changed and all else kept."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.events import Event
from ruamel.yaml.events import MappingEndEvent
from ruamel.yaml.events import MappingStartEvent
from ruamel.yaml.events import ScalarEvent
from ruamel.yaml.events import SequenceEndEvent
from ruamel.yaml.events import SequenceStartEvent

from switchyard.config.problems import KeyPath

_COLON = re.compile(r"\s*:")


class NotEditable(ValueError):
    """A text that cannot be changed piece by piece; the message says why."""


@dataclass(eq=False, slots=True)
class TextPiece:
    """A value: its place in the text, and the values within it."""

    kind: Literal["map", "seq", "scalar", "alias"]
    start: int
    """Where it begins, with its anchor."""
    end: int
    """Where its content ends; comments after it are not part of it."""
    column: int
    flow: bool = False
    """Whether it is written in brackets, or within such a value."""
    anchor: str | None = None
    entries: "list[tuple[str, TextPiece, TextPiece]]" = field(default_factory=list)
    """The keys of a mapping, each with the places of key and value."""
    items: "list[TextPiece]" = field(default_factory=list)

    def entry(self, key: str) -> "tuple[str, TextPiece, TextPiece] | None":
        """Returns an entry of a mapping by its key."""
        return next((one for one in self.entries if one[0] == key), None)


def read_pieces(text: str) -> TextPiece | None:
    """Returns the root of a text; None for a text without a value. Raises NotEditable."""
    try:
        events: list[Event] = [
            one
            for one in YAML(typ="safe", pure=True).parse(text)
            if isinstance(
                one,
                AliasEvent
                | ScalarEvent
                | MappingStartEvent
                | MappingEndEvent
                | SequenceStartEvent
                | SequenceEndEvent,
            )
        ]
    except (YAMLError, RecursionError):
        raise NotEditable("it is not valid YAML") from None
    if not events:
        return None
    return _Builder(text, events).value(within_flow=False)


def read_plain(text: str) -> Any:
    """Returns the values of a text as JSON knows them, `${NAME}` as it stands. Raises NotEditable.

    Values that JSON has not, such as dates, are their text.
    """
    try:
        return _plain(YAML(typ="safe", pure=True).load(text))
    except (YAMLError, RecursionError, ValueError):
        raise NotEditable("it is not valid YAML") from None


def scalars(piece: TextPiece, path: KeyPath = ()) -> Iterator[tuple[KeyPath, TextPiece]]:
    """Yields all scalars below a value with their paths, in the order of the text."""
    if piece.kind == "scalar":
        yield path, piece
    for key, _, value in piece.entries:
        yield from scalars(value, (*path, key))
    for index, item in enumerate(piece.items):
        yield from scalars(item, (*path, index))


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


class _Builder:
    """Builds the tree of pieces from the events of the parser."""

    def __init__(self, text: str, events: list[Event]) -> None:
        self._text = text
        self._events = iter(events)

    def value(self, within_flow: bool) -> TextPiece:
        return self._of(next(self._events), within_flow)

    def _of(self, event: Any, within_flow: bool) -> TextPiece:
        start, column = event.start_mark.index, event.start_mark.column
        end = event.end_mark.index
        anchor = getattr(event, "anchor", None)
        match event:
            case AliasEvent():
                return TextPiece("alias", start, end, column, within_flow, anchor)
            case ScalarEvent():
                end = start + len(self._text[start:end].rstrip())
                return TextPiece("scalar", start, end, column, within_flow, anchor)
            case MappingStartEvent():
                flow = within_flow or bool(event.flow_style)
                piece = TextPiece("map", start, end, column, flow, anchor)
                self._fill_map(piece)
            case _:
                flow = within_flow or bool(event.flow_style)
                piece = TextPiece("seq", start, end, column, flow, anchor)
                self._fill_seq(piece)
        return piece

    def _fill_map(self, piece: TextPiece) -> None:
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._of(event, piece.flow)
            if key.kind != "scalar":
                raise NotEditable("a key of it is no plain text")
            name = self._text[key.start : key.end]
            text = str(getattr(event, "value", name))
            value = self.value(piece.flow)
            if value.kind == "scalar" and value.start >= value.end:
                # The parser reports nothing at the next thing there is.
                found = _COLON.match(self._text, key.end)
                value.start = value.end = found.end() if found else key.end
            piece.entries.append((text, key, value))
        self._close(piece, event, [value for _, _, value in piece.entries])

    def _fill_seq(self, piece: TextPiece) -> None:
        while not isinstance(event := next(self._events), SequenceEndEvent):
            item = self._of(event, piece.flow)
            if item.kind == "scalar" and item.start >= item.end and not piece.flow:
                item.start = item.end = self._text.rfind("-", 0, item.start) + 1
            piece.items.append(item)
        self._close(piece, event, piece.items)

    def _close(self, piece: TextPiece, event: Event, inner: list[TextPiece]) -> None:
        if piece.flow:
            piece.end = event.end_mark.index
        elif inner:
            piece.end = max(one.end for one in inner)
