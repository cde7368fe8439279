"""Changes one member of a JSON object in its text; all other bytes stay unchanged.

A passthrough must not lose what parsing and serialising would: integers beyond 64 bits, the
spelling of numbers, repeated keys, white space.
"""

import re
from functools import lru_cache
from typing import Any

from switchyard.values.searching import find_rare
from switchyard.values.searching import has_rare
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps

# Longest runs first: an alternative a character is several times slower.
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKENS = re.compile(_STRING + rb"|[{}\[\]]", re.DOTALL)
_ENDS = re.compile(rb"\s*}")
_VALUE = rb"\s*:\s*(" + _STRING + rb"|true|false|null)"


def splice(raw: bytes, body: JsonObject, changes: JsonObject) -> bytes:
    """Return `raw`, which parses to `body`, with these top-level members set.

    A text or truth value that exists is replaced in place, a missing member is put in front. Where
    the text does not show for certain which of several places is the top-level one, the object is
    serialised anew.
    """
    for key, value in changes.items():
        if body.get(key) == value and type(body.get(key)) is type(value):
            continue
        found = _replace(raw, body, key, value)
        if found is None:
            return dumps({**body, **changes})
        raw = found
    return raw


def _replace(raw: bytes, body: JsonObject, key: str, value: Any) -> bytes | None:
    name = dumps(key)
    if key not in body:
        inside = raw.find(b"{") + 1
        comma = b"" if _ENDS.match(raw, inside) else b","
        new = b"%b:%b%b" % (name, dumps(value), comma)
        return _with(raw, inside, inside, new)
    if not isinstance(body[key], str | bool | None):
        return None
    places = _places_of(name)
    first = find_rare(raw, name)
    # The one place there is may be a nested one, where the top-level key is spelled with escapes.
    if (
        first < 0
        or has_rare(raw, name, first + len(name))
        or any(has_rare(raw, escape) for escape in _escapes_of(key))
    ):
        place = _top_level(raw, places)
    else:
        place = places.match(raw, first)
    if place is None:
        return None
    return _with(raw, place.start(1), place.end(1), dumps(value))


def _with(raw: bytes, start: int, end: int, new: bytes) -> bytes:
    """Returns the text with `new` from `start` to `end`; its parts are copied once."""
    view = memoryview(raw)
    return b"".join((view[:start], new, view[end:]))


@lru_cache(64)
def _escapes_of(key: str) -> frozenset[bytes]:
    """Returns prefixes of all escapes that a text can spell some of the key's characters with.

    Most escapes are of other characters: text outside of ASCII, by `json.dumps` of Python.
    """
    if not (key.isascii() and key.isidentifier()):
        return frozenset({b"\\u"})
    return frozenset(b"\\u00%x" % (code >> 4) for code in key.encode())


@lru_cache(64)
def _places_of(name: bytes) -> re.Pattern[bytes]:
    """What the places of a member look like, given its name in quotes."""
    return re.compile(re.escape(name) + _VALUE, re.DOTALL)


def _top_level(raw: bytes, places: re.Pattern[bytes]) -> re.Match[bytes] | None:
    """Return which of several places is a member of the outermost object.

    None if that member is spelled another way, or occurs twice.
    """
    found: list[re.Match[bytes]] = []
    depth = 0
    for token in _TOKENS.finditer(raw):
        first = token.group()[0]
        if first in b"{[":
            depth += 1
        elif first in b"}]":
            depth -= 1
        elif depth == 1 and (place := places.match(raw, token.start())):
            found.append(place)
    return found[0] if len(found) == 1 else None
