"""Reads and writes JSON: fast where possible, tolerant of lenient providers.

`orjson` is several times faster than the standard library, but refuses what real streams contain
now and then (NaN, half a surrogate pair split over two deltas) and turns integers above 64 bits
into floats. Both directions therefore fall back to the standard library instead of failing.
"""

import json
import re
from math import isfinite
from typing import Any
from typing import Never

import orjson

type JsonObject = dict[str, Any]


class _Empty(dict[str, Any]):
    """An object that stays empty, hence hashable and fit for a field's default."""

    def _refuse(self, *_: Any, **__: Any) -> Never:
        raise TypeError("the shared empty object cannot be written to")

    __setitem__ = setdefault = update = __ior__ = _refuse  # pyright: ignore
    __hash__ = object.__hash__  # pyright: ignore


_FIRST_ROUNDED = 2.0**63
_LONG_TEXT = re.compile(r"\d{19}", re.ASCII)
"""As many digits as an integer of more than 64 bits has at least."""
_LONG_BYTES = re.compile(rb"\d{19}")
_SOON_SEARCHED = 4096
"""Bytes up to which a text is searched sooner than its values are looked at."""

EMPTY: JsonObject = _Empty()
"""Shared default for `extra` fields."""


def loads(data: bytes | str) -> Any:
    """Parse one JSON document. Raises ValueError when it is none."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        if isinstance(data, bytes):
            data = data.decode("utf-8", "replace")
        try:
            return json.loads(data)
        except RecursionError as e:
            raise ValueError("JSON is nested too deeply") from e
        except json.JSONDecodeError:
            raise
        except ValueError as e:
            raise ValueError("a number has too many digits") from e


def dumps(value: Any) -> bytes:
    """Serialise to compact UTF-8 JSON, keeping the order of keys.

    A number that JSON cannot say (NaN, 1e400) is null.
    """
    try:
        return orjson.dumps(value)
    except (TypeError, ValueError):
        try:
            return _dumps(value)
        except ValueError:
            return _dumps(_finite(value))


def _dumps(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        # A lone surrogate has no UTF-8 form; JSON can still say it as an escape.
        return json.dumps(value, separators=(",", ":")).encode()


def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {key: _finite(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
        case float() if not isfinite(value):
            return None
    return value


def loads_object(data: bytes | str) -> JsonObject | None:
    """Parse a JSON object; None when the text is not JSON or is another type of value."""
    try:
        value = loads(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def exact(value: Any, data: bytes | str) -> Any:
    """Return `value`, parsed from `data`, with integers of more than 64 bits as integers.

    `loads` reads these as floats, which is of no account but in the arguments of tools. `value`
    itself where there are none.
    """
    if len(data) < _SOON_SEARCHED and not (
        _LONG_BYTES if isinstance(data, bytes) else _LONG_TEXT
    ).search(data):  # type: ignore[arg-type]
        return value
    if not _holds_rounded(value):
        return value
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return value


def _holds_rounded(value: Any) -> bool:
    """Whether a float may stand for an integer of more than 64 bits."""
    open_values = [value]
    while open_values:
        match open_values.pop():
            case float() as number if abs(number) >= _FIRST_ROUNDED:
                return True
            case dict() as members:
                open_values.extend(members.values())
            case list() as entries:
                open_values.extend(entries)
    return False
