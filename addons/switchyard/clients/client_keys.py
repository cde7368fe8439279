"""Drops client keys from requests that pass on: they are for the router alone."""

import re
from collections.abc import Iterator
from urllib.parse import unquote_plus
from urllib.parse import unquote_to_bytes

from mitmproxy import http

from switchyard.clients.key_table import KeyTable
from switchyard.clients.keys import proxy_credentials

_BETWEEN = re.compile(rb"[\s=;,\"]+")
"""What stands between the parts of a header's value: cookies, parameters, lists."""
_PAIRS = re.compile("[&;]")


def drop_client_keys(request: http.Request, keys: KeyTable) -> None:
    """Remove headers and members of the query that are one of `keys`.

    All else passes unchanged: a client that passes through may have its own login besides.
    """
    if not keys:
        return
    headers = request.headers
    kept = tuple(field for field in headers.fields if not any(map(keys.holds, _parts(field[1]))))
    if len(kept) < len(headers.fields):
        headers.fields = kept
    path, mark, query = request.path.partition("?")
    if mark:
        pairs = _PAIRS.split(query)
        left = [pair for pair in pairs if not _shows(pair, keys)]
        if len(left) < len(pairs):
            request.path = f"{path}?{'&'.join(left)}" if left else path


def _parts(value: bytes) -> Iterator[bytes]:
    """Yield what may be a key in a header's value.

    The value, what follows its scheme, the parts of a cookie or a list, and the content of `Basic`
    (RFC 7617) or `Bearer`.
    """
    yield value
    yield value.partition(b" ")[2].strip()
    for part in _BETWEEN.split(value):
        yield part
        if b"%" in part:
            yield unquote_to_bytes(part)
    for part in proxy_credentials(value.decode("utf-8", "surrogateescape")):
        yield part.encode("utf-8", "surrogateescape")


def _shows(pair: str, keys: KeyTable) -> bool:
    value = pair.partition("=")[2]
    return keys.holds(unquote_plus(value).encode("utf-8", "surrogateescape"))
