"""Reads a stream's request up to the limits, and answers refused ones early.

A request that exceeds a limit, or that is refused by its head, is answered before its end. The rest
of its body is read and dropped for a while. If the connection were closed at once, it would be
reset, and the response lost on the way (RFC 9112, 9.6).
"""

import time

from mitmproxy import http
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.layers.http import RequestData
from mitmproxy.proxy.layers.http import RequestEndOfMessage
from mitmproxy.proxy.layers.http import RequestHeaders
from mitmproxy.proxy.layers.http import RequestTrailers
from mitmproxy.proxy.layers.http._hooks import HttpRequestHeadersHook
from mitmproxy.proxy.layers.http._hooks import HttpRequestHook
from mitmproxy.proxy.layers.http._hooks import HttpResponseHeadersHook
from mitmproxy.proxy.mode_specs import ReverseMode

from switchyard.config.limits import STEP
from switchyard.config.limits import Limits
from switchyard.failover.deadlines import Deadline
from switchyard.failover.deadlines import Deadlines
from switchyard.failover.layer import layer_of
from switchyard.failover.response_stream import ResponseStream
from switchyard.listener.bounds import Share
from switchyard.listener.forwarded import peer_of
from switchyard.protocols.http1 import QuickHttp1Server
from switchyard.protocols.http1 import nothing
from switchyard.protocols.http2_server import BoundedHttp2Server
from switchyard.values.pieces import Pieces

SMALL = 65536
"""Bytes of a body that is read despite a refusal, to keep the connection open."""

_LATE = Deadline.BODY, None

_OF_THE_BODY = frozenset({RequestData, RequestTrailers, RequestEndOfMessage})
_OF_THE_REQUEST = _OF_THE_BODY | {RequestHeaders}


class RequestStream(ResponseStream):
    """Reads no more of a request than the limits permit, and none of a refused one."""

    def __init__(self, context: Context, stream_id: int) -> None:
        super().__init__(context, stream_id)
        self.request_body_buf = Pieces()  # type: ignore[assignment]
        self.layer = layer_of(self)
        self.deadlines = Deadlines(self.layer.timers)
        self._share: Share = self.layer.share
        self._limits: Limits | None = None
        """The limits in force when the head arrived."""
        self._refused = False
        self._counted = False
        self._taken = self._marked = 0
        self._declared: int | None = None
        """Bytes of the body, if the head declares them."""

    def release(self) -> None:
        super().release()
        if self._taken:
            self._let_go_of_body()
        if self._counted:
            self._counted = False
            self._share.end_request()

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        # mitmproxy's method is a generator around those of the states, which each command would
        # pass through.
        kind = type(event)
        if kind not in _OF_THE_REQUEST:
            return super()._handle_event(event)
        if self._refused and kind in _OF_THE_BODY:
            return nothing()
        return self.client_state(event)

    def state_wait_for_request_headers(self, event: events.Event) -> CommandGenerator[None]:
        assert isinstance(event, RequestHeaders)
        # mitmproxy fills in the destination from the Host header. After that, a request to the
        # router itself looks like one through the proxy.
        is_proxy = self.mode in (HTTPMode.regular, HTTPMode.upstream)
        addressed_to_us = is_proxy and not event.request.host
        # Reverse mode overwrites the host name that the client used with the server's.
        rewrites = isinstance(self.context.client.proxy_mode, ReverseMode)
        named = event.request.host_header if rewrites else None
        steps = super().state_wait_for_request_headers(event)
        try:
            command = next(steps)
            if addressed_to_us:
                self.layer.own.add(self.flow.id)
            if named is not None and self.layer.heads is not None:
                self.layer.heads.note_host(self.flow, named)
            while True:
                reply = yield command
                if type(command) is HttpRequestHeadersHook:
                    answer = self._answer_to_head(event.end_stream)
                    if answer is not None:
                        steps.close()
                        yield from answer
                        return
                command = steps.send(reply)
        except StopIteration:
            yield from self.await_body(event.end_stream)

    def _answer_to_head(self, ended: bool) -> CommandGenerator[None] | None:
        """Returns the response to a request that is not read on.

        Called after the hook of the head; None if the body is read. `ended`: whether the head is
        all of the request.
        """
        if (after := self.take_refusal()) is not None:
            return self.refuse(after, ended)
        early = self.early_answer(ended)
        return self.answer_early(early) if early is not None else None

    def early_answer(self, ended: bool) -> http.Response | None:
        """Returns the response to a request whose body need not be read.

        Called after the head, which may be all of the request (`ended`). A small body is read
        first, so that the connection stays open.
        """
        flow, request = self.flow, self.flow.request
        if flow.error is not None or request.method == "CONNECT":
            return None
        if (peer := peer_of(flow)) is not flow.client_conn:
            self._share = self._share.behind(peer)
        share = self._share
        self._counted = True
        share.begin_request()
        self._limits = limits = share.limits
        size = self._declared = _declared_size(request)
        if flow.response is None and share.used.requests > limits.unfinished_requests_per_address:
            text = f"More than {limits.unfinished_requests_per_address} requests of this address"
            name = "limits.unfinished-requests-per-address"
            flow.response = share.refuse(request, 429, f"{text} are unfinished ({name}).")
        if flow.response is None and not request.stream and size is not None and size > limits.body:
            flow.response = self._too_large()
        if flow.response is None or ended:
            return None
        waits = "expect" in request.headers or bool(request.stream)
        return None if size is not None and size <= SMALL and not waits else flow.response

    def await_body(self, ended: bool) -> CommandGenerator[None]:
        """Sets the deadline for the first piece of the body, unless all of it has arrived."""
        if ended or self.client_state != self.state_consume_request_body:
            return
        if self._paused_event_queue:
            if isinstance(self._paused_event_queue[-1], RequestEndOfMessage):
                return  # the rest arrived during the hook of the head
        client, size = self.layer.connections[self.context.client], self._declared
        if not (size is not None and type(client) is QuickHttp1Server and client.has(size)):
            yield from self.deadlines.arm(Deadline.BODY, self._share.limits.body_time)

    def state_consume_request_body(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, RequestData):
            refusal = self._take(len(event.data))
            if refusal is not None:
                return self.answer_early(refusal)
        elif isinstance(event, RequestEndOfMessage):
            self._let_go_of_body()
        return super().state_consume_request_body(event)

    def state_done(self, _: events.Event) -> CommandGenerator[None]:
        # Events of the request that were queued before its early answer are dropped.
        yield from ()

    def body_late(self) -> CommandGenerator[None]:
        """Refuses a request whose body missed its deadline."""
        if self.client_state == self.state_consume_request_body:
            seconds = self._share.limits.body_time
            text = f"The request's body sent less than {STEP // 1024} KiB in {seconds:g} s"
            refuse, request = self._share.refuse, self.flow.request
            yield from self.answer_early(refuse(request, 408, f"{text} (limits.body-time)."))

    def answer_early(self, answer: http.Response) -> CommandGenerator[None]:
        """Answers without reading on; over HTTP/1 this ends the request's connection."""
        self.read_no_more(answer)
        self.request_body_buf.clear()
        self._let_go_of_body()
        self.client_state = self.state_done
        self.flow.response = answer
        answer.timestamp_start = time.time()
        yield HttpResponseHeadersHook(self.flow)
        if not (yield from self.stopped()):
            yield from self.send_response()

    def take_refusal(self) -> float | None:
        """Returns the seconds until a request is refused, after the hook of the head.

        It is then refused with the flow's response. None if the request goes on.
        """
        heads = self.layer.heads
        after = heads.take_refusal(self.flow) if heads is not None else None
        return after if self.flow.response and not self.flow.error else None

    def refuse(self, after: float, ended: bool) -> CommandGenerator[None]:
        """Sends the flow's response after a delay in seconds.

        `ended` says whether the request has no body.
        """
        assert self.flow.response
        if (yield from self.stopped()):
            return
        self._refused = True
        if not ended:
            self.read_no_more(self.flow.response)
        if after > 0.0:
            yield from self.deadlines.arm(Deadline.REFUSAL, after)
        else:
            yield from self.answer_refused()

    def answer_refused(self) -> CommandGenerator[None]:
        """Sends the refusal, with the hooks of a complete request."""
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

    def read_no_more(self, answer: http.Response) -> None:
        """Drops the rest of a request whose response will be `answer`."""
        client = self.layer.connections[self.context.client]
        if isinstance(client, QuickHttp1Server):
            answer.headers["connection"] = "close"
            client.cut_off()
        elif isinstance(client, BoundedHttp2Server):
            client.cut_off(self.stream_id)

    def _take(self, size: int) -> http.Response | None:
        """Counts a piece of the body; returns the refusal if it exceeds the limit."""
        share, limits = self._share, self._limits or self._share.limits
        self._taken += size
        share.add_body(size)
        if self._taken > limits.body:
            return self.flow.response or self._too_large()
        if share.used.bodies > limits.unfinished_bodies_per_address:
            name = "limits.unfinished-bodies-per-address"
            text = f"This address sends more than {limits.unfinished_bodies_per_address} bytes"
            return share.refuse(self.flow.request, 429, f"{text} at once ({name}).")
        if self._taken - self._marked >= STEP and _LATE in self.deadlines:
            self._marked = self._taken
            self.deadlines[_LATE] = time.monotonic() + limits.body_time
        return None

    def _too_large(self) -> http.Response:
        text = f"The request's body is larger than {self._share.limits.body} bytes (limits.body)."
        return self._share.refuse(self.flow.request, 413, text)

    def _let_go_of_body(self) -> None:
        self.deadlines.disarm(Deadline.BODY)
        if self._taken:
            self._share.add_body(-self._taken)
            self._taken = self._marked = 0


def _declared_size(request: http.Request) -> int | None:
    """Returns the bytes of a body, if the head declares them."""
    length = request.data.headers.get("content-length")
    if length is None or not length.isdecimal() or "transfer-encoding" in request.data.headers:
        return None
    # A longer number is no plausible size, and would take long to parse.
    return int(length[:20])
