"""HTTP messages made of all their parts at once."""

import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from mitmproxy import http
from mitmproxy.net.http import status_codes

_AS_IS = "surrogateescape"
"""Headers may hold any bytes, and keep them."""
_LONGEST_KNOWN = 512
"""Characters of a URL from which on its parts are not remembered."""


def make_request(url: str, headers: Mapping[str, str], content: bytes) -> http.Request:
    """A POST to `url`. `headers` has names in lower case; host and length are added."""
    known = len(url) < _LONGEST_KNOWN  # models' names may be part of it
    scheme, host, port, path, netloc = _parts(url) if known else _parts.__wrapped__(url)
    named = {"host": netloc, "content-length": str(len(content)), **headers}
    now = time.time()
    return http.Request(
        host, port, b"POST", scheme, b"", path, b"HTTP/1.1", _fields(named), content, None, now, now
    )


def make_response(
    status: int, headers: Iterable[tuple[str, str]], content: bytes | None
) -> http.Response:
    """An answer with its length, or without `content` the head of one that is streamed.

    Of several headers with the same name (in lower case) the last one counts.
    """
    named = dict(headers)
    if content is not None:
        named["content-length"] = str(len(content))
    now = time.time()
    return http.Response(
        b"HTTP/1.1", status, _reason(status), _fields(named), content or b"", None, now, now
    )


def lower_name(field: bytes) -> str:
    """A header's name in lower case."""
    return field.decode("utf-8", _AS_IS).lower()


def lower_items(
    headers: http.Headers, name_of: Callable[[bytes], str] = lower_name
) -> dict[str, str]:
    """Headers by their names in lower case; repeated ones joined (RFC 9110, section 5.3).

    `name_of` gives those names, and nothing for what is left out.
    """
    found: dict[str, str] = {}
    for field, value in headers.fields:
        if key := name_of(field):
            text = value.decode("utf-8", _AS_IS)
            found[key] = f"{found[key]}, {text}" if key in found else text
    return found


@lru_cache(1024)
def _reason(status: int) -> bytes:
    return status_codes.RESPONSES.get(status, "").encode()


def _fields(headers: Mapping[str, str]) -> http.Headers:
    return http.Headers(
        [
            (name.encode("utf-8", _AS_IS), value.encode("utf-8", _AS_IS))
            for name, value in headers.items()
        ]
    )


@lru_cache(4096)
def _parts(url: str) -> tuple[bytes, str, int, bytes, str]:
    made = http.Request.make("POST", url).data
    return made.scheme, made.host, made.port, made.path, urlsplit(url).netloc
