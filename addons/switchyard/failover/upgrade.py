"""Turns a stream into a WebSocket after its handshake."""

import time

from mitmproxy.proxy import events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import DropStream
from mitmproxy.proxy.layers.http import Http1Server
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.layers.http import ResponseHeaders
from mitmproxy.proxy.layers.http import SendHttp
from mitmproxy.proxy.layers.http._hooks import HttpResponseHook

from switchyard.failover.layer import FailoverLayer
from switchyard.protocols.websocket import ClientSession
from switchyard.protocols.websocket import WebSocketServer


def upgrade(
    stream: HttpStream, layer: FailoverLayer, session: ClientSession
) -> CommandGenerator[None]:
    """Sends the flow's response (101) to a handshake, and uses WebSocket from then on."""
    response = stream.flow.response
    client = layer.connections[stream.context.client]
    assert response and isinstance(client, Http1Server)
    response.timestamp_end = time.time()
    yield HttpResponseHook(stream.flow)
    if (yield from stream.check_killed(False)):
        session.close()
        yield DropStream(stream.stream_id)
        return
    yield SendHttp(ResponseHeaders(stream.stream_id, response), stream.context.client)
    stream.server_state, stream.flow.live = stream.state_done, False
    yield DropStream(stream.stream_id)
    most = layer.share.limits.body
    server = WebSocketServer(layer.context.fork(), session, stream.stream_id + 2, most)
    layer.connections[stream.context.client] = server
    layer.upstreams.side_by_side = True
    yield layer.leaving.wait()
    if early := client.buf.maybe_extract_at_most(len(client.buf)):
        yield from server.handle_event(events.DataReceived(stream.context.client, bytes(early)))
