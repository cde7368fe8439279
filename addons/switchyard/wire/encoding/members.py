"""Takes typed members out of JSON objects of any content."""

from math import isfinite
from typing import Any

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject


def rest(source: JsonObject, *known: str) -> JsonObject:
    """The members of `source` the model has no name for."""
    if len(source) <= len(known) and all(key in known for key in source):
        return EMPTY
    return {key: value for key, value in source.items() if key not in known}


def text_of(value: Any) -> str:
    """`value` if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def text_or_none(value: Any) -> str | None:
    """`value` if it is a text, be it empty, else None."""
    return value if isinstance(value, str) else None


def int_of(value: Any) -> int | None:
    """A count; None where it is none. Protocol buffers write 64-bit integers as text."""
    if isinstance(value, str) and value.lstrip("-").isdecimal():
        return int(value)
    return whole_of(value)


def whole_of(value: Any) -> int | None:
    """A count or index that is a number; None where it is none. Some write integers as floats."""
    if isinstance(value, float):
        return int(value) if isfinite(value) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def number_of(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def object_of(value: Any) -> JsonObject:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else EMPTY


def objects_of(value: Any) -> list[JsonObject]:
    """Return the objects of a list, or one object as a list of one; else none.

    Google's servers take one object for a list of one.
    """
    if isinstance(value, dict):
        return [value]
    return [x for x in value if isinstance(x, dict)] if isinstance(value, list) else []


def first_object(value: Any) -> JsonObject | None:
    """An object, or the first of a list (some gateways wrap errors in one); None if it is none."""
    while isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, dict) else None
