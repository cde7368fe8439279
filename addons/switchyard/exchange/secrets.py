"""Collects the secrets of one exchange, and removes them from output."""

import re
from collections.abc import Iterable
from heapq import nlargest

from switchyard.exchange.client_head import ClientHead
from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.http_messages import lower_items
from switchyard.redaction.concealing import Concealer
from switchyard.redaction.concealing import is_random
from switchyard.redaction.headers import is_credential
from switchyard.values.records import altered
from switchyard.wire.model.errors import ApiError

NOTHING = Concealer(())
"""Conceals nothing."""

MOST_OF_CLIENT = 64
"""Secrets taken from a client's head at most.

More than the cookies that browsers send to one host (RFC 6265, 6.1).
"""

_TOKEN = re.compile(r"[\w.~+/=:-]{16,}", re.ASCII)
"""The form of client values that count as secrets.

Without it, clients could choose which texts are removed.
"""


def concealer_of(exchange: Exchange, state: AttemptState | None = None) -> Concealer:
    """Returns a concealer of all secrets of an exchange.

    It knows every configured key and secret header, the client's credentials, and the key of the
    attempt `state`, or else of the exchange's shown attempt.
    """
    call, state = exchange.call, state or exchange.shown
    known = exchange.routes.concealer if exchange.routes is not None else NOTHING
    # Each secret costs one search of every text, hence the bound.
    found = set(nlargest(MOST_OF_CLIENT, set(_of_client(call.head)), key=len))
    if call.credential is not None:
        found.add(call.credential.get_secret_value())
    named = f"{call.model} {call.head.path.partition('?')[0]}"
    more = {one for one in found - known.secrets if _is_secret(one) and one not in named}
    if state is not None and state.key is not None and state.key != call.credential:
        more |= {state.key.get_secret_value()} - known.secrets
    return known.joined(Concealer(more)) if more else known


def answering(state: AttemptState) -> Concealer:
    """Returns a concealer of the secrets that the attempt's answer must not contain.

    It conceals nothing if the client's own destination answers, which knows only the client's
    secrets.
    """
    target, routes = state.target, state.exchange.routes
    if routes is None or target.kind == "passthrough":
        return NOTHING
    return routes.concealer_at(target.provider.name)


def _is_secret(value: str) -> bool:
    return _TOKEN.fullmatch(value) is not None and is_random(value)


def _of_client(head: ClientHead) -> Iterable[str]:
    for name, value in lower_items(head.headers).items():
        if name == "cookie":
            yield from (pair.partition("=")[2].strip() for pair in value.split(";"))
        elif is_credential(name) and name not in ("openai-organization", "openai-project"):
            yield value.partition(" ")[2].strip() or value


def scrubbed(state: AttemptState, error: ApiError) -> ApiError:
    """Returns an error without configured keys, secret headers and client secrets.

    Providers quote the requests they receive, and may have received one from another provider.
    """
    secrets = concealer_of(state.exchange, state)
    raw = str(error.raw) if error.raw else ""
    if secrets.text(error.message) == error.message and secrets.text(raw) == raw:
        return error

    def masked(text: str | None) -> str | None:
        return text and secrets.text(text)

    return altered(
        error,
        message=masked(error.message) or "",
        type=masked(error.type),
        code=masked(error.code),
        param=masked(error.param),
        request_id=masked(error.request_id),
        raw={},
    )
