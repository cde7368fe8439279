"""Replaces halves of surrogate pairs in JSON, which providers refuse.

Clients written in JavaScript cut texts between the halves of a character, and write what is left as
an escape. Anthropic answers it with "The request body is not valid JSON: no low surrogate in
string" (anthropics/claude-code#2108 and dozens like it), in every later turn of the conversation
too. RFC 8259, section 8.2: what becomes of such a text is unpredictable.
"""

import re

_BACKSLASH = ord("\\")

_ESCAPED = re.compile(
    rb"\\u[dD](?:[89abAB][0-9a-fA-F]{2}(\\u[dD][c-fC-F][0-9a-fA-F]{2})?|[c-fC-F][0-9a-fA-F]{2})"
)
"""Matches a half with the other one, if that follows. It begins with plain text, so that a body of
megabytes takes a few milliseconds, not hundreds."""

_REPLACEMENT = rb"\ufffd"
"""The replacement character, as JavaScript's `toWellFormed()` has it; as long as what it replaces.
"""


def with_whole_pairs(data: bytes) -> bytes:
    """Returns JSON with U+FFFD for each half of a pair; `data` itself if it has none."""
    if b"\\ud" not in data and b"\\uD" not in data:
        return data
    pieces: list[bytes] = []
    kept = place = 0
    while found := _ESCAPED.search(data, place):
        start = found.start()
        if _is_escaped(data, start):
            place = start + 1
        elif found[1]:
            place = found.end()
        else:
            pieces += [data[kept:start], _REPLACEMENT]
            kept = place = found.end()
    return b"".join([*pieces, data[kept:]]) if pieces else data


def _is_escaped(data: bytes, place: int) -> bool:
    """Whether the backslash at a place is the second one of an escaped backslash."""
    first = place
    while first and data[first - 1] == _BACKSLASH:
        first -= 1
    return bool((place - first) % 2)
