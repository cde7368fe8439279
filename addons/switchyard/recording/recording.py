"""Records the bytes of one attempt, to the upstream and back, for people."""

import time
from dataclasses import dataclass
from dataclasses import field

from mitmproxy import connection
from mitmproxy import http

from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.failed_attempt import FailedAttempt
from switchyard.failover.attempt import Attempt
from switchyard.recording.tape import Tape

REQUEST_KEPT = 16 * 1024 * 1024
"""Bytes of a request's body that are kept."""


@dataclass(slots=True, eq=False, kw_only=True)
class Recording:
    """One recorded attempt; it observes the attempt (`failover.attempt.Observer`).

    Holds the key until it is made into a flow.
    """

    number: int
    exchange: Exchange
    provider: str
    model: str
    format: str
    """The wire format that the upstream speaks."""
    differs: bool
    """Whether the upstream was asked otherwise than the client did: in another format, or for a
    stream where the client wanted none, or the other way round."""
    request: http.Request
    begun: float
    """Unix seconds, as all times here."""
    response: http.Response | None = None
    answered_at: float = 0.0
    ended_at: float = 0.0
    body: Tape = field(default_factory=Tape)
    server: connection.Server | None = None
    failed: FailedAttempt | None = None
    lost: bool = False
    """Whether another attempt was faster."""
    over: bool = False
    flow: http.HTTPFlow | None = None
    """Once it was made."""
    shown: bool = False

    def head(self, response: http.Response) -> None:
        self.response = response
        self.answered_at = time.time()
        server = self.exchange.call.flow.server_conn
        if server.address and server.address[0] == self.request.host:
            self.server = server

    def received(self, data: bytes) -> None:
        self.body.add(data)

    def ended(self) -> None:
        self.ended_at = time.time()

    @property
    def outcome(self) -> str:
        """What became of it: `glm 429 quota`."""
        if self.failed is not None:
            mark, cls = self.failed.mark, self.failed.record.cls or ""
            return f"{self.provider} {mark}{'' if mark == cls else f' {cls}'}".rstrip()
        if self.lost:
            return f"{self.provider} was slower"
        if not self.over:
            return f"{self.provider} unfinished"
        client = self.exchange.call.format.name
        translated = "" if self.format == client else f", {self.format} for {client}"
        return f"{self.provider} ok{translated}"


def record(attempt: Attempt, state: AttemptState) -> Recording | None:
    """Record an attempt that is about to be sent; return None if it sends nothing."""
    if attempt.request is None or attempt.receiver is None:
        return None
    assert state.upstream_format
    recording = Recording(
        number=state.number,
        exchange=state.exchange,
        provider=state.target.provider.name,
        model=state.target.model,
        format=state.upstream_format.name,
        differs=not state.passes_through or state.upstream_streams != state.call.streams,
        request=attempt.request,
        begun=time.time(),
    )
    attempt.observer = recording
    return recording
