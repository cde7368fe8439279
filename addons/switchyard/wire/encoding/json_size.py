"""Counts the values of a JSON text before it is parsed.

An empty object takes two bytes in a text and seventy in memory: the cost of a body depends on the
number of its values as much as on its size.
"""

import re

from switchyard.values.searching import count_rare

_GAP = 65_536
"""Bytes outside of strings that are looked at at once."""
_STRINGS = re.compile(rb'(?:[^"]{0,%d}+"[^"\\]*+(?:\\.[^"\\]*+)*+"){1,256}+' % _GAP, re.DOTALL)
"""Strings, each with what precedes it; so many at once that others get their turn between."""
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_LEAST = 2
"""Bytes that a value takes at least, with the comma before it."""


def has_more_values(text: bytes, most: int) -> bool:
    """Whether a JSON text has more than `most` elements, members and containers.

    Takes time by the size of the text, and for most texts next to none.
    """
    if len(text) <= _LEAST * most or _signs(text) <= most:
        return False
    # Some of them may stand in strings.
    count = at = 0
    while at < len(text) and count <= most:
        if strings := _STRINGS.match(text, at):
            count += _signs(_STRING.sub(b"", strings.group()))
            at = strings.end()
        else:
            count += _signs(text[at : at + _GAP])
            at += _GAP
    return count > most


def _signs(text: bytes) -> int:
    """Each value but the first of all is behind one of these."""
    return count_rare(text, b",") + count_rare(text, b"[") + count_rare(text, b"{")
