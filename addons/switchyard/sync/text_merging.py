"""Merges two versions of a YAML text, so that comments and forms of both stay where they can."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from switchyard.config.editing.pieces import NotEditable
from switchyard.config.editing.splicing import spliced


def merged_text(base: str, mine: str, theirs: str, wanted: Mapping[str, Any]) -> str:
    """Return a text with the values of `wanted`, which are merged from those of the texts.

    Lines are merged first. Where both changed the same ones, those of `mine` stay and the values
    that differ are written anew. Raises NotEditable if that cannot be done.
    """
    lines = merged_lines(*(one.splitlines(keepends=True) for one in (base, mine, theirs)))
    try:
        return spliced("".join(lines), wanted)
    except NotEditable:
        return spliced(mine, wanted)


def merged_lines(base: Sequence[str], mine: Sequence[str], theirs: Sequence[str]) -> list[str]:
    """Merge lines as diff3 does; of those that both changed differently, `mine` stay."""
    merged: list[str] = []
    ends = (0, 0, 0)
    for start, length in _common(base, mine, theirs):
        old, own, other = (
            list(side[end:begin])
            for side, end, begin in zip((base, mine, theirs), ends, start, strict=True)
        )
        merged += other if own == old else own
        merged += base[start[0] : start[0] + length]
        ends = (start[0] + length, start[1] + length, start[2] + length)
    return merged


def _common(
    base: Sequence[str], mine: Sequence[str], theirs: Sequence[str]
) -> Iterator[tuple[tuple[int, int, int], int]]:
    """Yield the runs of lines that all three have: their places and length, at last the end."""
    ours = SequenceMatcher(None, base, mine, autojunk=False).get_matching_blocks()
    others = SequenceMatcher(None, base, theirs, autojunk=False).get_matching_blocks()
    at = to = 0
    while at < len(ours) and to < len(others):
        one, other = ours[at], others[to]
        start = max(one.a, other.a)
        end = min(one.a + one.size, other.a + other.size)
        if start < end:
            yield (start, one.b + start - one.a, other.b + start - other.a), end - start
        if one.a + one.size <= other.a + other.size:
            at += 1
        else:
            to += 1
    yield (len(base), len(mine), len(theirs)), 0
