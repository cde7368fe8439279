"""Replaces mitmproxy's HTTP layer with the failover layer."""

import asyncio
import socket
from collections import defaultdict
from collections.abc import Callable

from mitmproxy import connection
from mitmproxy import ctx
from mitmproxy import http
from mitmproxy import tls
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import layer
from mitmproxy.proxy import server_hooks
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from switchyard.config.limits import Limits
from switchyard.egress import dial
from switchyard.egress.connect import HTTP2_OR_1
from switchyard.egress.egress import egress_of
from switchyard.egress.pool import ConnectionPool
from switchyard.egress.proxy_tunnel import Lookup
from switchyard.exchange.websocket_handshake import asks_for_websocket
from switchyard.failover.client_connections import ClientConnections
from switchyard.failover.control import Heads
from switchyard.failover.holding import TaskHolding
from switchyard.failover.holding import WireHolding
from switchyard.failover.layer import FailoverLayer
from switchyard.failover.stream import FailoverStream
from switchyard.listener.bounds import ClientBounds
from switchyard.listener.bounds import plainly
from switchyard.listener.builtin_addons import mitmproxys
from switchyard.listener.next_layer import Door
from switchyard.listener.next_layer import decide_on_connect
from switchyard.protocols import error_pages
from switchyard.protocols import message_heads
from switchyard.protocols import passed_sockets
from switchyard.protocols.websocket import ClientSession

CONNECTIONS_PER_UPSTREAM = 10_000
"""Connections of one client connection to one upstream.

mitmproxy allows five, and lets a sixth wait for one of them to end. An HTTP/2 client with six
streams to one provider would see one stall.
"""


class Failover:
    """Sends the requests of routed flows by attempts (see `switchyard.failover`)."""

    def __init__(
        self,
        may_forward: Callable[[http.HTTPFlow], bool],
        door: Door,
        heads: Heads | None = None,
        bounds: ClientBounds | None = None,
        own: set[str] | None = None,
        connections: ClientConnections | None = None,
    ) -> None:
        """Takes the decisions that the layers ask for.

        `may_forward` says whether a flow that is not routed may go where it was addressed, `door`
        what becomes of connections, `heads` which requests are refused by their heads, `bounds` how
        much of the router a client may use. `own` keeps the ids of flows whose clients addressed
        the router itself, `connections` the layers of all clients.
        """
        self._routed: set[str] = set()
        self._own = own if own is not None else set()
        self._sessions: dict[str, ClientSession] = {}
        self._upgrading: set[str] = set()
        self._may_forward = may_forward
        self._door = door
        self._heads = heads
        self._bounds = bounds or ClientBounds(Limits, plainly)
        self._pool = ConnectionPool()
        self._connections = connections or ClientConnections()

    def load(self, loader: Loader) -> None:
        dial.install()
        message_heads.install()
        error_pages.install()
        passed_sockets.install()

    async def done(self) -> None:
        await self._connections.stop_streams()
        self._pool.clear()
        dial.remove()
        message_heads.remove()
        error_pages.remove()
        passed_sockets.remove()

    def route(self, flow: http.HTTPFlow) -> None:
        """Sends the flow's request by attempts only from now on."""
        self._routed.add(flow.id)

    def open_session(self, flow: http.HTTPFlow, session: ClientSession) -> None:
        """Notes the session that begins with the flow's WebSocket handshake."""
        self._sessions[flow.id] = session
        self._upgrading.discard(flow.client_conn.id)

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        if nextlayer.layer is None:
            mitmproxys("nextlayer").next_layer(nextlayer)
        self._door.checked(nextlayer)
        for each in nextlayer.context.layers:
            if type(each) is HttpLayer:
                handler = mitmproxys("proxyserver").connections.get(each.context.client.id)
                share = self._bounds.share_of(each.context.client)
                FailoverLayer.adopt(
                    each,
                    FailoverStream,
                    self._routed,
                    self._own,
                    self._sessions,
                    self._may_forward,
                    handler if hasattr(handler, "admit") else None,
                    self._pool,
                    self._heads,
                    share,
                )
                assert isinstance(each, FailoverLayer)
                self._connections.add(each)
                share.release.append(each.release)
                if hasattr(handler, "pool"):
                    handler.pool = self._pool

    def configure(self, updated: set[str]) -> None:
        # Any of mitmproxy's options may concern how connections are made.
        self._pool.clear()

    def server_connect(self, data: ServerConnectionHookData) -> None:
        # mitmproxy offers a server only the client's protocols, but the client does not know the
        # servers of its attempts.
        if ctx.options.http2 and not data.server.alpn_offers:
            # A WebSocket needs HTTP/1.1.
            upgrades = data.client.id in self._upgrading
            data.server.alpn_offers = (b"http/1.1",) if upgrades else HTTP2_OR_1

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if asks_for_websocket(flow.request):
            self._upgrading.add(flow.client_conn.id)

    def client_disconnected(self, client: connection.Client) -> None:
        self._upgrading.discard(client.id)
        self._bounds.close(client)

    def tls_start_server(self, data: tls.TlsData) -> None:
        way = egress_of(data.conn)
        if data.ssl_conn is None and way is not None and way.start_tls is not None:
            assert isinstance(data.conn, connection.Server)
            data.ssl_conn = way.start_tls(data.conn)

    async def failover_resolve(self, lookup: Lookup) -> None:
        """Resolves a name that a proxy shall not resolve itself, IPv4 first.

        Many proxies have no IPv6.
        """
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(lookup.host, lookup.port, type=socket.SOCK_STREAM)
        except OSError:
            return
        found.sort(key=lambda one: one[0] != socket.AF_INET)
        lookup.addresses = [str(one[4][0]) for one in found]

    def client_connected(self, client: connection.Client) -> None:
        if client.error:
            return
        handler = mitmproxys("proxyserver").connections.get(client.id)
        if not self._bounds.open(client):
            client.error = "too many connections of this address (limits.connections-per-address)"
        if handler is not None:
            wires = hasattr(handler, "admit")
            holding = WireHolding(handler) if wires else TaskHolding(handler)
            self._bounds.share_of(client).holding = holding
            decide_on_connect(handler.layer, self._door)
            handler.max_conns = defaultdict(lambda: asyncio.Semaphore(CONNECTIONS_PER_UPSTREAM))

    def server_disconnected(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Closes a connection that mitmproxy leaves open.

        It does so if it cancels a connection's handler twice, as when a client leaves while two
        attempts run: the upstream would go on with its answer.
        """
        handler = mitmproxys("proxyserver").connections.get(data.client.id)
        left = handler.transports.get(data.server) if handler is not None else None
        if left is not None and left.writer is not None:
            left.writer.close()

    def forget(self, flow: http.HTTPFlow) -> None:
        """Drops what is kept for a flow that is over."""
        self._routed.discard(flow.id)
        self._own.discard(flow.id)
        self._sessions.pop(flow.id, None)
