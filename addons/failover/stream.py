"""One client request over all its attempts."""

import time

from mitmproxy import flow as mflow
from mitmproxy import http
from mitmproxy.proxy import events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import DropStream
from mitmproxy.proxy.layers.http import ErrorCode
from mitmproxy.proxy.layers.http import GetHttpConnection
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.layers.http import RequestData
from mitmproxy.proxy.layers.http import RequestEndOfMessage
from mitmproxy.proxy.layers.http import RequestHeaders
from mitmproxy.proxy.layers.http import RequestProtocolError
from mitmproxy.proxy.layers.http import ResponseData
from mitmproxy.proxy.layers.http import ResponseEndOfMessage
from mitmproxy.proxy.layers.http import ResponseHeaders
from mitmproxy.proxy.layers.http import ResponseProtocolError
from mitmproxy.proxy.layers.http import ResponseTrailers
from mitmproxy.proxy.layers.http import SendHttp
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook
from mitmproxy.proxy.layers.http._hooks import HttpResponseHeadersHook

from addons.failover.attempt import Attempt
from addons.failover.attempt import Failure
from addons.failover.attempt import Heart
from addons.failover.attempt import Receiver
from addons.failover.deadlines import DeadlineReached
from addons.failover.deadlines import TimedStream
from addons.failover.hooks import AttemptEndedHook
from addons.failover.hooks import AttemptHook
from addons.failover.layer import FailoverLayer
from addons.failover.layer import layer_of

LINGER = 0.5
"""Seconds an upstream gets to close an answer that is already complete. Its connection can be used
again if it does; the client does not wait longer than this for the end."""

_FROM_UPSTREAM = (
    ResponseHeaders,
    ResponseData,
    ResponseTrailers,
    ResponseEndOfMessage,
    ResponseProtocolError,
)

_PHASES = {
    "connect": "no connection",
    "first-byte": "no answer began",
    "first-output": "no output came",
    "between-chunks": "the stream stalled",
    "total": "the answer was not complete",
}


class FailoverStream(TimedStream):
    """mitmproxy's stream, with the request sent by attempts where its flow is routed.

    The stream takes over where mitmproxy's own would connect (`make_server_connection`); from
    there on upstream events come to `state_attempt_*` below. All other flows take mitmproxy's way.
    """

    attempt: Attempt | None = None
    attempt_id: int = 0
    """The id of the running attempt towards its server; 0 while there is none."""
    committed: bool = False
    head_sent: bool = False
    heart: Heart | None = None

    @property
    def layer(self) -> FailoverLayer:
        return layer_of(self)

    @property
    def is_routed(self) -> bool:
        return self.flow.id in self.layer.routed

    @property
    def receiver(self) -> Receiver:
        assert self.attempt and self.attempt.receiver
        return self.attempt.receiver

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, DeadlineReached):
            yield from self.check_deadlines()
        elif isinstance(event, _FROM_UPSTREAM) and event.stream_id < 0:
            if event.stream_id == self.attempt_id:
                yield from self.server_state(event)
        elif isinstance(event, RequestProtocolError) and self.attempt is not None:
            yield from self.client_gone(event)
        else:
            yield from super()._handle_event(event)

    def state_wait_for_request_headers(self, event: events.Event) -> CommandGenerator[None]:
        # mitmproxy fills in the destination from the Host header, after which a request to us as a
        # web server cannot be told from one to us as a proxy.
        addressed_to_us = (
            isinstance(event, RequestHeaders)
            and self.mode is HTTPMode.regular
            and not event.request.host
        )
        steps = super().state_wait_for_request_headers(event)
        try:
            command = next(steps)
            if addressed_to_us:
                self.layer.own.add(self.flow.id)
            while True:
                command = steps.send((yield command))
        except StopIteration:
            return

    def make_server_connection(self) -> CommandGenerator[bool]:
        if self.is_routed:
            yield from self.run_attempts()
            return False  # mitmproxy's own sending ends here
        if not self.layer.may_forward(self.flow):
            yield from self.send_answer(None)
            return False
        return (yield from super().make_server_connection())

    def run_attempts(self) -> CommandGenerator[None]:
        """Make attempts until one is sent, or there is an answer without sending."""
        number = self.attempt.number if self.attempt else 0
        while True:
            number += 1
            self.attempt = attempt = Attempt(flow=self.flow, number=number)
            yield AttemptHook(attempt)
            if (yield from self.stopped()):
                return
            if attempt.heart is not None and self.heart is None:
                self.heart = attempt.heart
                yield from self.arm("heartbeat", self.heart.after)
            if attempt.wait is not None:
                yield from self.arm("wait", attempt.wait)
                return
            if attempt.request is None or attempt.receiver is None:
                yield from self.send_answer(attempt.answer)
                return
            problem = yield from self.connect(attempt, attempt.request)
            if (yield from self.stopped()):
                return
            if problem is None:
                yield from self.send_attempt(attempt, attempt.request)
                return
            attempt.failure = problem
            if not (yield from self.ask_again(attempt)):
                return

    def connect(self, attempt: Attempt, request: http.Request) -> CommandGenerator[Failure | None]:
        self.attempt_id = self.layer.open_attempt(self)
        if attempt.number == 1:
            yield from self.arm("total", attempt.timeouts.total)
        yield from self.arm("connect", attempt.timeouts.connect)
        connection, err = yield GetHttpConnection(
            (request.host, request.port), request.scheme == "https", attempt.via, "tcp"
        )
        late = next((phase for phase in ("total", "connect") if self.is_past(phase)), None)
        self.disarm("connect")
        if err is None:
            # It may have come up just as its time ran out. It is good, so it is used.
            self.context.server = self.flow.server_conn = connection
            return None
        return self.timeout(late) if late else Failure("connect", str(err))

    def send_attempt(self, attempt: Attempt, request: http.Request) -> CommandGenerator[None]:
        server = self.context.server
        content = request.raw_content
        self.server_state = self.state_attempt_head
        attempt.sent_at = time.monotonic()
        yield from self.arm("first-byte", attempt.timeouts.first_byte)
        yield from self.arm("first-output", attempt.timeouts.first_output)
        yield SendHttp(RequestHeaders(self.attempt_id, request, not content), server)
        if content:
            yield SendHttp(RequestData(self.attempt_id, content), server)
        yield SendHttp(RequestEndOfMessage(self.attempt_id), server)

    def state_attempt_head(self, event: events.Event) -> CommandGenerator[None]:
        match event:
            case ResponseHeaders(response=response):
                self.disarm("first-byte")
                self.receiver.start(response)
                self.server_state = self.state_attempt_body
            case ResponseProtocolError(message=message):
                yield from self.broken(Failure("reset", _reason(message)))
            case _:
                yield from self.broken(Failure("reset", "the upstream's answer makes no sense"))

    def state_attempt_body(self, event: events.Event) -> CommandGenerator[None]:
        match event:
            case ResponseData(data=data):
                yield from self.forward(self.receiver.data(data))
            case ResponseEndOfMessage():
                self.end_attempt()
                yield from self.forward(self.receiver.end(), ended=True)
            case ResponseProtocolError(message=message):
                yield from self.broken(Failure("reset", _reason(message)))
            case ResponseTrailers():
                pass  # nothing in the formats routed here is said in trailers
            case _:
                yield from self.broken(Failure("reset", "the upstream's answer makes no sense"))

    def forward(self, data: bytes, ended: bool = False) -> CommandGenerator[None]:
        """Pass on what the receiver made of the upstream's last piece, by what it says of it."""
        receiver, attempt = self.receiver, self.attempt
        assert attempt
        if not self.committed:
            if receiver.failed or (ended and not receiver.committed):
                yield from self.attempt_over(Failure("answer", "the answer is a failure"))
                return
            if not receiver.committed:
                if receiver.done:
                    yield from self.arm("linger", LINGER)
                return
            self.committed = True
            self.disarm("first-output")
            if receiver.whole:
                yield from self.cancel_attempt("complete")
                yield from self.send_answer(receiver.head())
                return
            if not (yield from self.start_streaming(receiver.head())):
                return
        yield from self.send_data(data)
        if receiver.failed or ended:
            yield from self.finish()
        elif receiver.done:
            self.disarm("between-chunks")
            yield from self.arm("linger", LINGER)
        else:
            yield from self.arm("between-chunks", attempt.timeouts.between_chunks)

    def start_streaming(self, head: http.Response) -> CommandGenerator[bool]:
        """Begin a streamed answer; whether that could be done."""
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
            head.headers["connection"] = "close"  # the end of the body is the end of the connection
        head.timestamp_start = time.time()
        self.flow.response = head
        self.head_sent = True
        yield SendHttp(ResponseHeaders(self.stream_id, head, end_stream=False), self.context.client)

    def send_data(self, data: bytes) -> CommandGenerator[None]:
        # An empty chunk would end a chunked body.
        if not data:
            return
        if self.context.options.store_streamed_bodies:
            self.response_body_buf += data
        if self.heart:
            yield from self.arm("heartbeat", self.heart.every)
        yield SendHttp(ResponseData(self.stream_id, data), self.context.client)

    def heartbeat(self) -> CommandGenerator[None]:
        """Show the client that somebody is there. Yields no command that waits for a reply, so that
        the layer can run it while the stream itself waits for a connection."""
        self.disarm("heartbeat")
        if self.heart is None:
            return
        if not self.head_sent:
            yield from self.send_head(self.heart.head())
        yield from self.send_data(self.heart.beat)

    def finish(self) -> CommandGenerator[None]:
        """End a streamed answer cleanly."""
        yield from self.cancel_attempt("complete")
        self.deadlines.clear()
        assert self.flow.response
        if self.context.options.store_streamed_bodies:
            self.flow.response.data.content = bytes(self.response_body_buf)
            self.response_body_buf.clear()
        yield from self.send_response(already_streamed=True)

    def send_answer(self, answer: http.Response | None) -> CommandGenerator[None]:
        """Give the client a complete answer, as the end of its stream where that has begun."""
        self.deadlines.clear()
        if self.head_sent and answer is not None and self.heart:
            closing = self.heart.closing(answer)
            yield HttpResponseHeadersHook(self.flow)
            if not (yield from self.stopped()):
                yield from self.send_data(closing)
                yield from self.finish()
            return
        # None: whoever was asked for an answer gave none, which only a bug can cause.
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

    def attempt_over(self, failure: Failure) -> CommandGenerator[None]:
        """The attempt failed before the client saw any of it."""
        assert self.attempt
        self.attempt.failure = failure
        yield from self.cancel_attempt(failure.message)
        if (yield from self.ask_again(self.attempt)):
            yield from self.run_attempts()

    def ask_again(self, attempt: Attempt) -> CommandGenerator[bool]:
        """Whether another attempt shall be made; gives the client its answer if not."""
        self.end_attempt()
        attempt.wipe()
        self.disarm("first-byte", "first-output", "between-chunks", "linger")
        yield AttemptEndedHook(attempt)
        if (yield from self.stopped()):
            return False
        if not attempt.again:
            yield from self.send_answer(attempt.answer)
        return attempt.again

    def broken(self, failure: Failure) -> CommandGenerator[None]:
        """The upstream's answer will not go on."""
        if not self.committed:
            if self.server_state == self.state_attempt_body:
                self.receiver.broken(failure)
            yield from self.attempt_over(failure)
            return
        if not self.receiver.done:
            yield from self.send_data(self.receiver.broken(failure))
        yield from self.finish()

    def end_attempt(self) -> None:
        """The upstream has nothing more to say in this attempt."""
        if self.attempt_id:
            self.layer.close_attempt(self.attempt_id)
            self.attempt_id = 0

    def cancel_attempt(self, why: str) -> CommandGenerator[None]:
        """Tell the upstream, if it still has something to say, that nobody listens."""
        attempt_id = self.attempt_id
        self.end_attempt()
        if attempt_id and self.context.server in self.layer.connections:
            event = RequestProtocolError(attempt_id, why, ErrorCode.CANCEL)
            yield SendHttp(event, self.context.server)

    def client_gone(self, event: RequestProtocolError) -> CommandGenerator[None]:
        """The client went away: the upstream shall stop, and the flow ends as an error."""
        yield from self.let_go(event.message)
        if self.server_state not in (self.state_done, self.state_errored):
            self.flow.error = mflow.Error(event.message)
            yield HttpErrorHook(self.flow)
        self.client_state = self.server_state = self.state_errored
        self.flow.live = False
        yield DropStream(self.stream_id)

    def stopped(self) -> CommandGenerator[bool]:
        """Whether, while a hook ran or a connection was made, the client went away or the flow
        was killed; then nothing more may be sent anywhere."""
        if not (yield from self.check_killed(True)):
            return False
        yield from self.let_go("killed")
        yield DropStream(self.stream_id)
        return True

    def let_go(self, why: str) -> CommandGenerator[None]:
        self.deadlines.clear()
        yield from self.cancel_attempt(why)
        if self.attempt:
            self.attempt.wipe()

    def timeout(self, phase: str) -> Failure:
        assert self.attempt
        seconds = getattr(self.attempt.timeouts, phase.replace("-", "_"))
        return Failure("timeout", f"{_PHASES[phase]} within {seconds:g} s", phase)

    def check_deadlines(self) -> CommandGenerator[None]:
        past = self.take_past()
        if "heartbeat" in past:
            past.remove("heartbeat")
            yield from self.heartbeat()
        if "wait" in past:
            yield from self.run_attempts()
        elif not past or not self.attempt_id:
            return
        elif "linger" in past:
            yield from self.cancel_attempt("complete")
            yield from self.forward(self.receiver.end(), ended=True)
        else:
            phase = "total" if "total" in past else past[0]
            yield from self.broken(self.timeout(phase))


def _reason(message: str) -> str:
    """mitmproxy's words for a broken answer, without the bytes of the answer it may quote."""
    if message.startswith("unexpected server response"):
        return "the connection closed within the head of the answer"
    if message.startswith("Cannot parse HTTP response"):
        return "the answer is not valid HTTP"
    return message
