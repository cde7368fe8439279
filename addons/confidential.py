"""What must not be told: the secrets of one exchange, and how they are taken out of what is."""

import re
from collections.abc import Iterable
from heapq import nlargest

from mitmproxy import http

from addons.exchange import ClientHead
from addons.exchange import Exchange
from addons.headers import is_credential
from addons.masking import MASK
from addons.messages import lower_items
from addons.policy.concealing import Concealer
from addons.policy.concealing import is_random

NOTHING = Concealer(())
"""Where nobody looks."""

MOST_OF_CLIENT = 64
"""Secrets that a client's head has at most; more cookies than browsers send to one host (RFC 6265,
6.1)."""

_TELLS_NOTHING = {"set-cookie", "proxy-authorization", "proxy-authenticate"}
"""Headers of any message whose value is always masked, besides credentials."""

_TOKEN = re.compile(r"[\w.~+/=:-]{16,}", re.ASCII)
"""What of a client's is taken for a secret: clients would choose else what is taken out."""


def concealer_of(exchange: Exchange) -> Concealer:
    """Knows every key and secret header that is configured, and what the client came with."""
    known = exchange.routes.concealer if exchange.routes is not None else NOTHING
    # What is masked is looked for once for each of them.
    found = set(nlargest(MOST_OF_CLIENT, set(_of_client(exchange.head)), key=len))
    if exchange.credential is not None:
        found.add(exchange.credential.get_secret_value())
    named = f"{exchange.model} {exchange.head.path.partition('?')[0]}"
    more = {one for one in found - known.secrets if _is_secret(one) and one not in named}
    if exchange.key is not None and exchange.key != exchange.credential:
        more |= {exchange.key.get_secret_value()} - known.secrets
    return known.joined(Concealer(more)) if more else known


def answering(exchange: Exchange) -> Concealer:
    """Knows what the running attempt's answer may not tell the client; nothing where the client's
    own destination answers, which knows the client's own secrets alone."""
    target = exchange.target
    if target is None or exchange.routes is None or target.kind == "passthrough":
        return NOTHING
    return exchange.routes.concealer_at(target.provider.name)


def _is_secret(value: str) -> bool:
    return _TOKEN.fullmatch(value) is not None and is_random(value)


def _of_client(head: ClientHead) -> Iterable[str]:
    for name, value in lower_items(head.headers).items():
        if name == "cookie":
            yield from (pair.partition("=")[2].strip() for pair in value.split(";"))
        elif is_credential(name) and name not in ("openai-organization", "openai-project"):
            yield value.partition(" ")[2].strip() or value


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
