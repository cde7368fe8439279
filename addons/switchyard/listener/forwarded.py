"""Finds the client of a request that a trusted reverse proxy passed on.

A header counts only if the connection comes from one of `trusted-proxies`. The client is then the
right-most address of the header that is not such a proxy itself: each proxy appends the address
that it was called from, and what stands to the left of a stranger was written by that stranger.
Sources: RFC 7239, 5.2 and 7.4 (`Forwarded`); MDN, "X-Forwarded-For", "Selecting an IP address".
"""

import re
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address
from ipaddress import IPv6Address
from ipaddress import ip_address

from mitmproxy import connection
from mitmproxy import http
from mitmproxy.proxy import mode_specs

from switchyard.config.web_access import TrustedNetworks

type Peer = connection.Client | ForwardedClient
"""Who sent a request: the client of its connection, or one behind a trusted proxy."""

FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
"""Headers of proxies: the client of a request with one of them is not on this machine."""

_MOST_HOPS = 32
_LONGEST = 4096
"""Characters of a header; longer ones name nobody."""

_FOR = re.compile(r'(?:^|[;,\s])for=(?:"([^"]*)"|([^;,\s]*))', re.IGNORECASE)
_HOP = re.compile(r"\[([0-9a-fA-F:.]+)\](?::\d+)?|([0-9.]+)(?::\d+)?|([0-9a-fA-F:.]+)")
_BEHIND = "_switchyard_peer"
"""The attribute of a flow that keeps its forwarded client. mitmproxy does not save it."""

_MODES = mode_specs.RegularMode | mode_specs.ReverseMode | mode_specs.UpstreamMode
"""Modes in which a reverse proxy calls the router by its address."""


@dataclass(frozen=True, slots=True)
class ForwardedClient:
    """A client behind a trusted proxy. It never counts as one on this machine."""

    id: str
    """That of the proxy's connection."""
    peername: tuple[str, int]
    """Its address, and the port 0; the proxy's own where the header names none."""
    proxy_mode: mode_specs.ProxyMode


def peer_of(flow: http.HTTPFlow) -> Peer:
    """Returns who sent a request, once `note_peer` was called."""
    return vars(flow).get(_BEHIND) or flow.client_conn


def note_peer(flow: http.HTTPFlow, trusted: TrustedNetworks) -> bool:
    """Looks for a client behind a trusted proxy; returns whether there is one."""
    if not trusted:
        return False
    found = client_behind(flow.client_conn, flow.request.headers, trusted)
    if found is None:
        return False
    vars(flow)[_BEHIND] = found
    return True


def client_behind(
    client: connection.Client, headers: http.Headers, trusted: TrustedNetworks
) -> ForwardedClient | None:
    """Returns the client whose request a connection passes on; None if it is the connection's."""
    if not is_trusted(client, trusted) or not isinstance(client.proxy_mode, _MODES):
        return None
    if not any(name in headers for name in FORWARDED):
        return None
    address = client.peername[0]
    for hop in _hops(headers):
        if hop is None:
            break  # what is to the left of a hop without an address has no known writer
        address = str(hop)
        if not _is_among(hop, trusted):
            break
    return ForwardedClient(client.id, (address, 0), client.proxy_mode)


def is_trusted(client: connection.Client, trusted: TrustedNetworks) -> bool:
    """Whether a connection comes from a trusted proxy; never known of a Unix socket."""
    if not trusted or not client.peername:
        return False
    address = _parsed(str(client.peername[0]).partition("%")[0])
    return address is not None and _is_among(address, trusted)


def _is_among(address: IPv4Address | IPv6Address, networks: TrustedNetworks) -> bool:
    return any(address in network for network in networks)


def _hops(headers: http.Headers) -> Iterator[IPv4Address | IPv6Address | None]:
    """Returns the addresses of a header from the right; None for a hop that has none.

    `X-Forwarded-For` counts over `Forwarded`: most proxies write only the former, and pass on the
    latter as the client sent it.
    """
    if "x-forwarded-for" in headers:
        named = _split(headers.get_all("x-forwarded-for"))
    else:
        named = _named_by_rfc(headers.get_all("forwarded"))
    for number, hop in enumerate(reversed(named)):
        yield _address(hop) if number < _MOST_HOPS else None


def _split(values: Iterable[str]) -> list[str]:
    whole = ",".join(values)
    return [hop.strip() for hop in whole.split(",")] if len(whole) <= _LONGEST else [""]


def _named_by_rfc(values: Iterable[str]) -> list[str]:
    """Returns the `for` of each element of `Forwarded`; empty text where it has none."""
    elements = _split(values)
    found = (_FOR.search(element) for element in elements)
    return [(one[1] or one[2] or "") if one else "" for one in found]


def _address(hop: str) -> IPv4Address | IPv6Address | None:
    found = _HOP.fullmatch(hop)
    return _parsed(found[1] or found[2] or found[3]) if found else None


@lru_cache(maxsize=1024)
def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
