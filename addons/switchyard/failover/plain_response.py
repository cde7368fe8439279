"""Sends a response that does not switch protocols, in as few steps as possible."""

import time

from mitmproxy.proxy.commands import SendData
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.layers.http import ResponseData
from mitmproxy.proxy.layers.http import ResponseEndOfMessage
from mitmproxy.proxy.layers.http import ResponseHeaders
from mitmproxy.proxy.layers.http import ResponseTrailers
from mitmproxy.proxy.layers.http import SendHttp
from mitmproxy.proxy.layers.http._hooks import HttpResponseHook

from switchyard.failover.layer import FailoverLayer
from switchyard.protocols.http1 import QuickHttp1Server


def send_plain_response(
    stream: HttpStream, layer: FailoverLayer, already_streamed: bool
) -> CommandGenerator[None]:
    """Does the work of `HttpStream.send_response` after the whole request has arrived.

    Over HTTP/1 a complete response leaves in one piece, without an event for each of its parts.
    """
    flow, client = stream.flow, stream.context.client
    assert flow.response
    flow.response.data.timestamp_end = time.time()
    yield HttpResponseHook(flow)
    stream.server_state = stream.state_done
    if flow.error is not None or stream._paused_event_queue:
        if (yield from stream.check_killed(False)):
            return
    response = flow.response
    connection = layer.connections[client]
    content = response.data.content or b""
    if not already_streamed and type(connection) is QuickHttp1Server:
        whole = connection.send_whole(stream.stream_id, response, content)
        if whole is not None:
            for data in whole:
                yield SendData(client, data)
            flow.live = False
            layer.drop(stream.stream_id)
            return
    trailers = response.data.trailers
    if not already_streamed:
        ended = not (content or trailers)
        yield SendHttp(ResponseHeaders(stream.stream_id, response, ended), client)
        if content:
            yield SendHttp(ResponseData(stream.stream_id, content), client)
    if trailers:
        yield SendHttp(ResponseTrailers(stream.stream_id, trailers), client)
    flow.live = False
    layer.drop(stream.stream_id)
    yield SendHttp(ResponseEndOfMessage(stream.stream_id), client)
