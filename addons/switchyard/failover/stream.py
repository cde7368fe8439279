"""One client request over all its attempts."""

import time

from mitmproxy import http
from mitmproxy.connection import Connection
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import ErrorCode
from mitmproxy.proxy.layers.http import GetHttpConnectionCompleted
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
from mitmproxy.proxy.layers.http._hooks import HttpRequestHeadersHook
from mitmproxy.proxy.layers.http._hooks import HttpRequestHook
from mitmproxy.proxy.layers.http._hooks import HttpResponseHeadersHook
from mitmproxy.proxy.layers.http._hooks import HttpResponseHook

from switchyard.egress.connect import GetEgressConnection
from switchyard.failover.attempt import Attempt
from switchyard.failover.attempt import AttemptFailure
from switchyard.failover.attempt import Receiver
from switchyard.failover.deadlines import DeadlineReached
from switchyard.failover.fast_path import PieceRead
from switchyard.failover.fast_path import enable_fast_path
from switchyard.failover.hooks import AttemptEndedHook
from switchyard.failover.hooks import AttemptHook
from switchyard.failover.layer import FailoverLayer
from switchyard.failover.layer import layer_of
from switchyard.failover.refusing import RefusingStream
from switchyard.failover.upgrade import upgrade
from switchyard.failover.upstream_request import PHASES
from switchyard.failover.upstream_request import UpstreamRequest
from switchyard.protocols.http1_client import http1_client_of
from switchyard.protocols.http2_client import UNDONE
from switchyard.protocols.retired import retire

SWITCHING = 101
"""The status with which a connection goes over to another protocol."""

CLOSED = "server closed connection"
"""What mitmproxy says of a server that closed a connection without a byte in answer."""

_UNREADABLE = "Cannot parse HTTP response: "
"""What mitmproxy says before why a head could not be read."""

LINGER = 0.5
"""Seconds an upstream gets to close an answer that is already complete. Its connection can be used
again if it does; the client does not wait longer than this for the end."""


_FROM_UPSTREAM = (
    PieceRead,
    ResponseHeaders,
    ResponseData,
    ResponseTrailers,
    ResponseEndOfMessage,
    ResponseProtocolError,
)


class FailoverStream(RefusingStream):
    """mitmproxy's stream, with the request sent by attempts where its flow is routed.

    The stream takes over where mitmproxy's own would connect (`make_server_connection`). From there
    on each attempt is a leg; usually one runs, and two where a slow one is hedged. The first leg
    to commit wins, and the client sees nothing of any other. All other flows take mitmproxy's way.

    The stream never waits for a connection as mitmproxy's does: beats, deadlines, the other leg
    and the client's leaving are attended to meanwhile. It does wait for hooks.
    """

    # Not the hook at the end of an attempt: plans may be long, and each attempt would be nested in
    # the one before it.
    quick_hooks = (
        AttemptHook,
        HttpRequestHeadersHook,
        HttpRequestHook,
        HttpResponseHeadersHook,
        HttpResponseHook,
    )
    upstream_requests: list[UpstreamRequest]
    """The attempts that are running."""
    winner: UpstreamRequest | None = None
    """The one whose answer the client sees."""

    def __init__(self, context: Context, stream_id: int) -> None:
        super().__init__(context, stream_id)
        self.upstream_requests = []
        self._attempts = 0
        self._taken_over = False

    @property
    def layer(self) -> FailoverLayer:
        return layer_of(self)

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, DeadlineReached):
            yield from self.check_deadlines()
        elif isinstance(event, GetHttpConnectionCompleted):
            yield from self.connected(event)
        elif isinstance(event, _FROM_UPSTREAM) and event.stream_id < 0:
            leg = next((leg for leg in self.upstream_requests if leg.id == event.stream_id), None)
            if leg is not None:
                yield from self.received(leg, event)
        elif isinstance(event, RequestProtocolError) and self._taken_over:
            yield from self.client_gone(event)
        else:
            yield from super()._handle_event(event)

    def state_wait_for_request_headers(self, event: events.Event) -> CommandGenerator[None]:
        # mitmproxy fills in the destination from the Host header, after which a request to us as a
        # web server cannot be told from one to us as a proxy.
        assert isinstance(event, RequestHeaders)
        is_proxy = self.mode in (HTTPMode.regular, HTTPMode.upstream)
        addressed_to_us = is_proxy and not event.request.host
        steps = super().state_wait_for_request_headers(event)
        try:
            command = next(steps)
            if addressed_to_us:
                self.layer.own.add(self.flow.id)
            while True:
                reply = yield command
                if type(command) is HttpRequestHeadersHook:
                    wait = self.take_refusal()
                    if wait is not None:
                        steps.close()
                        yield from self.refuse(wait, event.end_stream)
                        return
                    early = self.early_answer(event.end_stream)
                    if early is not None:
                        steps.close()
                        yield from self.answer_early(early)
                        return
                command = steps.send(reply)
        except StopIteration:
            yield from self.await_body(event.end_stream)

    def make_server_connection(self) -> CommandGenerator[bool]:
        if self.flow.id in self.layer.routed:
            self._taken_over = True
            yield from self.make_attempt()
            return False  # mitmproxy's own sending ends here
        if not self.layer.may_forward(self.flow):
            yield from self.send_answer(None)
            return False
        return (yield from super().make_server_connection())

    def send_response(self, already_streamed: bool = False) -> CommandGenerator[None]:
        assert self.flow.response
        talk = None
        if self.flow.response.status_code == SWITCHING:
            talk = self.layer.sessions.pop(self.flow.id, None)
        if talk is not None:
            yield from upgrade(self, self.layer, talk)
        else:
            yield from super().send_response(already_streamed)

    def make_attempt(self, hedge: bool = False) -> CommandGenerator[None]:
        """Ask for an attempt and begin it, or for an answer, or for patience."""
        self._attempts += 1
        attempt = Attempt(flow=self.flow, number=self._attempts, hedge=hedge)
        yield AttemptHook(attempt)
        if (yield from self.stopped()):
            return
        if attempt.heart is not None and self.heart is None:
            self.heart = attempt.heart
            yield from self.arm("heartbeat", self.heart.after)
        self.listener = self.listener or attempt.listener
        if attempt.request is not None and attempt.receiver is not None:
            yield from self.begin(attempt, attempt.request, attempt.receiver)
        elif hedge:
            return
        elif attempt.wait is not None:
            yield from self.arm("wait", attempt.wait)
        else:
            yield from self.send_answer(attempt.answer)

    def begin(
        self, attempt: Attempt, request: http.Request, receiver: Receiver, fresh: bool = False
    ) -> CommandGenerator[None]:
        way = attempt.way
        wanted = GetEgressConnection(
            way.address(request.host, request.port) if way else (request.host, request.port),
            request.scheme == "https",
            way.via if way else None,
        )
        wanted.way, wanted.own, wanted.fresh = way, attempt.hedge or fresh, fresh
        # As mitmproxy marks a command whose reply is awaited by one layer alone. Marked before it
        # is handed over, not even this layer waits: the reply comes as an event.
        wanted.blocking = self
        leg = UpstreamRequest(
            attempt=attempt,
            receiver=receiver,
            id=self.layer.open_attempt(self),
            wanted=wanted,
        )
        self.upstream_requests.append(leg)
        yield from self.arm(leg.deadline("total"), attempt.timeouts.total)
        if attempt.hedge_after is not None:
            yield from self.arm("hedge", attempt.hedge_after)
        yield from self.arm(leg.deadline("connect"), attempt.timeouts.connect)
        yield wanted

    def connected(self, event: GetHttpConnectionCompleted) -> CommandGenerator[None]:
        leg = next((leg for leg in self.upstream_requests if leg.wanted is event.command), None)
        if leg is None:
            return  # given up meanwhile
        connection, err = event.reply
        self.disarm(leg.deadline("connect"))
        if connection is None:
            yield from self.upstream_request_failed(leg, AttemptFailure("connect", str(err)))
            return
        yield from self.send(leg, connection)

    def send(self, leg: UpstreamRequest, server: Connection) -> CommandGenerator[None]:
        timeouts, request = leg.attempt.timeouts, leg.attempt.request
        assert request
        leg.server = self.context.server = self.flow.server_conn = server  # type: ignore
        leg.state = "head"
        leg.attempt.sent_at = time.monotonic()
        if self.layer.pool is not None:
            self.layer.pool.remove(server)  # type: ignore[arg-type]
        client = http1_client_of(self.layer, server)
        if client is not None and client.answered_at is not None:
            leg.resend, leg.idle_for = request, leg.attempt.sent_at - client.answered_at
        elif client is None and not leg.wanted.fresh:
            leg.resend = request  # HTTP/2, whose servers say what they have not begun with
        yield from self.arm(leg.deadline("first-byte"), timeouts.first_byte)
        yield from self.arm(leg.deadline("first-output"), timeouts.first_output)
        content = request.raw_content
        yield SendHttp(RequestHeaders(leg.id, request, not content), server)
        if content:
            yield SendHttp(RequestData(leg.id, content), server)
        yield SendHttp(RequestEndOfMessage(leg.id), server)
        leg.attempt.wipe()

    def received(self, leg: UpstreamRequest, event: events.Event) -> CommandGenerator[None]:
        """What the upstream of a leg sent."""
        match event:
            case ResponseProtocolError(message=message) if leg.resend and message == CLOSED:
                if leg.was_stale(time.monotonic()):
                    yield from self.send_anew(leg, leg.resend)
                else:
                    yield from self.broken(leg, AttemptFailure("reset", message))
            case ResponseProtocolError(message=message) if leg.resend and message in UNDONE:
                yield from self.send_anew(leg, leg.resend)
            case ResponseProtocolError(message=message):
                yield from self.broken(leg, AttemptFailure("reset", _reason(message)))
            case ResponseHeaders(response=response) if leg.state == "head":
                self.disarm(leg.deadline("first-byte"))
                leg.state = "body"
                leg.resend = None
                leg.receiver.start(response)
            case PieceRead(data=data):
                yield from self.received_data(leg, data)
            case ResponseData(data=data) if leg.state == "body":
                yield from self.received_data(leg, leg.receiver.data(data))
            case ResponseEndOfMessage() if leg.state == "body":
                self.retire(leg)
                self.layer.offer(leg.server)
                yield from self.forward(leg, leg.receiver.end(), ended=True)
            case ResponseTrailers():
                pass  # nothing in the formats routed here is said in trailers
            case _:
                yield from self.broken(
                    leg, AttemptFailure("reset", "the upstream broke the HTTP protocol")
                )

    def send_anew(self, leg: UpstreamRequest, request: http.Request) -> CommandGenerator[None]:
        """The upstream closed a connection that had been idle, at once and with no byte in answer:
        it did so before it knew of the request, or said in HTTP/2 that it has not begun with it.
        The attempt goes on with a new connection.

        RFC 9110, 9.2.2, allows that for any method where the request is known not to have been
        acted upon. nginx and Go's client are stricter with POST, which is hardly known. Here it
        would be sent again anyway, to the next member, as after every reset before the answer.
        """
        self.retire(leg)
        leg.attempt.request = request
        yield from self.begin(leg.attempt, request, leg.receiver, fresh=True)

    def received_data(self, leg: UpstreamRequest, data: bytes) -> CommandGenerator[None]:
        if leg.receiver.enough:
            yield from self.cancel(leg, "the response is complete")
            yield from self.forward(leg, data + leg.receiver.end(), ended=True)
        else:
            yield from self.forward(leg, data)

    def forward(
        self, leg: UpstreamRequest, data: bytes, ended: bool = False
    ) -> CommandGenerator[None]:
        """Pass on what the receiver made of the upstream's last piece, by what it says of it."""
        receiver = leg.receiver
        if self.winner is not leg:
            if receiver.failed or (ended and not receiver.committed):
                yield from self.upstream_request_failed(
                    leg, AttemptFailure("answer", "the response is an error")
                )
                return
            if not receiver.committed:
                if receiver.done:
                    yield from self.arm(leg.deadline("linger"), LINGER)
                return
            if not (yield from self.win(leg)):
                return
        yield from self.send_data(data)
        if receiver.failed and receiver.resumable:
            yield from self.resume(leg, AttemptFailure("answer", "the response broke off"))
        elif receiver.failed or ended:
            yield from self.finish()
        elif receiver.done:
            self.disarm("between-chunks")
            yield from self.arm(leg.deadline("linger"), LINGER)
        else:
            yield from self.arm("between-chunks", leg.attempt.timeouts.between_chunks)

    def win(self, leg: UpstreamRequest) -> CommandGenerator[bool]:
        """The leg's answer is the one; whether its data shall follow."""
        self.winner = leg
        self.disarm("hedge", leg.deadline("first-output"))
        if not leg.receiver.whole:
            leg.progress = leg.receiver.progress
            yield from self.arm(leg.deadline("mute"), leg.may_be_mute)
        if leg.receiver.verbatim:
            self.heart = None
            self.disarm("heartbeat")
        if leg.server is not None:
            self.flow.server_conn = leg.server  # type: ignore
        for loser in [other for other in self.upstream_requests if other is not leg]:
            yield from self.cancel(loser, "another attempt was faster")
            loser.attempt.lost = True
            yield AttemptEndedHook(loser.attempt)
            if (yield from self.stopped()):
                return False
        if self.broke_off is not None:
            self.broke_off = None
            return True  # the client's stream is open
        if leg.receiver.whole:
            yield from self.cancel(leg, "complete")
            yield from self.send_answer(leg.receiver.head())
            return False
        if not (yield from self.start_streaming(leg.receiver.head())):
            return False
        assert self.flow.response
        # With the head that was sent, maybe by the heart.
        enable_fast_path(self, self.layer, leg, self.flow.response, lambda: self.winner is leg)
        return True

    def upstream_request_failed(
        self, leg: UpstreamRequest, failure: AttemptFailure
    ) -> CommandGenerator[None]:
        """An attempt failed before the client saw any of it: another one, or the end."""
        attempt = leg.attempt
        attempt.failure = failure
        yield from self.cancel(leg, failure.message)
        yield AttemptEndedHook(attempt)
        if (yield from self.stopped()) or self.upstream_requests:
            return  # where another leg runs, it decides
        self.disarm("hedge")
        if attempt.again:
            yield from self.make_attempt()
        else:
            yield from self.send_answer(attempt.answer)

    def broken(self, leg: UpstreamRequest, failure: AttemptFailure) -> CommandGenerator[None]:
        """The upstream's answer will not go on."""
        receiver = leg.receiver
        if self.winner is leg:
            if not receiver.done:
                yield from self.send_data(receiver.broken(failure))
            if receiver.failed and receiver.resumable:
                yield from self.resume(leg, failure)
            else:
                yield from self.finish()
            return
        if leg.state == "body":
            rest = receiver.broken(failure)
            if not receiver.failed:
                yield from self.cancel(leg, "complete")
                yield from self.forward(leg, rest, ended=True)
                return
        yield from self.upstream_request_failed(leg, failure)

    def resume(self, leg: UpstreamRequest, failure: AttemptFailure) -> CommandGenerator[None]:
        """The answer broke off in the client's sight: let another attempt go on with it."""
        self.winner, self.broke_off = None, leg
        self.disarm("between-chunks")
        yield from self.upstream_request_failed(leg, failure)

    def retire(self, leg: UpstreamRequest) -> None:
        """The leg's upstream has nothing more to say, or nobody listens any more."""
        if leg.state != "over":
            leg.state = "over"
            self.layer.close_attempt(leg.id)
        if leg in self.upstream_requests:
            self.upstream_requests.remove(leg)
        leg.attempt.wipe()
        self.disarm(*map(leg.deadline, (*PHASES, "linger", "mute")))

    def cancel(self, leg: UpstreamRequest, why: str) -> CommandGenerator[None]:
        """Tell the upstream, if it still has something to say, that nobody listens."""
        listening, connecting = leg.state in ("head", "body"), leg.state == "connecting"
        self.retire(leg)
        if connecting:
            yield from self.layer.cancel_connecting(leg.wanted)
        elif listening and leg.server is not None and leg.server in self.layer.connections:
            yield SendHttp(RequestProtocolError(leg.id, why, ErrorCode.CANCEL), leg.server)

    def let_go(self, why: str) -> CommandGenerator[None]:
        self.deadlines.clear()
        for leg in list(self.upstream_requests):
            yield from self.cancel(leg, why)

    def check_deadlines(self) -> CommandGenerator[None]:
        past = self.take_past()
        if "refusal" in past:
            yield from self.answer_refused()
            return
        if "stop" in past:
            yield from self.stop()
            return
        if "body" in past:
            yield from self.body_late()
        if "heartbeat" in past:
            yield from self.heartbeat()
        if "wait" in past:
            yield from self.make_attempt()
        if "hedge" in past and self.upstream_requests and self.winner is None:
            yield from self.make_attempt(hedge=True)
        if "between-chunks" in past and self.winner is not None:
            _give_up_on(self.winner)
            yield from self.broken(self.winner, self.winner.timeout("between-chunks"))
        for leg in list(self.upstream_requests):
            if leg.deadline("mute") in past:
                yield from self.check_progress(leg)
                continue
            if leg.deadline("linger") in past:
                yield from self.cancel(leg, "complete")
                yield from self.forward(leg, leg.receiver.end(), ended=True)
                continue
            phase = next((p for p in PHASES if leg.deadline(p) in past), None)
            if phase is not None and leg in self.upstream_requests:
                _give_up_on(leg)
                yield from self.broken(leg, leg.timeout(phase))

    def stop(self) -> CommandGenerator[None]:
        """The router ends. Who has seen nothing yet sees the connection close, and asks again."""
        if (leg := self.winner) is None:
            return
        rest = leg.receiver.broken(AttemptFailure("reset", "the router is stopping"))
        if leg.receiver.failed and leg.receiver.resumable:
            rest += leg.receiver.closing()
        yield from self.send_data(rest)
        yield from self.finish()

    def check_progress(self, leg: UpstreamRequest) -> CommandGenerator[None]:
        """Pings and comments keep a stream alive, but not one that says nothing any more."""
        seconds, before = leg.may_be_mute, leg.progress
        leg.progress = leg.receiver.progress
        if leg.progress != before:
            yield from self.arm(leg.deadline("mute"), seconds)
        else:
            _give_up_on(leg)
            said = f"only keep-alives arrived for {seconds:g} s"
            yield from self.broken(leg, AttemptFailure("timeout", said, "between-chunks"))


def _give_up_on(leg: UpstreamRequest) -> None:
    """A connection on which nothing came in time may be dead without anybody's having said so: the
    next request takes another one, also where this one could carry it beside others."""
    if leg.server is not None:
        retire(leg.server)


def _reason(message: str) -> str:
    """mitmproxy's words for a broken answer, without the bytes of the answer it may quote."""
    if message.startswith("unexpected server response"):
        return "the connection closed within the head of the response"
    if message.startswith(_UNREADABLE):
        said = message.removeprefix(_UNREADABLE)
        if said.startswith("the head of the response"):
            return said
        return "the response is not valid HTTP"
    return message.replace("reset by client", "reset by the upstream")
