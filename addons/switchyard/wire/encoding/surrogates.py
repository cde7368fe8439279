"""Replaces halves of surrogate pairs in JSON, which providers refuse.

Clients written in JavaScript cut texts between the halves of a character, and write what is left as
an escape. Anthropic answers it with "The request body is not valid JSON: no low surrogate in
string" (anthropics/claude-code#2108 and dozens like it), in every later turn of the conversation
too. RFC 8259, section 8.2: what becomes of such a text is unpredictable.
"""

import re

_ESCAPED = re.compile(
    rb"(?<!\\)((?:\\\\)*)"  # escaped backslashes, after which an escape begins
    rb"(?:(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_REPLACEMENT = rb"\ufffd"
"""The replacement character, as JavaScript's `toWellFormed()` has it; as long as what it replaces.
"""


def with_whole_pairs(data: bytes) -> bytes:
    """Returns JSON with U+FFFD for each half of a pair; `data` itself if it has none."""
    if b"\\ud" not in data and b"\\uD" not in data:
        return data
    return _ESCAPED.sub(_whole, data)


def _whole(found: re.Match[bytes]) -> bytes:
    return found[0] if found[2] else found[1] + _REPLACEMENT
