"""One running attempt: from the connection to the end of its response."""

import time
from dataclasses import dataclass
from typing import Literal
from typing import Protocol

from mitmproxy import http
from mitmproxy.connection import Connection
from mitmproxy.connection import Server
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import ErrorCode
from mitmproxy.proxy.layers.http import HttpEvent
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

from switchyard.egress.connect import GetEgressConnection
from switchyard.failover.attempt import Attempt
from switchyard.failover.attempt import AttemptFailure
from switchyard.failover.attempt import Receiver
from switchyard.failover.deadlines import Deadline
from switchyard.failover.deadlines import DeadlineKey
from switchyard.failover.deadlines import Deadlines
from switchyard.failover.layer import FailoverLayer
from switchyard.failover.slow_clients import spare_slow_client
from switchyard.protocols.http1 import SWITCHING
from switchyard.protocols.http1 import nothing
from switchyard.protocols.http1_client import WholeRequest
from switchyard.protocols.http1_client import http1_client_of
from switchyard.protocols.http2_client import UNDONE
from switchyard.protocols.retired import retire
from switchyard.redaction.text import without_quoted

CLOSED = "server closed connection"
"""mitmproxy's text for a server that closed a connection without any response."""

_UNREADABLE = "Cannot parse HTTP response: "
"""The start of mitmproxy's text for an unreadable head."""

_UNFRAMED = "HTTP/1 protocol error: "
"""The start of mitmproxy's text for a body whose framing is broken, of which h11 quotes a line."""

STALE_AFTER = 2.0
"""Seconds of idleness after which servers close a connection at the earliest.

Source: the default of gunicorn.
"""

REFUSAL_WITHIN = 5.0
"""Seconds for the body of a response with an error's status."""

STALE_WITHIN = 0.1
"""Scheduling delay (seconds) tolerated when deciding that a connection was stale."""

_PHASES = {
    Deadline.BETWEEN_CHUNKS: "the stream stalled",
    Deadline.TOTAL: "the answer was not complete",
    Deadline.CONNECT: "no connection",
    Deadline.FIRST_BYTE: "no answer began",
    Deadline.FIRST_OUTPUT: "no output came",
}
"""The phases that a timeout ends, in the order in which they are checked."""


@dataclass
class PieceRead(HttpEvent):
    """The receiver's output for a piece of the response."""

    data: bytes


class Race(Protocol):
    """The stream's interface for its upstream requests, over which it decides."""

    context: Context
    flow: http.HTTPFlow
    layer: FailoverLayer
    deadlines: Deadlines
    upstream_requests: "list[UpstreamRequest]"

    def begin(
        self, attempt: Attempt, request: http.Request, receiver: Receiver, fresh: bool = False
    ) -> CommandGenerator[None]:
        """Sends an attempt, over a new connection if `fresh`."""
        ...

    def forward(
        self, upstream: "UpstreamRequest", data: bytes, ended: bool = False
    ) -> CommandGenerator[None]:
        """Passes on the receiver's `data` for the last piece; `ended` if no more follows."""
        ...

    def broken(
        self, upstream: "UpstreamRequest", failure: AttemptFailure
    ) -> CommandGenerator[None]:
        """Reports that the response broke off."""
        ...


class UpstreamRequest:
    """Sends one attempt and has its receiver read the response.

    `connecting` -> `head` (the request is sent) -> `body` -> `over`; every failure leads to `over`.
    """

    __slots__ = (
        "attempt",
        "held_since",
        "id",
        "idle_for",
        "progress",
        "race",
        "receiver",
        "resend",
        "server",
        "spare",
        "state",
        "wanted",
        "wins",
    )

    def __init__(
        self,
        race: Race,
        attempt: Attempt,
        receiver: Receiver,
        id: int,
        wanted: GetEgressConnection,
    ) -> None:
        """`id` is the attempt's towards its server, `wanted` asks for its connection."""
        self.race = race
        self.attempt = attempt
        self.receiver = receiver
        self.id = id
        self.wanted = wanted
        self.server: Connection | None = None
        self.resend: http.Request | None = None
        """The request, while the server may turn out not to have begun with it."""
        self.idle_for = 0.0
        """Seconds since the connection's last response."""
        self.progress = 0
        """The receiver's progress at the last check."""
        self.state: Literal["connecting", "head", "body", "over"] = "connecting"
        self.wins = False
        """Whether the client gets this response."""
        self.held_since: float | None = None
        """Since when the client takes nothing, as far as deadlines that passed told of it."""
        self.spare: int | None = None
        """Bytes that may still follow a complete response; None before it is complete."""

    def begin(self) -> CommandGenerator[None]:
        """Asks for a connection, unless there is one; it arrives later as an event."""
        deadlines, timeouts = self.race.deadlines, self.attempt.timeouts
        yield from deadlines.arm(Deadline.TOTAL, timeouts.total, self)
        if self.attempt.hedge_after is not None:
            yield from deadlines.arm(Deadline.HEDGE, self.attempt.hedge_after)
        ready = self.race.layer.upstreams.ready(self.wanted)
        if ready is not None:
            yield from self.connected(ready)
            return
        yield from deadlines.arm(Deadline.CONNECT, timeouts.connect, self)
        yield self.wanted

    def connected(self, server: Connection) -> CommandGenerator[None]:
        """Sends the request over the new connection."""
        race, attempt = self.race, self.attempt
        timeouts, request, layer = attempt.timeouts, attempt.request, race.layer
        assert request
        self.server = race.context.server = race.flow.server_conn = server  # type: ignore[assignment]
        self.state = "head"
        attempt.sent_at = time.monotonic()
        layer.upstreams.use(server)
        client = http1_client_of(layer, server)
        if client is not None and client.answered_at is not None:
            self.resend, self.idle_for = request, attempt.sent_at - client.answered_at
        elif client is None and not self.wanted.fresh:
            self.resend = request  # HTTP/2 servers report requests that they have not begun with
        yield from race.deadlines.arm(Deadline.FIRST_BYTE, timeouts.first_byte, self)
        yield from race.deadlines.arm(Deadline.FIRST_OUTPUT, timeouts.first_output, self)
        if client is not None and client.takes_whole(request):
            yield SendHttp(WholeRequest(self.id, request), server)
        else:
            content = request.raw_content
            yield SendHttp(RequestHeaders(self.id, request, not content), server)
            if content:
                yield SendHttp(RequestData(self.id, content), server)
            yield SendHttp(RequestEndOfMessage(self.id), server)
        attempt.wipe()

    def received(self, event: HttpEvent) -> CommandGenerator[None]:
        """Handles an event from the upstream."""
        state = self.state
        match event:
            case ResponseData(data=data) if state == "body":
                if self.spare is not None:
                    self.spare -= len(data)
                return self._received_data(self.read(data))
            case ResponseHeaders(response=response) if state == "head":
                if response.status_code == SWITCHING:  # unasked, and what follows is no HTTP
                    failure = AttemptFailure("reset", "the upstream switched to another protocol")
                    return self.race.broken(self, failure)
                self.race.deadlines.disarm(Deadline.FIRST_BYTE, self)
                self.state = "body"
                self.resend = None
                if self.attempt.observer is not None:
                    self.attempt.observer.head(response)
                self.receiver.start(response)
                return nothing() if response.status_code < 300 else _await_refusal(self)
            case ResponseEndOfMessage() if state == "body":
                self.retire()
                self.race.layer.upstreams.offer(self.server)
                return self.race.forward(self, self.end(), ended=True)
            case PieceRead(data=data):
                return self._received_data(data)
            case ResponseProtocolError(message=message):
                return self._reset(message)
            case ResponseTrailers():
                return nothing()  # the formats routed here have no trailers
        failure = AttemptFailure("reset", "the upstream broke the HTTP protocol")
        return self.race.broken(self, failure)

    def read(self, data: bytes) -> bytes:
        """Returns the receiver's output for a piece of the body."""
        if self.attempt.observer is not None:
            self.attempt.observer.received(data)
        return self.receiver.data(data)

    def skim(self, data: bytes) -> bytes | None:
        """Does the work of `read` for a piece with more text only; None for any other."""
        out = self.receiver.skim(data)
        if out is not None and self.attempt.observer is not None:
            self.attempt.observer.received(data)
        return out

    def end(self) -> bytes:
        """Returns the receiver's output for the end of the body."""
        if self.attempt.observer is not None:
            self.attempt.observer.ended()
        return self.receiver.end()

    def break_off(self, failure: AttemptFailure) -> bytes:
        """Returns the receiver's output for a body that broke off."""
        if self.attempt.observer is not None:
            self.attempt.observer.ended()
        return self.receiver.broken(failure)

    def _received_data(self, data: bytes) -> CommandGenerator[None]:
        if self.receiver.enough or (self.spare is not None and self.spare < 0):
            return self._end_early(data)
        return self.race.forward(self, data)

    def _end_early(self, data: bytes) -> CommandGenerator[None]:
        """Ends a response of which the receiver needs no more."""
        yield from self.cancel("the response is complete")
        yield from self.race.forward(self, data + self.end(), ended=True)

    def _reset(self, message: str) -> CommandGenerator[None]:
        if self.resend is None or (message != CLOSED and message not in UNDONE):
            return self.race.broken(self, AttemptFailure("reset", _reason(message)))
        if message == CLOSED and not _was_stale(self, time.monotonic()):
            return self.race.broken(self, AttemptFailure("reset", message))
        return self._send_anew(self.resend)

    def _send_anew(self, request: http.Request) -> CommandGenerator[None]:
        """Sends the attempt over a new connection if the upstream has not begun with it.

        The upstream closed an idle connection, at once and without a byte of response: before it
        received the request. Or it reported over HTTP/2 that it has not begun with it.

        RFC 9110, 9.2.2, allows that for any method if the request is known not to have been
        processed. nginx and Go's client are stricter with POST, where that is hardly known. Here
        the request would go to the next member anyway, as after every reset before the response.
        """
        self.retire()
        self.attempt.request = request
        return self.race.begin(self.attempt, request, self.receiver, fresh=True)

    def retire(self) -> None:
        """Stops listening: the response is over, or unwanted."""
        race = self.race
        if self.state != "over":
            self.state = "over"
            race.layer.close_attempt(self.id, self.server)
        if self in race.upstream_requests:
            race.upstream_requests.remove(self)
        self.attempt.wipe()
        race.deadlines.disarm_all(self)

    def cancel(self, why: str) -> CommandGenerator[None]:
        """Stops listening, and cancels the request of an upstream that still works on it."""
        listening, connecting = self.state in ("head", "body"), self.state == "connecting"
        layer = self.race.layer
        self.retire()
        if connecting:
            yield from layer.upstreams.cancel_connecting(self.wanted)
        elif listening and self.server is not None and self.server in layer.connections:
            yield SendHttp(RequestProtocolError(self.id, why, ErrorCode.CANCEL), self.server)

    def check_deadlines(self, past: set[DeadlineKey]) -> CommandGenerator[None]:
        """Acts on the first of its deadlines that has passed."""
        yield from spare_slow_client(self, past)
        if (Deadline.BETWEEN_CHUNKS, self) in past:
            yield from self._time_out(Deadline.BETWEEN_CHUNKS)
        elif (Deadline.PROGRESS, self) in past:
            yield from self._check_progress()
        elif (Deadline.LINGER, self) in past:
            yield from self.cancel("complete")
            yield from self.race.forward(self, self.end(), ended=True)
        else:
            phase = next((each for each in _PHASES if (each, self) in past), None)
            if phase is not None:
                yield from self._time_out(phase)

    @property
    def silent_for(self) -> float | None:
        """Returns the seconds that a stream may send only pings; None for no limit."""
        times = self.attempt.timeouts
        if times.first_output is None or times.between_chunks is None:
            return None
        return max(times.first_output, times.between_chunks)

    def await_progress(self) -> CommandGenerator[None]:
        """Sets the deadline for the next meaningful event."""
        self.progress = self.receiver.progress
        yield from self.race.deadlines.arm(Deadline.PROGRESS, self.silent_for, self)

    def _check_progress(self) -> CommandGenerator[None]:
        """Ends a stream that sends only pings and comments for too long."""
        if self.receiver.progress != self.progress:
            yield from self.await_progress()
            return
        self._distrust_connection()
        message = f"only keep-alives arrived for {self.silent_for:g} s"
        failure = AttemptFailure("timeout", message, Deadline.BETWEEN_CHUNKS.value)
        yield from self.race.broken(self, failure)

    def _time_out(self, phase: Deadline) -> CommandGenerator[None]:
        self._distrust_connection()
        seconds = getattr(self.attempt.timeouts, phase.replace("-", "_"))
        message = f"{_PHASES[phase]} within {seconds:g} s"
        way = self.attempt.way
        if phase is Deadline.CONNECT and way is not None and way.proxy is not None:
            message += f" through the proxy {way.proxy.label}"
        yield from self.race.broken(self, AttemptFailure("timeout", message, phase.value))

    def _distrust_connection(self) -> None:
        """Excludes a connection that timed out, and so may be dead, from further use."""
        if self.server is not None:
            retire(self.server)


def _await_refusal(upstream: UpstreamRequest) -> CommandGenerator[None]:
    """Gives the body of an error less time than output gets: its status says most of it."""
    deadlines, key = upstream.race.deadlines, (Deadline.FIRST_OUTPUT, upstream)
    due = deadlines.get(key)
    if due is None or due > time.monotonic() + REFUSAL_WITHIN:
        yield from deadlines.arm(Deadline.FIRST_OUTPUT, REFUSAL_WITHIN, upstream)


def _was_stale(upstream: UpstreamRequest, now: float) -> bool:
    """Whether a connection was closed before the request reached the server.

    It had been idle for longer than the strictest servers wait, and it closed within one round
    trip.
    """
    sent, server = upstream.attempt.sent_at, upstream.server
    if upstream.idle_for < STALE_AFTER:
        return False
    if sent is None or not isinstance(server, Server):
        return False
    began, stood = server.timestamp_start, server.timestamp_tcp_setup
    way = stood - began if began is not None and stood is not None else 0.0
    return now - sent < STALE_WITHIN + 3 * way


def _reason(message: str) -> str:
    """Returns mitmproxy's text for a broken response, without quoted bytes of it."""
    if message.startswith("unexpected server response"):
        return "the connection closed within the head of the response"
    if message.startswith(_UNREADABLE):
        reason = message.removeprefix(_UNREADABLE)
        if reason.startswith("the head of the response"):
            return reason
        return "the response is not valid HTTP"
    if message.startswith(_UNFRAMED):
        ended = message.startswith("peer closed", len(_UNFRAMED))
        return f"the response {'broke off' if ended else 'is not framed as HTTP'}"
    return without_quoted(message).replace("reset by client", "reset by the upstream")
