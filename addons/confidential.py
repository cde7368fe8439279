"""What must not be told: the secrets of one exchange, and how they are taken out of what is."""

from collections.abc import Iterable
from heapq import nlargest

from mitmproxy import http

from addons.exchange import ClientHead
from addons.exchange import Exchange
from addons.headers import is_credential
from addons.masking import MASK
from addons.messages import lower_items

SHORTEST = 6
"""Characters; what is shorter is no secret, and would be found everywhere."""

MOST_OF_CLIENT = 64
"""Secrets that a client's head has at most; more cookies than browsers send to one host (RFC 6265,
6.1)."""

_TELLS_NOTHING = {"set-cookie", "proxy-authorization", "proxy-authenticate"}
"""Headers of any message whose value is always masked, besides credentials."""


def secrets_of(exchange: Exchange) -> list[str]:
    """Every key and secret header that is configured, and what the client came with; the longest
    first, so that none leaves the rest of another behind."""
    found = {s.get_secret_value() for s in (exchange.key, exchange.credential) if s is not None}
    if exchange.routes is not None:
        found.update(exchange.routes.secrets)
    # What is masked is looked for once for each of them.
    found.update(nlargest(MOST_OF_CLIENT, set(_of_client(exchange.head)), key=len))
    return sorted((s for s in found if len(s) >= SHORTEST), key=len, reverse=True)


def _of_client(head: ClientHead) -> Iterable[str]:
    for name, value in lower_items(head.headers).items():
        if name == "cookie":
            yield from (pair.partition("=")[2].strip() for pair in value.split(";"))
        elif is_credential(name) and name not in ("openai-organization", "openai-project"):
            yield value.partition(" ")[2].strip() or value


def without(secrets: Iterable[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def without_bytes(secrets: Iterable[str], data: bytes) -> bytes:
    for secret in secrets:
        data = data.replace(secret.encode("utf-8", "surrogateescape"), MASK.encode())
    return data


def mask_headers(headers: http.Headers, secrets: Iterable[str]) -> http.Headers:
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
            value = without(secrets, value)
        fields.append((name.encode(), value.encode("utf-8", "surrogateescape")))
    return http.Headers(fields)
