"""Requests that are refused by their heads: answered without their bodies, which nobody keeps.

What a client still sends of a body is read and dropped for a while. Were its connection closed at
once, it would be reset, and the answer lost on the way (RFC 9112, 9.6).
"""

import time
from typing import Protocol

from mitmproxy import http
from mitmproxy.proxy import events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import RequestData
from mitmproxy.proxy.layers.http import RequestEndOfMessage
from mitmproxy.proxy.layers.http import RequestHeaders
from mitmproxy.proxy.layers.http import RequestTrailers
from mitmproxy.proxy.layers.http._hooks import HttpRequestHook
from mitmproxy.proxy.layers.http._hooks import HttpResponseHeadersHook
from mitmproxy.proxy.mode_specs import ReverseMode

from addons.failover.bounded import BoundedStream
from addons.failover.layer import layer_of

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


class RefusingStream(BoundedStream):
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
                command = steps.send((yield command))
        except StopIteration:
            return

    def take_refusal(self) -> float | None:
        """After the hook of the head: the seconds after which the request is refused with the
        flow's response; None where it goes on."""
        heads = layer_of(self).heads
        after = heads.take_refusal(self.flow) if heads is not None else None
        return after if self.flow.response and not self.flow.error else None

    def refuse(self, after: float, ended: bool) -> CommandGenerator[None]:
        """Answer with the flow's response in so many seconds; `ended` says whether the request has
        no body."""
        assert self.flow.response
        if (yield from self.stopped()):
            return
        self._refused = True
        if not ended:
            self.read_no_more(self.flow.response)
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
