"""Builds HTTP messages from all their parts at once."""

import re
import time
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from functools import lru_cache
from itertools import compress
from operator import itemgetter
from urllib.parse import urlsplit

from mitmproxy import http
from mitmproxy.net.http import status_codes

from switchyard.protocols.header_fields import headers_of
from switchyard.values.remembering import remembering

_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_CONTROL_BYTES = re.compile(_CONTROLS.pattern.encode())

_name_in = itemgetter(0)
_AS_IS = "surrogateescape"
"""Preserves any bytes in headers."""
_LONGEST_KNOWN = 512
"""Characters of a URL from which on its parts are not cached."""


def make_request(url: str, headers: Mapping[str, str], content: bytes) -> http.Request:
    """Returns a POST to `url`.

    `headers` has names in lower case; host and length are added.
    """
    known = len(url) < _LONGEST_KNOWN  # models' names may be part of it
    scheme, host, port, path, netloc = _parts(url) if known else _parts.__wrapped__(url)
    named = {"host": netloc, "content-length": str(len(content)), **headers}
    now = time.time()
    # Without `__init__`, which converts what is of another type.
    request = http.Request.__new__(http.Request)
    request.data = http.RequestData(
        http_version=b"HTTP/1.1",
        headers=_fields(named),
        content=content,
        trailers=None,
        timestamp_start=now,
        timestamp_end=now,
        host=host,
        port=port,
        method=b"POST",
        scheme=scheme,
        authority=b"",
        path=path,
    )
    return request


def make_response(
    status: int, headers: Iterable[tuple[str, str]], content: bytes | None
) -> http.Response:
    """Returns a complete response, or without `content` the head of a streamed one.

    A complete one has its length. Of several headers with the same name (in lower case) the last
    one counts.
    """
    named = dict(headers)
    if content is not None:
        named["content-length"] = str(len(content))
    now = time.time()
    response = http.Response.__new__(http.Response)
    response.data = http.ResponseData(
        http_version=b"HTTP/1.1",
        headers=_fields(named),
        content=content or b"",
        trailers=None,
        timestamp_start=now,
        timestamp_end=now,
        status_code=status,
        reason=_reason(status),
    )
    return response


def lower_name(field: bytes) -> str:
    """Returns a header's name in lower case."""
    return field.decode("utf-8", _AS_IS).lower()


def lower_items(
    headers: http.Headers, name_of: Callable[[bytes], str] = lower_name
) -> dict[str, str]:
    """Returns headers by lower-case name; repeated ones joined (RFC 9110, 5.3).

    `name_of` gives the names, and an empty one for a header to leave out.
    """
    found: dict[str, str] = {}
    repeated: dict[str, list[str]] = {}
    fields = headers.fields
    names = [*map(name_of, map(_name_in, fields))]
    # Most are left out by most who ask: those cost no step of Python.
    for key, (_, value) in zip(filter(None, names), compress(fields, names), strict=True):
        text = value.decode("utf-8", _AS_IS)
        if key not in found:
            found[key] = text
        elif key in repeated:
            repeated[key].append(text)
        else:
            repeated[key] = [found[key], text]
    for key, texts in repeated.items():
        found[key] = ", ".join(texts)
    return found


def only(names: Collection[str]) -> Callable[[bytes], str]:
    """Returns a `name_of` for `lower_items` that leaves all other headers out."""

    @remembering
    def name_of(field: bytes) -> str:
        name = lower_name(field)
        return name if name in names else ""

    return name_of


def clean_value(value: str) -> str:
    """Returns a header's value without control characters (RFC 9110, section 5.5).

    Each line break, NUL and other control character becomes a space; none is left at an end.
    """
    if value.isprintable():
        return value
    return _CONTROLS.sub(" ", value).strip(" \t")


def clean_bytes(value: bytes) -> bytes:
    """Does the work of `clean_value` on the bytes of a head."""
    return _CONTROL_BYTES.sub(b" ", value).strip(b" \t")


@lru_cache(1024)
def _reason(status: int) -> bytes:
    return status_codes.RESPONSES.get(status, "").encode()


@remembering
def _name(name: str) -> bytes:
    return name.encode("utf-8", _AS_IS)


def _fields(headers: Mapping[str, str]) -> http.Headers:
    values = headers.values()
    joined = "".join(values)
    # Nearly all values are clean and of ASCII, which saves a look at each.
    if joined.isascii() and joined.isprintable():
        return headers_of(tuple(zip(map(_name, headers), map(str.encode, values), strict=True)))
    return headers_of(
        tuple(
            (_name(name), clean_value(value).encode("utf-8", _AS_IS))
            for name, value in headers.items()
        )
    )


@lru_cache(4096)
def _parts(url: str) -> tuple[bytes, str, int, bytes, str]:
    made = http.Request.make("POST", url).data
    return made.scheme, made.host, made.port, made.path, urlsplit(url).netloc


HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
}
"""Headers that concern one connection only (RFC 9110, section 7.6.1)."""


def own_headers(headers: http.Headers) -> Iterator[tuple[bytes, bytes]]:
    """Yields the headers that pass between a client and its own destination.

    Either way, the headers of the connection and the router's own (`x-switchyard-*`) are left out.
    """
    named = {name.strip().lower() for name in headers.get("connection", "").split(",")}
    for field, value in headers.fields:
        name = field.decode("latin-1").lower()
        if name not in HOP_BY_HOP and name not in named and not name.startswith("x-switchyard-"):
            yield field, clean_bytes(value)
