"""One client request over all its attempts: the state machine of failover.

Theory of operation
-------------------

`FailoverStream` takes over from mitmproxy's stream at the point where that would connect to the
server (`make_server_connection`), if the flow is routed. From there on an exchange is in one of
five states:

    waiting      no upstream request runs; a hook, or the deadline WAIT, decides the next step
    racing       one upstream request runs, or two if a slow one is hedged; the client has seen
                 nothing but keep-alives
    streaming    one has won (`winner`): the client receives its response
    continuing   the winner's response broke off after output (`broke_off`), and upstream requests
                 race for the continuation of the client's open stream
    done         the client has a complete response, or is gone

The transitions between them:

    from         by                                              to
    (start)      the request is complete                         waiting: hook `attempt`
    waiting      the hook sets a request                         racing
    waiting      the hook sets `wait`                            waiting, until the deadline
    waiting      the hook sets an answer                         done
    racing       a receiver commits: `_win`; all others end      streaming; done if it is one body
    racing       HEDGE passes: hook `attempt` once more          racing, with two
    racing       the last one fails: hook `attempt_ended`        waiting (`again`), or done
    streaming    the response ends                               done
    streaming    it breaks off and cannot be continued           done: the stream ends in an error
    streaming    it breaks off and can be: `_resume`             continuing
    continuing   a receiver commits                              streaming
    continuing   none does, and `attempt_ended` gives up         done: the stream ends in an error
    streaming    the client goes with its terminal event         streaming, until the body's end
    any          the client goes, the flow is killed             done: upstream requests end
    any          the process stops                               done: the response is an error

`continuing` is `waiting` and `racing` again, with `broke_off` set. `UpstreamRequest` handles one
upstream request (connect, send, read, deadlines), and calls `forward` and `broken` here;
`ResponseStream` sends the client's response; `RequestStream` limits how much of the client's
request is read.

Unlike mitmproxy's, the stream does not wait for connections: meanwhile it handles heartbeats,
deadlines, another upstream request and the client's disconnect. It does wait for hooks: while one
runs, events are queued, and after it the flow may have been killed (`stopped`).
"""

from mitmproxy import http
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import GetHttpConnectionCompleted
from mitmproxy.proxy.layers.http import HttpEvent
from mitmproxy.proxy.layers.http import RequestProtocolError
from mitmproxy.proxy.layers.http import ResponseData
from mitmproxy.proxy.layers.http import ResponseEndOfMessage
from mitmproxy.proxy.layers.http import ResponseHeaders
from mitmproxy.proxy.layers.http import ResponseProtocolError
from mitmproxy.proxy.layers.http import ResponseTrailers
from mitmproxy.proxy.layers.http._hooks import HttpRequestHeadersHook
from mitmproxy.proxy.layers.http._hooks import HttpRequestHook
from mitmproxy.proxy.layers.http._hooks import HttpResponseHeadersHook
from mitmproxy.proxy.layers.http._hooks import HttpResponseHook

from switchyard.egress.connect import GetEgressConnection
from switchyard.failover.attempt import Attempt
from switchyard.failover.attempt import AttemptFailure
from switchyard.failover.attempt import Receiver
from switchyard.failover.deadlines import Deadline
from switchyard.failover.deadlines import DeadlineReached
from switchyard.failover.fast_path import enable_fast_path
from switchyard.failover.hooks import AttemptEndedHook
from switchyard.failover.hooks import AttemptHook
from switchyard.failover.leaving import stop
from switchyard.failover.lingering import is_lingering
from switchyard.failover.lingering import leave
from switchyard.failover.lingering import linger
from switchyard.failover.plain_response import send_plain_response
from switchyard.failover.request_stream import RequestStream
from switchyard.failover.upgrade import upgrade
from switchyard.failover.upstream_request import PieceRead
from switchyard.failover.upstream_request import UpstreamRequest
from switchyard.protocols.http1 import SWITCHING
from switchyard.protocols.http1 import nothing

_FROM_UPSTREAM = frozenset(
    {
        PieceRead,
        ResponseHeaders,
        ResponseData,
        ResponseTrailers,
        ResponseEndOfMessage,
        ResponseProtocolError,
    }
)


class FailoverStream(RequestStream):
    """Extends mitmproxy's stream: a routed flow's request is sent by attempts."""

    # Without AttemptEndedHook, with which each attempt of a long plan would nest in the last.
    quick_hooks = (
        AttemptHook,
        HttpRequestHeadersHook,
        HttpRequestHook,
        HttpResponseHeadersHook,
        HttpResponseHook,
    )
    upstream_requests: list[UpstreamRequest]
    """The running upstream requests."""
    winner: UpstreamRequest | None = None
    """The upstream request whose response the client receives."""

    def __init__(self, context: Context, stream_id: int) -> None:
        super().__init__(context, stream_id)
        self.upstream_requests = []
        self._attempts = 0
        self.taken_over = False

    def release(self) -> None:
        super().release()
        self.winner = None

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        # Here and below, methods return the generators of others if nothing follows them:
        # every command passes through each enclosing generator.
        kind = type(event)
        if kind in _FROM_UPSTREAM and event.stream_id < 0:  # type: ignore[attr-defined]
            return self._received(event)  # type: ignore[arg-type]
        if kind is DeadlineReached:
            return self.check_deadlines()
        if kind is GetHttpConnectionCompleted:
            return self.connected(event)  # type: ignore[arg-type]
        if kind is RequestProtocolError and self.taken_over:
            return leave(self, event)  # type: ignore[arg-type]
        return super()._handle_event(event)

    def _received(self, event: HttpEvent) -> CommandGenerator[None]:
        for upstream in self.upstream_requests:
            if upstream.id == event.stream_id:
                return upstream.received(event)
        return nothing()

    def make_server_connection(self) -> CommandGenerator[bool]:
        # None ends mitmproxy's own sending, as False does.
        if self.flow.id in self.layer.routed:
            self.taken_over = True
            return self.make_attempt()  # type: ignore[return-value]
        if not self.layer.may_forward(self.flow):
            return self.send_answer(None)  # type: ignore[return-value]
        return super().make_server_connection()

    def send_response(self, already_streamed: bool = False) -> CommandGenerator[None]:
        assert self.flow.response
        status, method = self.flow.response.data.status_code, self.flow.request.data.method
        if status == SWITCHING and self.flow.id in self.layer.sessions:
            return upgrade(self, self.layer, self.layer.sessions.pop(self.flow.id))
        if status != SWITCHING and method != b"HEAD" and self.client_state == self.state_done:
            return send_plain_response(self, self.layer, already_streamed)
        return super().send_response(already_streamed)

    def make_attempt(self, hedge: bool = False) -> CommandGenerator[None]:
        """Calls the `attempt` hook, which decides to send an attempt, wait or answer."""
        self._attempts += 1
        attempt = Attempt(flow=self.flow, number=self._attempts, hedge=hedge)
        yield AttemptHook(attempt)
        if (yield from self.stopped()):
            return
        if attempt.heart is not None and self.heart is None:
            self.heart = attempt.heart
            yield from self.deadlines.arm(Deadline.HEARTBEAT, self.heart.after)
        self.listener = self.listener or attempt.listener
        if attempt.request is not None and attempt.receiver is not None:
            yield from self.begin(attempt, attempt.request, attempt.receiver)
        elif hedge:
            return
        elif attempt.wait is not None:
            yield from self.deadlines.arm(Deadline.WAIT, attempt.wait)
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
        # mitmproxy marks a command this way if only one layer waits for its reply. Since the mark
        # is set beforehand, not even this layer waits: the reply arrives as an event.
        wanted.blocking = self
        upstream = UpstreamRequest(self, attempt, receiver, self.layer.open_attempt(self), wanted)
        self.upstream_requests.append(upstream)
        return upstream.begin()

    def connected(self, event: GetHttpConnectionCompleted) -> CommandGenerator[None]:
        for_it = (one for one in self.upstream_requests if one.wanted is event.command)
        if (upstream := next(for_it, None)) is None:
            return nothing()  # the attempt was abandoned meanwhile
        connection, error = event.reply
        self.deadlines.disarm(Deadline.CONNECT, upstream)
        if connection is None:
            return self._failed(upstream, AttemptFailure("connect", str(error)))
        return upstream.connected(connection)

    def forward(
        self, upstream: UpstreamRequest, data: bytes, ended: bool = False
    ) -> CommandGenerator[None]:
        """Passes on the receiver's output for the last piece, according to its state."""
        receiver = upstream.receiver
        if self.winner is upstream:
            return self._pass_on(upstream, data, ended)
        if receiver.failed or (ended and not receiver.committed):
            return self._failed(upstream, AttemptFailure("answer", "the response is an error"))
        if receiver.committed:
            return self._win(upstream, data, ended)
        return linger(self, upstream) if receiver.done else nothing()

    def _pass_on(
        self, upstream: UpstreamRequest, data: bytes, ended: bool
    ) -> CommandGenerator[None]:
        """Sends the client the output of the winner's receiver."""
        receiver = upstream.receiver
        yield from self.send_data(data)
        if receiver.failed and receiver.resumable:
            yield from self._resume(upstream, AttemptFailure("answer", "the response broke off"))
        elif receiver.failed or ended:
            yield from self.finish()
        elif receiver.done:
            yield from linger(self, upstream)
        elif upstream.spare is None:
            seconds = upstream.attempt.timeouts.between_chunks
            yield from self.deadlines.arm(Deadline.BETWEEN_CHUNKS, seconds, upstream)

    def broken(self, upstream: UpstreamRequest, failure: AttemptFailure) -> CommandGenerator[None]:
        """Handles an upstream response that broke off."""
        receiver = upstream.receiver
        if self.winner is upstream:
            if not receiver.done:
                yield from self.send_data(upstream.break_off(failure))
            if receiver.failed and receiver.resumable:
                yield from self._resume(upstream, failure)
            else:
                yield from self.finish()
            return
        if upstream.state == "body":
            rest = upstream.break_off(failure)
            if not receiver.failed:
                yield from upstream.cancel("complete")
                yield from self.forward(upstream, rest, ended=True)
                return
        yield from self._failed(upstream, failure)

    def _win(self, upstream: UpstreamRequest, data: bytes, ended: bool) -> CommandGenerator[None]:
        """Makes `upstream` the winner: the client gets its response from `data` on."""
        self.winner, upstream.wins = upstream, True
        receiver = upstream.receiver
        self.deadlines.disarm(Deadline.HEDGE)
        self.deadlines.disarm(Deadline.FIRST_OUTPUT, upstream)
        if not receiver.whole:
            yield from upstream.await_progress()
        if receiver.verbatim:
            self.heart = None
            self.deadlines.disarm(Deadline.HEARTBEAT)
        if upstream.server is not None:
            self.flow.server_conn = upstream.server  # type: ignore[assignment]
        for loser in [other for other in self.upstream_requests if other is not upstream]:
            yield from loser.cancel("another attempt was faster")
            loser.attempt.lost = True
            yield AttemptEndedHook(loser.attempt)
            if (yield from self.stopped()):
                return
        if self.broke_off is not None:
            self.broke_off = None  # the client's stream is open
        elif receiver.whole:
            yield from upstream.cancel("complete")
            yield from self.send_answer(receiver.head())
            return
        elif not (yield from self.start_streaming(receiver.head())):
            return
        else:
            assert self.flow.response
            # `flow.response` has the head that was sent, maybe by the heart.
            enable_fast_path(self, self.layer, upstream, self.flow.response)
        yield from self._pass_on(upstream, data, ended)

    def _failed(self, upstream: UpstreamRequest, failure: AttemptFailure) -> CommandGenerator[None]:
        """Handles a failure before output: another attempt, or the end."""
        attempt = upstream.attempt
        attempt.failure = failure
        yield from upstream.cancel(failure.message)
        yield AttemptEndedHook(attempt)
        if (yield from self.stopped()) or self.upstream_requests:
            return  # another upstream request still runs, and decides
        self.deadlines.disarm(Deadline.HEDGE)
        if attempt.again:
            yield from self.make_attempt()
        else:
            yield from self.send_answer(attempt.answer)

    def _resume(self, upstream: UpstreamRequest, failure: AttemptFailure) -> CommandGenerator[None]:
        """Lets another attempt continue a response that broke off after output."""
        self.winner, upstream.wins = None, False
        self.broke_off = upstream.receiver
        yield from self._failed(upstream, failure)

    def lingers(self) -> bool:
        return is_lingering(self.winner, self._paused)

    def let_go(self, why: str) -> CommandGenerator[None]:
        self.deadlines.clear()
        for upstream in list(self.upstream_requests):
            yield from upstream.cancel(why)

    def check_deadlines(self) -> CommandGenerator[None]:
        past = self.deadlines.take_past()
        own = {deadline for deadline, request in past if request is None}
        if Deadline.REFUSAL in own:
            yield from self.answer_refused()
            return
        if Deadline.STOP in own:
            yield from stop(self)
            return
        if Deadline.BODY in own:
            yield from self.body_late()
        if Deadline.HEARTBEAT in own:
            yield from self.heartbeat()
        if Deadline.WAIT in own:
            yield from self.make_attempt()
        if Deadline.HEDGE in own and self.upstream_requests and self.winner is None:
            yield from self.make_attempt(hedge=True)
        for upstream in list(self.upstream_requests):
            if upstream in self.upstream_requests:
                yield from upstream.check_deadlines(past)
