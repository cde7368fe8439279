"""mitmproxy's messages and options without the checks that cost more than what they check.

Python leaves out the first of them itself where it runs optimised (`-O`). The methods of headers do
what they did, by an index that is made once for each set of fields.
"""

from collections.abc import Callable
from copy import deepcopy
from functools import lru_cache
from typing import Any

from mitmproxy.http import Headers
from mitmproxy.http import MessageData
from mitmproxy.net.http import url
from mitmproxy.optmanager import _Option
from mitmproxy.optmanager import unset

_UNCHANGING = (bool, int, str, type(None))

type Index = dict[bytes, list[bytes]]


def lighten() -> None:
    """Put the light methods in place, for the whole process."""
    MessageData.__post_init__ = _take_for_granted  # type: ignore
    methods: dict[str, Callable[..., Any]] = {
        "__getitem__": _getitem,
        "__contains__": _contains,
        "get": _get,
        "get_all": _get_all,
    }
    for name, method in methods.items():
        setattr(Headers, name, method)
    _Option.current = _current  # type: ignore
    url.parse_authority = lru_cache(1024)(url.parse_authority)


def _take_for_granted(data: MessageData) -> None:
    """In place of a look at every field's type: it is right, or mitmproxy has a bug."""


def _current(option: _Option) -> Any:
    """An option's value. mitmproxy copies it for every reader, as one may change a list."""
    value = option._default if option.value is unset else option.value
    return value if type(value) in _UNCHANGING else deepcopy(value)


def _index(headers: Headers) -> Index:
    """The values by name in lower case. Every change of headers makes their fields anew."""
    known: dict[str, Any] = headers.__dict__  # type: ignore
    fields = headers.fields
    if known.get("_indexed") is fields:
        return known["_index"]
    index: Index = {}
    for name, value in fields:
        index.setdefault(name.lower(), []).append(value)
    known.update(_indexed=fields, _index=index)
    return index


@lru_cache(2048)
def _key(name: str | bytes) -> bytes:
    if isinstance(name, str):
        name = name.encode("utf-8", "surrogateescape")
    return name.lower()


def _values(headers: Headers, name: str | bytes) -> list[bytes] | None:
    return _index(headers).get(_key(name))


def _getitem(headers: Headers, name: str | bytes) -> str:
    values = _values(headers, name)
    if values is None:
        raise KeyError(name)
    return b", ".join(values).decode("utf-8", "surrogateescape")


def _contains(headers: Headers, name: object) -> bool:
    return isinstance(name, str | bytes) and _values(headers, name) is not None


def _get(headers: Headers, name: str | bytes, default: Any = None) -> Any:
    values = _values(headers, name)
    if values is None:
        return default
    return b", ".join(values).decode("utf-8", "surrogateescape")


def _get_all(headers: Headers, name: str | bytes) -> list[str]:
    values = _values(headers, name)
    return [value.decode("utf-8", "surrogateescape") for value in values or ()]
