"""Gives attempts connections by their egress: an idle one, or a new one."""

from mitmproxy.connection import Connection
from mitmproxy.connection import Server
from mitmproxy.proxy import events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import GetHttpConnection
from mitmproxy.proxy.layers.http import GetHttpConnectionCompleted
from mitmproxy.proxy.layers.http import HttpClient
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.layers.tls import ServerTLSLayer
from mitmproxy.proxy.tunnel import LayerStack

from switchyard.egress.egress import Egress
from switchyard.egress.egress import EgressServer
from switchyard.egress.egress import egress_of
from switchyard.egress.proxy_tunnel import tunnel_through
from switchyard.protocols.retired import is_retired

HTTP2_OR_1 = (b"h2", b"http/1.1")
"""What upstreams are offered by ALPN."""


class GetEgressConnection(GetHttpConnection):
    """Ask for a connection that was made by a certain egress.

    `own`: one that no other request uses. HTTP/1 carries one request at a time. mitmproxy takes
    that for granted where the client speaks it too, but a hedge runs beside another attempt, maybe
    to the same server.
    """

    way: Egress | None = None
    own: bool = False
    fresh: bool = False
    """Whether it must be a new one."""
    waited: bool = False
    """Whether the request has waited for a connection that was about to be free."""

    def connection_spec_matches(self, connection: Connection) -> bool:
        # As mitmproxy's, which asks for each of these with calls of its own.
        return (
            (type(connection) is EgressServer or isinstance(connection, Server))
            and self.address == connection.address
            and self.tls == connection.tls
            and self.via == connection.via
            and self.transport_protocol == connection.transport_protocol
            and egress_of(connection) == self.way
            and not is_retired(connection)
        )


def connect_egress(
    layer: HttpLayer, wanted: GetEgressConnection, way: Egress, reuse: bool
) -> CommandGenerator[None]:
    """Answer the command with a connection made by its egress.

    That is one that exists or is being made, or a new one. mitmproxy's own `get_connection` does
    this for all others.
    """
    http2_client = layer.context.client.alpn == b"h2"
    for connection in layer.connections if reuse else ():
        if not wanted.connection_spec_matches(connection):
            continue
        if connection in layer.waiting_for_establishment:
            layer.waiting_for_establishment[connection].append(wanted)
            return
        # An HTTP/1 connection cannot carry the streams of an HTTP/2 client at once.
        if connection.connected and (connection.alpn == b"h2" or not http2_client):
            stream = layer.command_sources.pop(wanted)
            done = GetHttpConnectionCompleted(wanted, (connection, None))
            yield from layer.event_to_child(stream, done)
            return
    context = layer.context.fork()
    context.server = server = EgressServer(address=wanted.address)
    server.way, server.outer = way, server
    stack = LayerStack()
    if way.proxy is not None:
        server.via = way.via
        stack /= tunnel_through(context, way.proxy, server)
    if wanted.tls:
        server.sni = way.server_name or wanted.address[0]
        # The hook that offers them otherwise is not called for what runs through a tunnel.
        server.alpn_offers = HTTP2_OR_1 if layer.context.options.http2 else HTTP2_OR_1[1:]
        stack /= ServerTLSLayer(context)
    stack /= HttpClient(context)
    layer.connections[server] = stack[0]
    layer.waiting_for_establishment[server].append(wanted)
    yield from layer.event_to_child(stack[0], events.Start())
