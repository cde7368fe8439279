"""Masks credentials in headers."""

import re
from urllib.parse import unquote_plus

from mitmproxy import http

from switchyard.redaction.concealing import Concealer
from switchyard.redaction.credential_names import is_credential_name
from switchyard.values.remembering import remembering

MASK = "***"


_MASKED = MASK.encode()


_SCHEMES = (b"basic", b"bearer")


_PAIRS = re.compile("([&;])")
"""What stands between the members of a query; `;` is what old servers read (HTML 4.01, B.2.2)."""


MOST_NAMES = 1024
"""Names of headers that are remembered at most; servers and clients may send any."""


_TELLS_NOTHING = {"set-cookie", "proxy-authorization", "proxy-authenticate"}
"""Headers of any message whose value is always masked, besides credentials."""


def mask_credentials(request: http.Request) -> None:
    """Mask the client's credential in a request that is kept for display."""
    headers = request.data.headers
    if any(map(_tells, dict(headers.fields))):
        headers.fields = tuple(
            [(name, _masked(value) if _tells(name) else value) for name, value in headers.fields]
        )
    if b"?"[0] not in request.data.path:
        return
    path, mark, query = request.path.partition("?")
    if mark and (masked := _masked_query(query)) != query:
        request.path = f"{path}?{masked}"


@remembering
def _tells(name: bytes) -> bool:
    """Whether a header identifies the client."""
    return is_credential(name.decode("utf-8", "surrogateescape").lower())


def _masked_query(query: str) -> str:
    """Return the query with credentials masked; all else keeps its spelling."""
    return "".join(map(_masked_pair, _PAIRS.split(query)))


def _masked_pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    return f"{name}={MASK}" if value and _is_key(name) else f"{name}{equals}{value}"


@remembering
def _is_key(name: str) -> bool:
    """Whether a part of a query, as it is spelt there, is the client's key."""
    plain = unquote_plus(name).strip().lower()
    return plain == "key" or is_credential(plain)


def _masked(value: bytes) -> bytes:
    scheme = value.partition(b" ")[0]
    return scheme + b" " + _MASKED if scheme.lower() in _SCHEMES else _MASKED


def is_credential(name: str) -> bool:
    """Whether a header (name in lower case) identifies the client.

    Such a header must not reach a provider that the client did not mean it for.
    """
    return is_credential_name(name)


def mask_headers(headers: http.Headers, secrets: Concealer) -> http.Headers:
    """A copy of a message's headers with nothing secret in it."""
    fields = []
    for name, value in headers.items(multi=True):
        lower = name.lower()
        if lower in _TELLS_NOTHING:
            value = MASK
        elif is_credential(lower):
            scheme, _, rest = value.partition(" ")
            value = f"{scheme} {MASK}" if rest else MASK
        else:
            value = secrets.text(value)
        fields.append((secrets.text(name).encode(), value.encode("utf-8", "surrogateescape")))
    return http.Headers(fields)
