"""Decides whether a request is for the router itself or for a host behind it."""

import ipaddress
import socket
from collections.abc import Collection

from mitmproxy import http
from mitmproxy.proxy import mode_specs

from switchyard.listener.forwarded import ForwardedClient
from switchyard.listener.forwarded import Peer

_ADMITTED_BY_ITS_WAY = (
    mode_specs.TransparentMode,
    mode_specs.WireGuardMode,
    mode_specs.LocalMode,
    mode_specs.TunMode,
)
"""Modes in which a client does not choose to use the router: captured traffic was on its way
already, and the person who set up the redirect chose whose traffic it is."""


def names_us(flow: http.HTTPFlow, ports: Collection[int]) -> bool:
    """Whether a request's destination is an address the router listens on.

    Every request of reverse mode is for the router. A proxied one is when a client sends its base
    URL through `HTTP_PROXY`; forwarding that would be a loop. `ports` are those listened on.
    """
    if isinstance(flow.client_conn.proxy_mode, mode_specs.ReverseMode):
        return True
    return is_ours(flow.request.host, flow.request.port, ports)


def is_ours(host: str, port: int, ports: Collection[int]) -> bool:
    """Whether the router listens on an address."""
    return port in ports and is_this_machine(host)


def is_this_machine(host: str) -> bool:
    """Whether an address, written in figures, is one of this machine's."""
    bare = host.strip("[]").lower()
    if is_loopback(bare):
        return True
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return False
    if address.is_unspecified:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((bare, 0))  # the system refuses addresses that no interface has
        except OSError:
            return False
    return True


def comes_from_here(client: Peer) -> bool:
    """Whether a client is on this machine; one behind a proxy is not, whatever its address."""
    if isinstance(client, ForwardedClient):
        return False
    return client.peername is not None and is_loopback(client.peername[0])


def may_pass(client: Peer) -> bool:
    """Whether a client is taken to hosts that are no provider's."""
    return isinstance(client.proxy_mode, _ADMITTED_BY_ITS_WAY) or comes_from_here(client)


def knows_its_clients(mode: mode_specs.ProxyMode) -> bool:
    """Whether a mode admits known clients only.

    A client is known by its WireGuard key, or as a program of this machine. Such clients need no
    key besides.
    """
    return isinstance(mode, mode_specs.WireGuardMode | mode_specs.LocalMode | mode_specs.TunMode)


LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
"""How this machine is mostly called; there are other spellings."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host in LOOPBACK:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
