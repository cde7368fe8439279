"""Finds the session of an exchange, once."""

import hashlib

from switchyard.exchange.exchange import Exchange
from switchyard.exchange.http_messages import lower_items
from switchyard.policy.affinity import has_history
from switchyard.policy.affinity import session_of


def find_session(exchange: Exchange) -> str | None:
    """Returns the id of the client's session; None if nothing tells it. Finds it once."""
    if not exchange.sought:
        call = exchange.call
        found = session_of(lower_items(call.head.headers), call.format.unwrap(call.body))
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
