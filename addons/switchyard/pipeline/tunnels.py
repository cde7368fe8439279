"""Tunnels connections that the router does not open."""

import re
from collections.abc import Callable
from collections.abc import Iterable

from mitmproxy import connection
from mitmproxy import ctx
from mitmproxy.connection import Address
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import layer
from mitmproxy.proxy import layers
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.events import DataReceived
from mitmproxy.proxy.layers import ClientTLSLayer
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.quic import quic_parse_client_hello_from_datagrams
from mitmproxy.proxy.layers.tls import parse_client_hello

from switchyard.listener.addresses import may_pass
from switchyard.listener.next_layer import NeedMoreData
from switchyard.listener.next_layer import Refuse
from switchyard.listener.next_layer import is_connect
from switchyard.listener.sniff import MOST_SEEN
from switchyard.listener.sniff import names_of
from switchyard.reach import Reach
from switchyard.runtime.listeners import Listeners
from switchyard.runtime.snapshots import Snapshots

type Spares = Callable[[Context, Iterable[str]], bool]

_DNS = 53

_NO_METHOD = modes.SOCKS5_METHOD_NO_AUTHENTICATION_REQUIRED
_WITH_PASSWORD = modes.SOCKS5_METHOD_USER_PASSWORD_AUTHENTICATION

_UNREAD = (layers.TCPLayer, layers.UDPLayer, layers.RawQuicLayer, layers.DNSLayer)
"""Layers that pass bytes on without reading a request in them."""

_TLS_BEGUN = (b"\x16", b"\x16\x03")
_METHOD_BEGUN = re.compile(rb"[A-Za-z]{1,3}|[A-Za-z]{3}[A-Za-z0-9_-]{1,17}")


class Tunnels:
    """Tunnels connections to hosts of no configured provider, byte for byte.

    Their TLS is not opened, so clients that pin certificates work, and private data stays private.
    A proxy's client names the host. If connections are captured, only an address is known: a port
    on which no provider is served decides at once, and else the name in the ClientHello or in the
    first request.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        listeners: Listeners,
        reach: Reach,
        spares: Spares = lambda *_: False,
    ) -> None:
        """`spares` returns whether a client is tunnelled to hosts that are mostly opened."""
        self._snapshots = snapshots
        self._listeners = listeners
        self._reach = reach
        self._spares = spares

    def passes(self, context: Context) -> bool:
        """Whether the router serves nothing at a connection's destination."""
        assert context.server.address
        if self._snapshots.current.served.serves_port(context.server.address[1]):
            return False
        return self._reach.may_go_unread(context)

    def admits(self, context: Context) -> bool:
        """Whether a connection may begin at all."""
        return self._reach.may_enter(context)

    def socks_method(self, client: connection.Client, offered: bytes) -> int | None:
        """Returns the SOCKS authentication method for a client.

        A remote client must send a key (RFC 1929), which leaves no room for a client certificate. A
        client that needs no key sends one if it can.
        """
        wanted = [_NO_METHOD, _WITH_PASSWORD]
        if not may_pass(client):
            wanted = [] if self._reach.lacks_certificate(client) else [_WITH_PASSWORD]
        elif self._snapshots.current.client_keys or ctx.options.proxyauth:
            wanted.reverse()
        if may_pass(client) and ctx.options.proxyauth:
            wanted = [_WITH_PASSWORD]
        return next((method for method in wanted if method in offered), None)

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        context = nextlayer.context
        if nextlayer.layer is not None:
            return
        tcp = context.client.transport_protocol == "tcp"
        said = nextlayer.data_client()
        if tcp and said in _TLS_BEGUN:
            nextlayer.layer = NeedMoreData(nextlayer)
        elif context.server.address is not None:
            self._choose(nextlayer, context.server.address, said, tcp)

    def _choose(self, asked: layer.NextLayer, address: Address, said: bytes, tcp: bool) -> None:
        """Chooses the layer of a connection whose destination is known."""
        context, (host, port) = asked.context, address[:2]
        within, mode = context.layers[-1], context.client.proxy_mode
        if isinstance(mode, mode_specs.RegularMode | mode_specs.UpstreamMode):
            names: list[str] | None = []
            outermost = is_connect(within)
        else:
            outermost = isinstance(within, modes.TransparentProxy | modes.Socks5Proxy)
            if outermost and not tcp:
                return self._udp(asked, host, port)
            names = names_of(said) if outermost else []
        if not outermost:
            # Within TLS that the router opened; HTTP negotiated by ALPN needs no detection.
            if isinstance(within, ClientTLSLayer) and not context.client.alpn and is_begun(said):
                asked.layer = NeedMoreData(asked)
            return None
        hosts = (host, *(names or ()))
        served = any(self._snapshots.current.served.serves(name, port) for name in hosts)
        # The router's own address through the proxy is a request, no tunnel.
        opened = served and not self._spares(context, hosts)
        if opened or self._listeners.is_own_address(host, port):
            if is_begun(said):
                asked.layer = NeedMoreData(asked)
            return None
        more = names is None and not served
        asked.layer = NeedMoreData(asked) if more else layers.TCPLayer(context, ignore=True)
        return None

    def checked(self, asked: layer.NextLayer) -> None:
        """Refuses tunnels that the client may not open, whichever layer passes them on."""
        if asked.layer is None or isinstance(asked.layer, NeedMoreData | Refuse):
            return
        unread = any(isinstance(each, _UNREAD) for each in asked.context.layers)
        if unread and not self._reach.may_go_unread(asked.context):
            asked.layer = Refuse(asked.context)

    def _udp(self, nextlayer: layer.NextLayer, host: str, port: int) -> None:
        """Refuses QUIC to a provider, so that its client goes on over TCP.

        All other UDP passes, except DNS, which mitmproxy answers where it captures all traffic.
        """
        context = nextlayer.context
        if port == _DNS:
            return
        datagrams = [event.data for event in nextlayer.events if isinstance(event, DataReceived)]
        try:
            hello = quic_parse_client_hello_from_datagrams(datagrams)
        except ValueError:
            name = ""
        else:
            if hello is None and sum(map(len, datagrams)) < MOST_SEEN:
                nextlayer.layer = NeedMoreData(nextlayer)
                return
            name = (hello and hello.sni) or host
        if name and self._snapshots.current.served.serves(name, port):
            nextlayer.layer = Refuse(context)
        else:
            nextlayer.layer = layers.UDPLayer(context, ignore=True)


def is_begun(data: bytes) -> bool:
    """Whether the first bytes may become TLS or HTTP, but are too few to decide.

    mitmproxy takes a single first byte for neither.
    """
    if data in _TLS_BEGUN or _METHOD_BEGUN.fullmatch(data):
        return True
    if not starts_like_tls_record(data) or len(data) >= MOST_SEEN:
        return False
    try:
        return parse_client_hello(data) is None
    except ValueError:
        return False
