"""Keeps clients' credentials out of flows, and so out of views, dumps and exports."""

import re
from urllib.parse import unquote_plus

from mitmproxy import http
from pydantic import SecretStr

from addons.endpoints import find_foreign_endpoint
from addons.exchange import ClientHead
from addons.headers import is_credential
from addons.remembering import remembering
from addons.runtime import Runtime

MASK = "***"
_MASKED = MASK.encode()
_SCHEMES = (b"basic", b"bearer")
_PAIRS = re.compile("([&;])")
"""What stands between the members of a query; `;` is what old servers read (HTML 4.01, B.2.2)."""


class Masking:
    """Masks the credential of every request that is answered or routed here before anything else
    sees the flow but `Access`; `Exchanges.head_of` still has it for those who need it.

    What passes through, to a provider's own address or to anybody's by plain HTTP, keeps it until
    it was sent.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if flow.is_replay:
            return  # what is sent again has been masked
        runtime, request = self._runtime, flow.request
        if not runtime.is_own(flow) and not (
            runtime.serves(request) and find_foreign_endpoint(request) is not None
        ):
            return
        runtime.exchanges.keep_head(
            flow, ClientHead(http.Headers(request.headers.fields), request.path)
        )
        mask_credentials(request)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        self._mask_sent(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        self._mask_sent(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._mask_sent(flow)

    def _mask_sent(self, flow: http.HTTPFlow) -> None:
        if not self._runtime.exchanges.has_head(flow):
            mask_credentials(flow.request)


def mask_credentials(request: http.Request) -> None:
    """Take the client's credential out of a request that is kept for people to look at."""
    headers = request.headers
    if any(_tells(name) for name, _ in headers.fields):
        headers.fields = tuple(
            (name, _masked(value) if _tells(name) else value) for name, value in headers.fields
        )
    path, mark, query = request.path.partition("?")
    if mark and (masked := _masked_query(query)) != query:
        request.path = f"{path}?{masked}"


@remembering
def _tells(name: bytes) -> bool:
    """Whether a header tells who the client is."""
    return is_credential(name.decode("utf-8", "surrogateescape").lower())


def _masked_query(query: str) -> str:
    """A query without what tells who the client is; all else as it is spelt."""
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


def client_credential(head: ClientHead) -> SecretStr | None:
    """The key a client came with: `Authorization: Bearer`, `x-api-key`, `x-goog-api-key` or the
    query's `key`, whichever it has."""
    scheme, _, token = head.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return SecretStr(token.strip())
    for name in ("x-api-key", "x-goog-api-key"):
        if key := head.headers.get(name):
            return SecretStr(key)
    key = head.query_key if "?" in head.path else None
    return SecretStr(key) if key else None
