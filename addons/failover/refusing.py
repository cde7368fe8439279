"""Requests that are refused by their heads: answered without their bodies, which nobody keeps.

What a client still sends of a body is read and dropped for a while. Were its connection closed at
once, it would be reset, and the answer lost on the way (RFC 9112, 9.6).
"""

import time
from typing import Protocol

from h2.errors import ErrorCodes
from mitmproxy import http
from mitmproxy.proxy import events
from mitmproxy.proxy.commands import RequestWakeup
from mitmproxy.proxy.commands import SendData
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import RequestData
from mitmproxy.proxy.layers.http import RequestEndOfMessage
from mitmproxy.proxy.layers.http import RequestHeaders
from mitmproxy.proxy.layers.http import RequestTrailers
from mitmproxy.proxy.layers.http._hooks import HttpRequestHeadersHook
from mitmproxy.proxy.layers.http._hooks import HttpRequestHook
from mitmproxy.proxy.layers.http._hooks import HttpResponseHeadersHook
from mitmproxy.proxy.layers.http._http2 import Http2Server
from mitmproxy.proxy.mode_specs import ReverseMode

from addons.failover.answering import AnsweringStream
from addons.failover.http1 import QuickHttp1Server
from addons.failover.layer import layer_of

DRAINED_FOR = 3.0
"""Seconds for which a body that nobody wants is read after the answer."""

_OF_THE_BODY = (RequestData, RequestTrailers, RequestEndOfMessage)


class Heads(Protocol):
    """Who decides over requests by their heads, in the hook `requestheaders`."""

    def note_host(self, flow: http.HTTPFlow, host: str) -> None:
        """The `Host` that a client named, where mitmproxy writes another in its place."""
        ...

    def take_refusal(self, flow: http.HTTPFlow) -> float | None:
        """The seconds after which a flow shall be refused, with the response that it has; None
        where its request goes on."""
        ...


class RefusingStream(AnsweringStream):
    """A stream that answers a request by its head, where that is refused."""

    _refused: bool = False

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if self._refused and isinstance(event, _OF_THE_BODY):
            return
        yield from super()._handle_event(event)

    def state_wait_for_request_headers(self, event: events.Event) -> CommandGenerator[None]:
        assert isinstance(event, RequestHeaders)
        heads = layer_of(self).heads
        # Reverse mode writes the server's name in place of the one that the client called us by.
        rewrites = isinstance(self.context.client.proxy_mode, ReverseMode)
        named = event.request.host_header if rewrites else None
        steps = super().state_wait_for_request_headers(event)
        try:
            command = next(steps)
            if named is not None and heads is not None:
                heads.note_host(self.flow, named)
            while True:
                reply = yield command
                if heads is not None and isinstance(command, HttpRequestHeadersHook):
                    after = heads.take_refusal(self.flow)
                    if after is not None and self.flow.response and not self.flow.error:
                        steps.close()
                        yield from self.refuse(after, event.end_stream)
                        return
                command = steps.send(reply)
        except StopIteration:
            return

    def refuse(self, after: float, ended: bool) -> CommandGenerator[None]:
        """Answer with the flow's response in so many seconds; `ended` says whether the request has
        no body."""
        assert self.flow.response
        if (yield from self.stopped()):
            return
        self._refused = True
        client = layer_of(self).connections[self.context.client]
        if not ended and isinstance(client, QuickHttp1Server):
            client.drain()
            self.flow.response.headers["connection"] = "close"
            patience = RequestWakeup(after + DRAINED_FOR)
            yield patience
            # This stream may be over when it comes.
            layer_of(self).command_sources[patience] = client
        if after > 0.0:
            yield from self.arm("refusal", after)
        else:
            yield from self.answer_refused()

    def answer_refused(self) -> CommandGenerator[None]:
        """Send the refusal, with the hooks that a whole request would have had."""
        assert self.flow.response
        self.flow.request.data.content = b""
        self.flow.request.timestamp_end = time.time()
        yield HttpRequestHook(self.flow)
        if (yield from self.stopped()):
            return
        self.flow.response.timestamp_start = time.time()
        yield HttpResponseHeadersHook(self.flow)
        if (yield from self.stopped()):
            return
        self.client_state = self.state_done
        yield from self.send_response()
        client = layer_of(self).connections.get(self.context.client)
        if isinstance(client, Http2Server):
            yield from _stop_sending(client, self.stream_id)


def _stop_sending(client: Http2Server, stream_id: int) -> CommandGenerator[None]:
    """Tell an HTTP/2 client that has its answer not to send the rest of its request, which is no
    error (RFC 9113, 8.1)."""
    if not client.is_closed(stream_id):
        client.h2_conn.reset_stream(stream_id, ErrorCodes.NO_ERROR)
        client.streams.pop(stream_id, None)
        yield SendData(client.conn, client.h2_conn.data_to_send())
