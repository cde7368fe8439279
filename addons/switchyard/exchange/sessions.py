"""Finds the session of an exchange, once."""

import hashlib
from collections.abc import Mapping

from switchyard.exchange.exchange import Exchange
from switchyard.exchange.http_messages import lower_items
from switchyard.exchange.http_messages import only
from switchyard.policy.affinity import SESSION_HEADERS
from switchyard.policy.affinity import has_history
from switchyard.policy.affinity import session_of

_session_name = only(SESSION_HEADERS)


def find_session(exchange: Exchange, headers: Mapping[str, str] | None = None) -> str | None:
    """Returns the id of the client's session; None if nothing tells it. Finds it once.

    `headers` are those of its head by lower-case name, or at least those that may name a session.
    Who does not have them leaves them out.
    """
    if not exchange.sought:
        call = exchange.call
        if headers is None:
            headers = lower_items(call.head.headers, _session_name)
        found = session_of(headers, call.format.unwrap(call.body))
        exchange.sought = True
        if found is not None:
            exchange.session, exchange.by_opening = found.id, found.source == "opening"
    return exchange.session


def begins_session(exchange: Exchange) -> bool:
    """Whether a request begins a conversation that only its opening words tell from others."""
    call = exchange.call
    return exchange.by_opening and not has_history(call.format.unwrap(call.body))


def cache_key_of(session: str) -> str:
    """Returns a session's `prompt_cache_key`, which does not give its id away."""
    digest = hashlib.blake2b(session.encode(errors="surrogatepass"), digest_size=16)
    return digest.hexdigest()
