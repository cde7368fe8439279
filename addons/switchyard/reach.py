"""Decides whether a client may connect to an address, in every mode and layer.

The decision depends on where the client is (this machine, captured, or elsewhere), on the key that
it showed to the proxy, and on the address that is dialled. Of headers, only those of
`trusted-proxies` count, and they make a client one from elsewhere.
"""

import ipaddress
from typing import Literal

from mitmproxy import http
from mitmproxy.net.http import url
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.context import Context

from switchyard.clients.clients import Clients
from switchyard.listener.addresses import comes_from_here
from switchyard.listener.addresses import knows_its_clients
from switchyard.listener.addresses import may_pass
from switchyard.listener.forwarded import Peer
from switchyard.listener.forwarded import peer_of
from switchyard.runtime.listeners import Listeners
from switchyard.runtime.snapshots import Snapshots

type Reachability = Literal["yes", "key", "certificate", "no"]
"""`key` and `certificate` are what the client has to show first; `no` is for good."""


class Reach:
    """Decides by the configuration in force, and by what clients showed."""

    def __init__(self, snapshots: Snapshots, listeners: Listeners, clients: Clients) -> None:
        self._snapshots = snapshots
        self._listeners = listeners
        self._clients = clients

    def judge(self, client: Peer, host: str, port: int, shown: bool) -> Reachability:
        """Whether a client may be connected to the address that it asked for.

        Clients on this machine may connect anywhere. So may captured clients, unless they come from
        elsewhere and dial an address that only this machine can mean: no traffic was on its way
        there. Other clients need a `shown` client key (and a certificate, with `tls.client-ca`),
        and may connect to the hosts of providers and to the router itself.
        """
        if may_pass(client):
            strays = _is_within(host) and not _is_of_this_machine(client)
            return "no" if strays and not self._listeners.is_own_address(host, port) else "yes"
        if self.lacks_certificate(client):
            return "certificate"
        if not shown:
            return "key"
        served = self._snapshots.current.served.serves(
            host, port
        ) or self._listeners.is_own_address(host, port)
        return "yes" if served else "no"

    def judge_flow(self, flow: http.HTTPFlow) -> Reachability:
        """Whether a tunnel, or a request that is not routed, may go to its address."""
        shown = self._clients.showed_key_to_proxy(flow)
        return self.judge(peer_of(flow), flow.request.host, flow.request.port, shown)

    def may_forward(self, flow: http.HTTPFlow) -> bool:
        """Whether a request that is not routed may go where its client addressed it."""
        return self.judge_flow(flow) == "yes"

    def may_enter(self, context: Context) -> bool:
        """Whether a connection may begin of which only the destination is known.

        If the destination is an IP address, the name in TLS or `Host` may turn out to be a
        provider's; a name that does not is refused then.
        """
        if context.server.address is None:
            return may_pass(context.client)
        host, port = context.server.address[:2]
        shown = self._clients.holder_of(context.client.id) is not None
        match self.judge(context.client, host, port, shown):
            case "yes":
                return True
            case "no" if not may_pass(context.client):
                return is_in_figures(host) and self._snapshots.current.served.serves_port(port)
            case _:
                return False

    def may_go_unread(self, context: Context) -> bool:
        """Whether a connection may pass byte for byte.

        Within such a connection the router cannot ask for a key, and one to the router itself would
        return as a connection of this machine's own.
        """
        if not may_pass(context.client):
            return False
        if context.server.address is None:
            return True
        host, port = context.server.address[:2]
        if self._listeners.is_own_address(host, port):
            return False
        return self.judge(context.client, host, port, shown=False) == "yes"

    def lacks_certificate(self, client: Peer) -> bool:
        """Whether a client from elsewhere lacks the certificate of `tls.client-ca`."""
        tls = self._snapshots.current.config.tls
        if tls is None or tls.client_ca is None or client.id in self._listeners.certified:
            return False
        return not (comes_from_here(client) or knows_its_clients(client.proxy_mode))

    def names_another(self, flow: http.HTTPFlow) -> bool:
        """Whether the `Host` of a proxied request differs from the host that is dialled.

        For a captured connection, or SOCKS with an IP address, `Host` is what names the address,
        unless a client from elsewhere dialled a provider itself.
        """
        request, client = flow.request, peer_of(flow)
        dialled = _bare(request.host)
        if all(_bare(_host_of(value)) == dialled for value in _named(request)):
            return False
        explicit = mode_specs.RegularMode | mode_specs.UpstreamMode
        if isinstance(client.proxy_mode, explicit) or not is_in_figures(dialled):
            return True
        return not may_pass(client) and self._snapshots.current.served.serves(
            request.host, request.port
        )


def is_in_figures(host: str) -> bool:
    """Whether a host is an IP address and not a name."""
    try:
        ipaddress.ip_address(_bare(host))
    except ValueError:
        return False
    return True


def _is_of_this_machine(client: Peer) -> bool:
    return isinstance(client.proxy_mode, mode_specs.LocalMode) or comes_from_here(client)


def _is_within(host: str) -> bool:
    """Whether an address means this machine itself."""
    try:
        address = ipaddress.ip_address(_bare(host))
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return address.is_loopback or address.is_unspecified


def _named(request: http.Request) -> list[str]:
    """Returns the hosts that a request names, once each."""
    named = request.headers.get_all("host")
    return [*named, request.authority] if request.authority else named


def _host_of(authority: str) -> str:
    try:
        return url.parse_authority(authority.strip(), check=False)[0]
    except ValueError:
        return ""


def _bare(host: str) -> str:
    return host.strip("[]").lower()
