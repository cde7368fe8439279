"""Replaces parts of mitmproxy's messages, options and hooks by faster ones.

Left out are checks that cost more than they find; Python leaves out some of them itself where it
runs optimised (`-O`). The methods of headers do what they did, by an index that is made once for
each set of fields. What has many rules takes a short way for the most frequent messages, and all
rules for the others.
"""

import ipaddress
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields as fields_of
from functools import lru_cache
from os import urandom
from types import ModuleType
from types import SimpleNamespace
from typing import Any

from mitmproxy import connection
from mitmproxy import flow
from mitmproxy.addons import block
from mitmproxy.hooks import Hook
from mitmproxy.http import Headers
from mitmproxy.http import Message
from mitmproxy.http import MessageData
from mitmproxy.http import Request
from mitmproxy.http import Response
from mitmproxy.net.http import http1
from mitmproxy.net.http import url
from mitmproxy.net.http.http1 import read
from mitmproxy.optmanager import OptManager
from mitmproxy.optmanager import _Option
from mitmproxy.optmanager import unset
from mitmproxy.proxy import commands
from mitmproxy.proxy.layers import http
from mitmproxy.proxy.utils import expect
from mitmproxy.utils import human

from switchyard.values.remembering import LONGEST
from switchyard.values.remembering import remembering

_UNCHANGING = (bool, int, str, type(None))
_EXPECTING = expect()(lambda *_: None).__code__  # type: ignore
"""The code of what mitmproxy wraps the states of its layers in, to see that they meet no event of
another state."""

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
"""A header's name in lower case (RFC 9110, section 5.6.2)."""

_LONG = 20
"""Digits from which on a length is for mitmproxy to read: Python has a limit."""

type Index = dict[bytes, bytes]
"""Values by names in lower case; those of a repeated name joined (RFC 9110, section 5.3)."""


def lighten() -> None:
    """Put the light methods in place, for the whole process."""
    MessageData.__post_init__ = _take_for_granted  # type: ignore
    methods: dict[str, Callable[..., Any]] = {
        "__init__": _init,
        "__getitem__": _getitem,
        "__contains__": _contains,
        "get": _get,
        "get_all": _get_all,
    }
    for name, method in methods.items():
        setattr(Headers, name, method)
    _Option.current = _current  # type: ignore
    OptManager.__getattr__ = _option  # type: ignore
    url.parse_authority = _remembering(url.parse_authority)
    flow.uuid = connection.uuid = SimpleNamespace(uuid4=_random_id)  # type: ignore
    commands.StartHook.__new__ = _new  # type: ignore
    Hook.args = _arguments  # type: ignore
    for place in (read, http1, http):
        place.expected_http_body_size = _body_size  # type: ignore
    for place in (read, http1):
        place.connection_close = _closes  # type: ignore
    for place in (human, block):
        place.ipaddress = _Addresses()  # type: ignore
    read.raise_if_http_version_unknown = _check_version  # type: ignore
    http.validate_headers = _validate  # type: ignore
    for name, method in list(vars(http.HttpStream).items()):
        if getattr(method, "__code__", None) is _EXPECTING:
            setattr(http.HttpStream, name, method.__wrapped__)


class _Addresses(ModuleType):
    """`ipaddress`, remembering the last addresses: clients come from a few."""

    def __init__(self) -> None:
        super().__init__(ipaddress.__name__)
        self.__dict__.update(vars(ipaddress))
        self.ip_address = lru_cache(1024)(ipaddress.ip_address)


def _remembering(parse: Callable[..., Any]) -> Callable[..., Any]:
    """A function of an authority that remembers the short ones."""
    known = lru_cache(1024)(parse)

    def parsed(authority: str | bytes, check: bool) -> Any:
        return (known if len(authority) < LONGEST else parse)(authority, check)

    return parsed


def _take_for_granted(data: MessageData) -> None:
    """In place of a look at every field's type: it is right, or mitmproxy has a bug."""


def _option(options: OptManager, name: str) -> Any:
    option = options.__dict__["_options"].get(name)
    if option is None:
        raise AttributeError(f"No such option: {name}")
    value = option._default if option.value is unset else option.value
    return value if type(value) in _UNCHANGING else deepcopy(value)


def _current(option: _Option) -> Any:
    """Return an option's value; mitmproxy copies it for each reader.

    A reader may change a list.
    """
    value = option._default if option.value is unset else option.value
    return value if type(value) in _UNCHANGING else deepcopy(value)


Headers._indexed = None  # type: ignore  # of headers that have no index yet


def _index(headers: Headers) -> Index:
    """Return values by name. Every change of headers makes new fields."""
    fields = headers.fields
    if headers._indexed is fields:  # type: ignore
        return headers._index  # type: ignore
    names, values = zip(*fields, strict=True) if fields else ((), ())
    index: Index = dict(zip(map(bytes.lower, names), values, strict=True))
    if len(index) != len(fields):
        index = {}
        for name, value in fields:
            key = name.lower()
            index[key] = b"%b, %b" % (index[key], value) if key in index else value
    headers._indexed, headers._index = fields, index  # type: ignore
    return index


_MOST_KEYS = 2048


class _Keys(dict[str | bytes, bytes]):
    """Names as they are asked for, and as the index has them; a few, and short ones, alone."""

    def __missing__(self, name: str | bytes) -> bytes:
        key = (name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name).lower()
        if len(key) < LONGEST and len(self) < _MOST_KEYS:
            self[name] = key
        return key


_keys = _Keys()


# What follows is asked most often: the look at the index stands in each for a call.


def _get(headers: Headers, name: str | bytes, default: Any = None) -> Any:
    index = headers._index if headers._indexed is headers.fields else _index(headers)  # type: ignore
    value = index.get(_keys[name])
    return default if value is None else value.decode("utf-8", "surrogateescape")


def _contains(headers: Headers, name: object) -> bool:
    if not isinstance(name, str | bytes):
        return False
    index = headers._index if headers._indexed is headers.fields else _index(headers)  # type: ignore
    return _keys[name] in index


def _getitem(headers: Headers, name: str | bytes) -> str:
    value = _index(headers).get(_keys[name])
    if value is None:
        raise KeyError(name)
    return value.decode("utf-8", "surrogateescape")


def _get_all(headers: Headers, name: str | bytes) -> list[str]:
    key = _keys[name]
    if key not in _index(headers):
        return []
    values = [value for each, value in headers.fields if each.lower() == key]
    return [value.decode("utf-8", "surrogateescape") for value in values]


_init_with_care = Headers.__init__
_body_size_with_care = read.expected_http_body_size
_closes_with_care = read.connection_close
_check_version_with_care = read.raise_if_http_version_unknown
_validate_with_care = http.validate_headers


def _init(headers: Headers, fields: Any = (), **named: Any) -> None:
    if named or type(fields) not in (tuple, list):
        _init_with_care(headers, fields, **named)
        return
    for field in fields:
        if type(field) is not tuple or type(field[0]) is not bytes or type(field[1]) is not bytes:
            _init_with_care(headers, fields)
            return
    headers.fields = tuple(fields)


def _random_id() -> str:
    """Return the text of a random UUID (RFC 9562, 5.4), without the object."""
    digits = urandom(16).hex()
    variant = "89ab"[ord(digits[16]) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _new(kind: type[commands.StartHook], *_: Any, **__: Any) -> commands.StartHook:
    return object.__new__(kind)


def _arguments(hook: Hook) -> list[Any]:
    return [getattr(hook, name) for name in _names(type(hook))]


@lru_cache(256)
def _names(kind: type[Hook]) -> tuple[str, ...]:
    return tuple(field.name for field in fields_of(kind))  # type: ignore[arg-type]


def _body_size(request: Request, response: Response | None = None) -> int | None:
    """Return the length in the head, which nearly all have; others need all rules."""
    index = _index((response or request).data.headers)
    length = index.get(b"content-length")
    if (
        length is None
        or b"transfer-encoding" in index
        or request.data.method not in (b"POST", b"GET")
        or (response is not None and response.data.status_code != 200)
        or not length.isdigit()  # as that of several is not
        or length[0] == 48  # no number begins with 0 but that itself
    ):
        return _body_size_with_care(request, response)
    return int(length)


@remembering
def _is_name(name: bytes) -> bool:
    return _NAME.fullmatch(name) is not None


def _validate(message: Message) -> None:
    """Check what nearly all heads have; others by all rules."""
    headers = message.data.headers
    index = _index(headers)
    length = index.get(b"content-length", b"1")
    if (
        b"transfer-encoding" in index
        or len(index) != len(headers.fields)
        or not length.isdigit()
        or len(length) >= _LONG
        or length[0] == 48  # no number begins with 0 but that itself
        or not all(map(_is_name, index))
    ):
        _validate_with_care(message)


def _closes(http_version: str | bytes, headers: Headers) -> bool:
    """Whether a connection ends with a message."""
    wish = _index(headers).get(b"connection")
    if wish is None and http_version in ("HTTP/1.1", b"HTTP/1.1"):
        return False
    return False if wish == b"keep-alive" else _closes_with_care(http_version, headers)


def _check_version(version: bytes) -> None:
    if version != b"HTTP/1.1":
        _check_version_with_care(version)
