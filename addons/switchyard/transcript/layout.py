"""Lays out a transcript: headings, indentation, numbers."""

import json
from collections.abc import Iterable

from switchyard.wire.encoding.jsonio import loads

_WIDTH = 72
_INDENT = "  "


def heading(text: str) -> str:
    """A line that begins a section."""
    return f"── {text} ".ljust(_WIDTH, "─")


def indented(text: str) -> str:
    return "\n".join(_INDENT + line if line else "" for line in text.split("\n"))


def one_line(text: str, longest: int) -> str:
    """The text's first words on one line, at most `longest` characters."""
    line = " ".join(text[: longest * 4].split())
    cut = len(line) > longest or len(text) > longest * 4
    return f"{line[: longest - 1].rstrip()}…" if cut else line


def joined(facts: Iterable[str]) -> str:
    return " · ".join(fact for fact in facts if fact)


def number(value: int) -> str:
    return f"{value:,}"


def size(count: int) -> str:
    """A number of bytes as people say it."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def pretty(value: object) -> str:
    """JSON with a line for each member."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def pretty_text(text: str) -> str:
    """Indent text that is JSON (a tool's arguments, a result); keep any other text."""
    if text[:1] not in ("{", "["):
        return text
    try:
        return pretty(loads(text))
    except (ValueError, RecursionError):
        return text
