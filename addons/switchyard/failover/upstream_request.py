"""One attempt on its way: from the connection to the end of its response."""

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
from switchyard.protocols.http1 import nothing
from switchyard.protocols.http1_client import WholeRequest
from switchyard.protocols.http1_client import http1_client_of
from switchyard.protocols.http2_client import UNDONE
from switchyard.protocols.retired import retire

CLOSED = "server closed connection"
"""What mitmproxy says of a server that closed a connection without a byte in answer."""

_UNREADABLE = "Cannot parse HTTP response: "
"""What mitmproxy says before why a head could not be read."""

STALE_AFTER = 2.0
"""Seconds without a request after which servers close a connection at the earliest (gunicorn)."""

STALE_WITHIN = 0.1
"""Scheduling delay (seconds) tolerated when deciding that an idle connection was already closed."""

_PHASES = {
    Deadline.BETWEEN_CHUNKS: "the stream stalled",
    Deadline.TOTAL: "the answer was not complete",
    Deadline.CONNECT: "no connection",
    Deadline.FIRST_BYTE: "no answer began",
    Deadline.FIRST_OUTPUT: "no output came",
}
"""The phases that a timeout ends, in the order in which they are looked at."""


@dataclass
class PieceRead(HttpEvent):
    """The receiver has read a piece of the response, and made this of it."""

    data: bytes


class Race(Protocol):
    """What an upstream request knows of its stream, which decides over all of its requests."""

    context: Context
    flow: http.HTTPFlow
    layer: FailoverLayer
    deadlines: Deadlines
    upstream_requests: "list[UpstreamRequest]"

    def begin(
        self, attempt: Attempt, request: http.Request, receiver: Receiver, fresh: bool = False
    ) -> CommandGenerator[None]:
        """Send an attempt, over a new connection if `fresh`."""
        ...

    def forward(
        self, upstream: "UpstreamRequest", data: bytes, ended: bool = False
    ) -> CommandGenerator[None]:
        """The receiver made `data` of the last piece; `ended` if that was the last of all."""
        ...

    def broken(
        self, upstream: "UpstreamRequest", failure: AttemptFailure
    ) -> CommandGenerator[None]:
        """The response will not go on."""
        ...


class UpstreamRequest:
    """Sends one attempt and has its receiver read the response.

    `connecting` -> `head` (the request is sent) -> `body` -> `over`; whatever fails goes to `over`.
    """

    __slots__ = (
        "attempt",
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
        """`id` is that of the attempt towards its server, `wanted` asks for its connection."""
        self.race = race
        self.attempt = attempt
        self.receiver = receiver
        self.id = id
        self.wanted = wanted
        self.server: Connection | None = None
        self.resend: http.Request | None = None
        """The request, where it may turn out that the server has not begun with it: the connection
        had carried others before and may be closed by now, or HTTP/2 reports it."""
        self.idle_for = 0.0
        """Seconds since the connection's last response."""
        self.progress = 0
        """Of the receiver, when it was looked at last."""
        self.state: Literal["connecting", "head", "body", "over"] = "connecting"
        self.wins = False
        """Whether the client gets what comes of this response."""
        self.spare: int | None = None
        """Bytes that may still come of a response that is complete; None before it is."""

    def begin(self) -> CommandGenerator[None]:
        """Ask for a connection, unless one is there. It comes as an event: the stream does not wait
        for it."""
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
        """The connection is made: send the request."""
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
            self.resend = request  # HTTP/2, whose servers say what they have not begun with
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
        """Take what the upstream sent."""
        state = self.state
        match event:
            case ResponseData(data=data) if state == "body":
                if self.spare is not None:
                    self.spare -= len(data)
                return self._received_data(self.read(data))
            case ResponseHeaders(response=response) if state == "head":
                self.race.deadlines.disarm(Deadline.FIRST_BYTE, self)
                self.state = "body"
                self.resend = None
                if self.attempt.observer is not None:
                    self.attempt.observer.head(response)
                self.receiver.start(response)
                return nothing()
            case ResponseEndOfMessage() if state == "body":
                self.retire()
                self.race.layer.upstreams.offer(self.server)
                return self.race.forward(self, self.end(), ended=True)
            case PieceRead(data=data):
                return self._received_data(data)
            case ResponseProtocolError(message=message):
                return self._reset(message)
            case ResponseTrailers():
                return nothing()  # the formats routed here put nothing in trailers
        failure = AttemptFailure("reset", "the upstream broke the HTTP protocol")
        return self.race.broken(self, failure)

    def read(self, data: bytes) -> bytes:
        """What the receiver makes of a piece of the body."""
        if self.attempt.observer is not None:
            self.attempt.observer.received(data)
        return self.receiver.data(data)

    def skim(self, data: bytes) -> bytes | None:
        """As `read`, for a piece that need not be read; None, and nothing done, for any other."""
        out = self.receiver.skim(data)
        if out is not None and self.attempt.observer is not None:
            self.attempt.observer.received(data)
        return out

    def end(self) -> bytes:
        """What the receiver makes of the body's end."""
        if self.attempt.observer is not None:
            self.attempt.observer.ended()
        return self.receiver.end()

    def break_off(self, failure: AttemptFailure) -> bytes:
        """What the receiver makes of a body that will not go on."""
        if self.attempt.observer is not None:
            self.attempt.observer.ended()
        return self.receiver.broken(failure)

    def _received_data(self, data: bytes) -> CommandGenerator[None]:
        if self.receiver.enough or (self.spare is not None and self.spare < 0):
            return self._end_early(data)
        return self.race.forward(self, data)

    def _end_early(self, data: bytes) -> CommandGenerator[None]:
        """The receiver needs no more than this."""
        yield from self.cancel("the response is complete")
        yield from self.race.forward(self, data + self.end(), ended=True)

    def _reset(self, message: str) -> CommandGenerator[None]:
        if self.resend is None or (message != CLOSED and message not in UNDONE):
            return self.race.broken(self, AttemptFailure("reset", _reason(message)))
        if message == CLOSED and not _was_stale(self, time.monotonic()):
            return self.race.broken(self, AttemptFailure("reset", message))
        return self._send_anew(self.resend)

    def _send_anew(self, request: http.Request) -> CommandGenerator[None]:
        """The upstream closed a connection that had been idle, at once and without a byte of
        response: before it knew of the request. Or it reported in HTTP/2 that it has not begun with
        it. The attempt goes on with a new connection.

        RFC 9110, 9.2.2, allows that for any method where the request is known not to have been
        acted upon. nginx and Go's client are stricter with POST, which is hardly known. Here it
        would be sent again anyway, to the next member, as after every reset before the answer.
        """
        self.retire()
        self.attempt.request = request
        return self.race.begin(self.attempt, request, self.receiver, fresh=True)

    def retire(self) -> None:
        """Stop listening: the response is over, or unwanted."""
        race = self.race
        if self.state != "over":
            self.state = "over"
            race.layer.close_attempt(self.id)
        if self in race.upstream_requests:
            race.upstream_requests.remove(self)
        self.attempt.wipe()
        race.deadlines.disarm_all(self)

    def cancel(self, why: str) -> CommandGenerator[None]:
        """Stop listening, and tell an upstream that still works on the response."""
        listening, connecting = self.state in ("head", "body"), self.state == "connecting"
        layer = self.race.layer
        self.retire()
        if connecting:
            yield from layer.upstreams.cancel_connecting(self.wanted)
        elif listening and self.server is not None and self.server in layer.connections:
            yield SendHttp(RequestProtocolError(self.id, why, ErrorCode.CANCEL), self.server)

    def check_deadlines(self, past: set[DeadlineKey]) -> CommandGenerator[None]:
        """Act on the first of its deadlines that has passed."""
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
        """Seconds for which a stream may show signs of life and say nothing; None: for ever."""
        times = self.attempt.timeouts
        if times.first_output is None or times.between_chunks is None:
            return None
        return max(times.first_output, times.between_chunks)

    def await_progress(self) -> CommandGenerator[None]:
        """Set the deadline for the next event that means something."""
        self.progress = self.receiver.progress
        yield from self.race.deadlines.arm(Deadline.PROGRESS, self.silent_for, self)

    def _check_progress(self) -> CommandGenerator[None]:
        """Pings and comments keep a stream alive, but not one that says nothing any more."""
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
        """A connection on which nothing came in time may be dead without having been closed: the
        next request takes another one, also where this one could carry it beside others."""
        if self.server is not None:
            retire(self.server)


def _was_stale(upstream: UpstreamRequest, now: float) -> bool:
    """Whether a connection that closes now was closed before the request got there: it had been
    idle for longer than the most impatient servers wait, and it closed within the time that the
    way there and back takes."""
    sent, server = upstream.attempt.sent_at, upstream.server
    if upstream.idle_for < STALE_AFTER:
        return False
    if sent is None or not isinstance(server, Server):
        return False
    began, stood = server.timestamp_start, server.timestamp_tcp_setup
    way = stood - began if began is not None and stood is not None else 0.0
    return now - sent < STALE_WITHIN + 3 * way


def _reason(message: str) -> str:
    """mitmproxy's words for a broken answer, without the bytes of the answer it may quote."""
    if message.startswith("unexpected server response"):
        return "the connection closed within the head of the response"
    if message.startswith(_UNREADABLE):
        reason = message.removeprefix(_UNREADABLE)
        if reason.startswith("the head of the response"):
            return reason
        return "the response is not valid HTTP"
    return message.replace("reset by client", "reset by the upstream")
