"""The client's side of a request that is sent by attempts: its response."""

import time
from collections.abc import Callable
from typing import ClassVar

from mitmproxy import flow as mflow
from mitmproxy import http
from mitmproxy.proxy import commands
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layer import Paused
from mitmproxy.proxy.layers.http import DropStream
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.layers.http import RequestProtocolError
from mitmproxy.proxy.layers.http import ResponseData
from mitmproxy.proxy.layers.http import ResponseHeaders
from mitmproxy.proxy.layers.http import SendHttp
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook
from mitmproxy.proxy.layers.http._hooks import HttpResponseHeadersHook

from switchyard.failover.attempt import Heart
from switchyard.failover.attempt import Receiver
from switchyard.failover.deadlines import Deadline
from switchyard.failover.deadlines import Deadlines
from switchyard.protocols.http1 import nothing

type RunHook = Callable[[commands.StartHook], bool]
"""Runs a hook, and returns whether it is over.

If not, the stream must wait for it.
"""


class ResponseStream(HttpStream):
    """A stream that sends its client a response, whole or chunk by chunk.

    It sends keep-alives until there is output, and ends with the first of response, error and
    cancellation.
    """

    deadlines: Deadlines
    closes_client: Callable[[], bool]
    """Whether the client's connection waits for this stream to be closed."""
    run_hook: RunHook | None = None
    quick_hooks: ClassVar[tuple[type[commands.StartHook], ...]]
    """The hooks that `run_hook` runs."""
    broke_off: Receiver | None = None
    """The attempt whose response broke off after output, while another continues it."""
    head_sent: bool = False
    client_left: bool = False
    """Whether the client left with its terminal event, and is sent nothing more."""
    heart: Heart | None = None
    listener: Callable[[bytes], None] | None = None

    def __init__(self, context: Context, stream_id: int) -> None:
        super().__init__(context, stream_id)
        options = context.options
        self.stores_bodies = options.store_streamed_bodies
        self._sizes_matter = bool(options.stream_large_bodies or options.body_size_limit)

    def release(self) -> None:
        """Drops the references of a stream that is over.

        Those to itself too, or its bodies would stay until the garbage collector comes by.
        """
        self.request_body_buf.clear()
        self.response_body_buf.clear()
        self.context.layers.remove(self)
        self.client_state = self.server_state = ignore
        self._handle_event = ignore  # events that waited for a hook come yet

    def handle_event(self, event: events.Event) -> CommandGenerator[None]:
        """Handles an event as in all layers, but without a pause for immediate hooks."""
        if self._paused or self.debug is not None or self.run_hook is None:
            yield from super().handle_event(event)
            return
        steps = self._handle_event(event)
        for command in steps:
            if command.blocking is True:
                if isinstance(command, self.quick_hooks) and self.run_hook(command):
                    continue
                command.blocking = self
                self._paused = Paused(command, steps)
                yield command
                return
            yield command

    def check_body_size(self, request: bool) -> CommandGenerator[bool]:
        """Does the work of mitmproxy's method, which reads two options each time it is called."""
        return super().check_body_size(request) if self._sizes_matter else _no()

    def let_go(self, why: str) -> CommandGenerator[None]:
        """Ends all that still runs for this request."""
        raise NotImplementedError

    def start_streaming(self, head: http.Response) -> CommandGenerator[bool]:
        """Begins a streamed response; returns whether that was possible."""
        if not self.head_sent:
            self.flow.response = head
        yield HttpResponseHeadersHook(self.flow)
        if (yield from self.stopped()):
            return False
        if not self.head_sent:
            yield from self.send_head(head)
        return True

    def send_head(self, head: http.Response) -> CommandGenerator[None]:
        if self.flow.request.http_version == "HTTP/1.1":
            head.headers["transfer-encoding"] = "chunked"
        elif self.flow.request.http_version == "HTTP/1.0":
            head.headers["connection"] = "close"  # the end of the connection ends the body
        head.timestamp_start = time.time()
        self.flow.response = head
        self.head_sent = True
        yield SendHttp(ResponseHeaders(self.stream_id, head, end_stream=False), self.context.client)

    def send_data(self, data: bytes) -> CommandGenerator[None]:
        # An empty chunk would end a chunked body.
        if not data or self.client_left:
            return
        if self.stores_bodies:
            self.response_body_buf += data
        if self.listener is not None:
            self.listener(data)
        if self.heart:
            yield from self.deadlines.arm(Deadline.HEARTBEAT, self.heart.every)
        yield SendHttp(ResponseData(self.stream_id, data), self.context.client)

    def heartbeat(self) -> CommandGenerator[None]:
        """Sends the client a keep-alive."""
        if self.heart is None:
            return
        if not self.head_sent:
            yield from self.send_head(self.heart.head())
        yield from self.send_data(self.heart.beat)

    def finish(self) -> CommandGenerator[None]:
        """Ends a streamed response without an error."""
        yield from self.let_go("complete")
        assert self.flow.response
        if self.stores_bodies:
            self.flow.response.data.content = bytes(self.response_body_buf)
            self.response_body_buf.clear()
        yield from self.send_response(already_streamed=True)
        if self.client_left and self.closes_client():
            yield commands.CloseConnection(self.context.client)

    def send_answer(self, answer: http.Response | None) -> CommandGenerator[None]:
        """Sends a complete response, as the end of the client's stream if that has begun."""
        self.deadlines.clear()
        if self.broke_off is not None:
            yield from self.send_data(self.broke_off.closing())
            yield from self.finish()
            return
        if self.head_sent and answer is not None and self.heart:
            closing = self.heart.closing(answer)
            yield HttpResponseHeadersHook(self.flow)
            if not (yield from self.stopped()):
                yield from self.send_data(closing)
                yield from self.finish()
            return
        # None: the addons set no answer, which only a bug can cause.
        self.flow.response = answer or http.Response.make(
            500,
            b'{"error":{"message":"Switchyard made no answer.","type":"server_error"}}',
            {"content-type": "application/json"},
        )
        self.flow.response.timestamp_start = time.time()
        yield HttpResponseHeadersHook(self.flow)
        if (yield from self.stopped()):
            return
        yield from self.send_response()

    def send_response(self, already_streamed: bool = False) -> CommandGenerator[None]:
        """Does the work of mitmproxy's method, but sends no body to HEAD.

        The client would read a body as the next response. The head has the body's length (RFC 9110,
        9.3.2).
        """
        assert self.flow.response
        if self.flow.request.data.method == b"HEAD" and not already_streamed:
            self.flow.response.data.content = b""
        return super().send_response(already_streamed)

    def lingers(self) -> bool:
        """Whether the client has its terminal event, but the upstream's body goes on."""
        return False

    def client_gone(self, event: RequestProtocolError) -> CommandGenerator[None]:
        """Cancels the upstream and ends the flow with an error, since the client is gone."""
        yield from self.let_go(event.message)
        if self.server_state not in (self.state_done, self.state_errored):
            self.flow.error = mflow.Error(event.message)
            yield HttpErrorHook(self.flow)
        self.client_state = self.server_state = self.state_errored
        self.flow.live = False
        yield DropStream(self.stream_id)

    def stopped(self) -> CommandGenerator[bool]:
        """Whether the client left or the flow was killed while a hook ran.

        Then nothing more may be sent to either side.
        """
        if self.flow.error is None and not self._paused_event_queue:
            return False  # mostly: neither could have happened
        if not (yield from self.check_killed(True)):
            return False
        yield from self.let_go("killed")
        yield DropStream(self.stream_id)
        return True


def _no() -> CommandGenerator[bool]:
    yield from ()
    return False


def ignore(event: events.Event) -> CommandGenerator[None]:
    """Handles an event of a stream that is over: nothing comes of it."""
    return nothing()
