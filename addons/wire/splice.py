"""Changing one member of a JSON object in its text, so that all other bytes stay as they are.

A passthrough must not lose what parsing and serialising would: integers beyond 64 bits, the
spelling of numbers, repeated keys, white space.
"""

import re
from collections.abc import Mapping

from addons.wire.jsonio import JsonObject
from addons.wire.jsonio import dumps

_VALUE = rb'\s*:\s*("(?:[^"\\]|\\.)*"|true|false|null)'


def splice(raw: bytes, body: JsonObject, changes: Mapping[str, str | bool]) -> bytes:
    """`raw`, which parses to `body`, with these top-level members set.

    A member that is there is replaced where it stands, a missing one is put in front. Where the
    text does not tell for certain which of several places is the top-level one, the object is
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


def _replace(raw: bytes, body: JsonObject, key: str, value: str | bool) -> bytes | None:
    name = dumps(key)
    if key not in body:
        brace = raw.find(b"{")
        rest = raw[brace + 1 :]
        comma = b"" if rest.lstrip().startswith(b"}") else b","
        return b"".join([raw[: brace + 1], name, b":", dumps(value), comma, rest])
    places = re.compile(re.escape(name) + _VALUE, re.DOTALL)
    first = places.search(raw)
    if first is None or places.search(raw, first.end()) is not None:
        return None
    # The one place may still stand in a nested object, when the top-level key is spelled with
    # escapes or its value is of another type.
    if not isinstance(body[key], str | bool | None) or b"\\u" in raw[: first.start()]:
        return None
    return raw[: first.start(1)] + dumps(value) + raw[first.end(1) :]
