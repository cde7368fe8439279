"""Finds the client key that a client sends."""

import base64
from collections.abc import Iterator

from pydantic import SecretStr

from switchyard.exchange.client_head import ClientHead


def proxy_credentials(header: str) -> list[str]:
    """Return what may be a key in a `Proxy-Authorization` or `Authorization`.

    The token of `Bearer`, or the password and the user of `Basic` (RFC 7617), which
    `HTTPS_PROXY=http://any:KEY@host:port` makes clients send.
    """
    scheme, _, rest = header.partition(" ")
    match scheme.lower():
        case "bearer":
            return [token] if (token := rest.strip()) else []
        case "basic":
            try:
                decoded = base64.b64decode(rest.strip(), validate=True).decode()
            except ValueError:
                return []
            user, _, password = decoded.partition(":")
            return [text for text in (password, user) if text]
    return []


KEY_HEADERS = ("x-api-key", "x-goog-api-key", "api-key")
"""Headers that carry a key as it is: Anthropic's, Gemini's and Azure's."""


def client_credential(head: ClientHead) -> SecretStr | None:
    """Return the client's credential, as a provider may be sent it.

    `Authorization: Bearer`, one of `KEY_HEADERS` or the query's `key`, whichever is there.
    """
    scheme, _, token = head.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return SecretStr(token.strip())
    key = next(_plain_keys(head), None)
    return SecretStr(key) if key else None


def client_credentials(head: ClientHead) -> Iterator[str]:
    """Yield all that may be a client key: tools come with a login of their own besides.

    In the order in which they are looked at: those of `client_credential`, and password and user of
    `Authorization: Basic`, which Ollama's clients make of the address.
    """
    if "authorization" in head.headers:
        yield from proxy_credentials(head.headers["authorization"])
    yield from _plain_keys(head)


def _plain_keys(head: ClientHead) -> Iterator[str]:
    for name in KEY_HEADERS:
        if key := head.headers.get(name):
            yield key
    if "?" in head.path and (key := head.query_key):
        yield key
