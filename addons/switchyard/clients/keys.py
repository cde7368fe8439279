"""Finds the client key that a client sends."""

import base64

from pydantic import SecretStr

from switchyard.exchange.client_head import ClientHead


def proxy_credentials(header: str) -> list[str]:
    """Yield what may be a key in a `Proxy-Authorization`.

    The token of `Bearer`, or the password and the user of `Basic` (RFC 7617), which
    `HTTPS_PROXY=http://any:KEY@host:port` makes clients send.
    """
    scheme, _, rest = header.partition(" ")
    match scheme.lower():
        case "bearer":
            return [rest.strip()]
        case "basic":
            try:
                decoded = base64.b64decode(rest.strip(), validate=True).decode()
            except ValueError:
                return []
            user, _, password = decoded.partition(":")
            return [text for text in (password, user) if text]
    return []


def client_credential(head: ClientHead) -> SecretStr | None:
    """Return the client's credential.

    `Authorization: Bearer`, `x-api-key`, `x-goog-api-key` or the query's `key`, whichever is there.
    """
    scheme, _, token = head.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return SecretStr(token.strip())
    for name in ("x-api-key", "x-goog-api-key"):
        if key := head.headers.get(name):
            return SecretStr(key)
    key = head.query_key if "?" in head.path else None
    return SecretStr(key) if key else None
