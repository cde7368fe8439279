"""Whether the holder of a key may call at all: not blocked, not expired, from where it may be."""

import time
from functools import lru_cache
from ipaddress import IPv4Address
from ipaddress import IPv6Address
from ipaddress import ip_address

from switchyard.config.client_keys import ClientKey
from switchyard.exchange.guard import Refused
from switchyard.listener.forwarded import Peer
from switchyard.wire.model.errors import ApiError

_FINAL = {"x-should-retry": "false"}


class KeyExpired(Refused):
    """The key was valid until lately."""


def check_holder(key: ClientKey, client: Peer, contact: str = "") -> None:
    """Raises Refused where a key may not be used: 401 once it expired, else 403."""
    if key.expires is not None and time.time() >= key.expires.timestamp():
        message = f"The key {key.label!r} expired on {key.expires:%Y-%m-%d %H:%M} ({_zone(key)})."
        raise KeyExpired(
            ApiError(message=ask(message, contact), kind="authentication", code="key_expired"),
            {"www-authenticate": "Bearer", **_FINAL},
        )
    if key.blocked:
        message = f"The key {key.label!r} is blocked."
        error = ApiError(message=ask(message, contact), kind="permission", code="key_blocked")
        raise Refused(error, _FINAL)
    if key.addresses and not is_among(client, key):
        message = f"The key {key.label!r} may not be used from this address."
        error = ApiError(message=ask(message, contact), kind="permission", code="address")
        raise Refused(error, _FINAL)


def may_use(key: ClientKey, client: Peer) -> bool:
    """Whether a key may be used at present."""
    try:
        check_holder(key, client)
    except Refused:
        return False
    return True


def is_among(client: Peer, key: ClientKey) -> bool:
    """Whether a client calls from one of a key's addresses; never known of a Unix socket."""
    found = _address(client.peername[0]) if client.peername else None
    return found is not None and any(found in network for network in key.addresses)


def ask(message: str, contact: str) -> str:
    """Returns a message with whom to ask, where that is known."""
    return f"{message} Ask {contact}." if contact else message


@lru_cache(maxsize=1024)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def _zone(key: ClientKey) -> str:
    assert key.expires is not None
    return key.expires.tzname() or "UTC"
