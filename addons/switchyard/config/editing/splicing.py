"""Changes a YAML text into one with other values, with one small splice after another.

What does not change keeps its bytes: comments, order, anchors, quotes, blank lines. Comments
directly above an item of a list move with it; those of something that is removed stay.
"""

import re
from collections.abc import Mapping
from typing import Any

from switchyard.config.editing.matching import matched
from switchyard.config.editing.matching import same
from switchyard.config.editing.pieces import NotEditable
from switchyard.config.editing.pieces import TextPiece
from switchyard.config.editing.pieces import read_pieces
from switchyard.config.editing.pieces import read_plain
from switchyard.config.editing.rendering import render_block
from switchyard.config.editing.rendering import render_entry
from switchyard.config.editing.rendering import render_flow

MOST_SPLICES = 2000

_DASH = re.compile(r"[ ]*-[ ]+")
_COMMENT = re.compile(r"[ ]*#")


def spliced(text: str, wanted: Mapping[str, Any]) -> str:
    """Returns the text with the values of `wanted`.

    Raises NotEditable if that cannot be done, such as for a key that comes with `<<` and shall go.
    """
    for _ in range(MOST_SPLICES):
        root, plain = read_pieces(text), read_plain(text)
        if same(plain or {}, wanted):
            return text
        if root is None or root.kind != "map" or root.flow:
            text = render_block(dict(wanted), 0) + "\n"
            continue
        step = _Step(text)
        step.map(root, plain, wanted)
        if step.result is None or step.result == text:
            break
        text = step.result
    raise NotEditable("it has anchors or forms that only an editor can change")


class _Step:
    """Finds the first difference and makes one splice, whose text is `result`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.result: str | None = None

    def _put(self, start: int, end: int, new: str) -> bool:
        self.result = self.text[:start] + new + self.text[end:]
        return True

    def value(self, piece: TextPiece, old: object, new: object) -> bool:
        """Makes a splice within a value; returns whether there was a difference."""
        if same(old, new):
            return False
        if self._lacks_braces(piece):
            return self._replace(piece, new)
        if piece.kind == "map" and isinstance(new, Mapping) and new and piece.entries:
            assert isinstance(old, Mapping)
            return self.map(piece, old, new)
        if piece.kind == "seq" and isinstance(new, list) and new and piece.items:
            assert isinstance(old, list)
            return self._seq(piece, old, new)
        return self._replace(piece, new)

    def _lacks_braces(self, piece: TextPiece) -> bool:
        """Whether a value is the single pair of a list in brackets, as `[a: 1]`."""
        return piece.kind == "map" and piece.flow and self.text[piece.end - 1] != "}"

    def map(self, piece: TextPiece, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Makes a splice within a mapping; returns whether there was a difference."""
        before: str | None = None
        for key, wanted in new.items():
            entry = piece.entry(key)
            if entry is None:
                if key in old and same(old[key], wanted):
                    continue  # it comes with `<<`
                return self._add_entry(piece, key, wanted, before)
            if self._is_replaced(entry[2], wanted):
                if not same(old[key], wanted):
                    return self._replace_entry(piece, entry, wanted)
            elif self.value(entry[2], old[key], wanted):
                return True
            before = key
        for key in old:
            if key not in new and piece.entry(key) is not None:
                return self._delete_entry(piece, key)
        return False

    def _is_replaced(self, piece: TextPiece, new: object) -> bool:
        """Whether a value of another kind takes the place of one."""
        if isinstance(new, Mapping):
            return piece.kind != "map" or not (piece.entries and new)
        if isinstance(new, list):
            return piece.kind != "seq" or not (piece.items and new)
        return piece.kind in ("map", "seq")

    def _replace(self, piece: TextPiece, new: object) -> bool:
        """Puts a value in the place of a scalar, an alias, or one in brackets."""
        lead = f"&{piece.anchor} " if piece.anchor and piece.kind != "alias" else ""
        if piece.start == piece.end and not self.text[: piece.start].endswith((" ", "\n")):
            lead = f" {lead}"
        if piece.flow or not isinstance(new, Mapping | list):
            return self._put(piece.start, piece.end, lead + render_flow(new))
        return self._put(piece.start, piece.end, lead + render_block(new, piece.column))

    def _replace_entry(
        self, piece: TextPiece, entry: tuple[str, TextPiece, TextPiece], new: object
    ) -> bool:
        key, at, value = entry
        if piece.flow:
            return self._replace(value, new)
        end = max(at.end, value.end, self._colon(at))
        return self._put(at.start, end, render_entry(key, new, at.column))

    def _colon(self, key: TextPiece) -> int:
        """Returns where a key's colon ends."""
        found = re.compile(r"\s*:").match(self.text, key.end)
        return found.end() if found else key.end

    def _delete_entry(self, piece: TextPiece, key: str) -> bool:
        index = next(at for at, one in enumerate(piece.entries) if one[0] == key)
        places = [(at.start, max(value.end, self._colon(at))) for _, at, value in piece.entries]
        return self._delete(piece, places, index, dashed=False)

    def _delete(
        self, piece: TextPiece, places: list[tuple[int, int]], index: int, dashed: bool
    ) -> bool:
        start, end = places[index]
        line = self._line_start(start)
        lead = self.text[line:start]
        alone = _DASH.fullmatch(lead) if dashed else not lead.strip()
        if not piece.flow and alone:
            return self._put(line, self._line_end(end), "")
        if index + 1 < len(places):
            return self._put(start, places[index + 1][0], "")
        if index:
            return self._put(places[index - 1][1], end, "")
        raise NotEditable("its only value cannot be removed")

    def _add_entry(self, piece: TextPiece, key: str, value: object, before: str | None) -> bool:
        first = piece.entries[0][1]
        entry = piece.entry(before) if before is not None else None
        if piece.flow:
            place = entry[2].end if entry else piece.entries[-1][2].end
            return self._put(place, place, f", {render_flow(key)}: {render_flow(value)}")
        entry = entry or piece.entries[-1]
        place = self._line_end(max(entry[2].end, self._colon(entry[1])))
        line = " " * first.column + render_entry(key, value, first.column) + "\n"
        apart = "\n" if first.column == 0 and isinstance(value, Mapping | list) else ""
        return self._put(place, place, self._newline(place) + apart + line)

    def _seq(self, piece: TextPiece, old: list[object], new: list[object]) -> bool:
        found = matched(old, new)
        places = [(one.start, one.end) for one in piece.items]
        for index in reversed(range(len(old))):
            if index not in found:
                if len(old) == 1:
                    return self._replace_items(piece, new)
                return self._delete(piece, places, index, dashed=True)
        order = [at for at in found if at is not None]
        if order != sorted(order):
            return self._reorder(piece, order)
        for place, at in enumerate(found):
            if at is None:
                return self._add_item(piece, new[place], place)
            if self.value(piece.items[at], old[at], new[place]):
                return True
        return False

    def _replace_items(self, piece: TextPiece, new: list[object]) -> bool:
        """Replaces the only item of a list by the first of others."""
        return self._replace(piece.items[0], new[0])

    def _add_item(self, piece: TextPiece, value: object, place: int) -> bool:
        if piece.flow:
            if place == 0:
                start = piece.items[0].start
                return self._put(start, start, f"{render_flow(value)}, ")
            end = piece.items[place - 1].end
            return self._put(end, end, f", {render_flow(value)}")
        first = piece.items[0].start
        line = self._line_start(first)
        lead = self.text[line:first]
        if not _DASH.fullmatch(lead):
            raise NotEditable("a list within a list can only be changed in an editor")
        at = self._line_end(piece.items[place - 1].end) if place else line
        written = lead + render_block(value, len(lead)) + "\n"
        return self._put(at, at, self._newline(at) + written)

    def _reorder(self, piece: TextPiece, order: list[int]) -> bool:
        places = (
            [(one.start, one.end) for one in piece.items]
            if piece.flow
            else [self._chunk(piece, index) for index in range(len(piece.items))]
        )
        parts: list[str] = []
        at = 0
        for (start, end), source in zip(places, order, strict=True):
            from_, to = places[source]
            parts += [self.text[at:start], self.text[from_:to]]
            at = end
        self.result = "".join(parts) + self.text[at:]
        return True

    def _chunk(self, piece: TextPiece, index: int) -> tuple[int, int]:
        """Returns the lines of an item, with the comments directly above it."""
        item = piece.items[index]
        start = self._line_start(item.start)
        if not _DASH.fullmatch(self.text[start : item.start]):
            raise NotEditable("a list within a list can only be changed in an editor")
        floor = self._line_end(piece.items[index - 1].end) if index else 0
        while start > floor:
            above = self._line_start(start - 1)
            if above < floor or not _COMMENT.match(self.text, above, start):
                break
            start = above
        return start, len(self.text[: self._line_end(item.end)].rstrip("\n"))

    def _line_start(self, place: int) -> int:
        return self.text.rfind("\n", 0, place) + 1

    def _line_end(self, place: int) -> int:
        """Returns where the line after that of a place begins."""
        found = self.text.find("\n", place)
        return len(self.text) if found < 0 else found + 1

    def _newline(self, place: int) -> str:
        return "" if place == 0 or self.text[place - 1] == "\n" else "\n"
