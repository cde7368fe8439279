"""Decides by name which headers and parameters identify their sender."""

import re
from functools import lru_cache

_NAMES = frozenset(
    {
        "authorization",
        "cookie",
        "set-cookie",
        "proxy-authorization",
        "openai-organization",
        "openai-project",
        "chatgpt-account-id",
        "x-goog-user-project",
        "x-goog-authenticated-user-id",
        "x-session",
        "session",
        "sid",
        "cf-access-client-id",
    }
)
_WORDS = frozenset(
    "apikey assertion auth authentication authenticator authorization bearer bypass cert "
    "certificate cookie credential credentials creds csrf jwt macaroon oidc otp passcode "
    "passphrase passwd password pin saml secret sig signature sso ticket xsrf".split()
)
"""Words anywhere in a name."""
_LAST = frozenset({"key", "token", "accesstoken", "authtoken", "idtoken", "pass", "pwd", "session"})
"""Words at the end of a name."""
_HARMLESS = frozenset(
    {"idempotency-key", "x-idempotency-key", "sec-websocket-key", "prompt-cache-key", "cache-key",
     "x-prompt-cache-key", "surrogate-key", "accept-signature", "x-auth-scheme"}
)  # fmt: skip
_BETWEEN = re.compile(r"[-_.]")
_LONGEST = 64
"""Characters of a name that is remembered; clients and servers may send any."""


def is_credential_name(name: str) -> bool:
    """Whether a header or parameter (name in lower case) identifies its sender.

    Covers the names that clients, gateways, clouds and proxies use.
    """
    return _is_known(name) if len(name) <= _LONGEST else _is_one(name)


@lru_cache(1024)
def _is_known(name: str) -> bool:
    return _is_one(name)


def _is_one(name: str) -> bool:
    if name in _NAMES:
        return True
    if name in _HARMLESS:
        return False
    words = [word for word in _BETWEEN.split(name) if word]
    if not words:
        return False
    return words[-1] in _LAST or not _WORDS.isdisjoint(words) or name.startswith(_OF_IDENTITY)


_OF_IDENTITY = ("x-amzn-oidc-", "x-ms-token-", "x-ms-client-principal", "x-forwarded-access-token")
