"""Records the bytes of one attempt, to the upstream and back, for people."""

import time
from dataclasses import dataclass
from dataclasses import field

from mitmproxy import connection
from mitmproxy import http

from switchyard.exchange.exchange import Exchange
from switchyard.exchange.failed_attempt import FailedAttempt
from switchyard.failover.attempt import Attempt
from switchyard.failover.attempt import AttemptFailure
from switchyard.failover.attempt import Receiver
from switchyard.recording.tape import Tape

REQUEST_KEPT = 16 * 1024 * 1024
"""Bytes of a request's body that are kept."""


@dataclass(slots=True, eq=False, kw_only=True)
class Recording:
    """One attempt. Holds the key until it is made into a flow."""

    number: int
    exchange: Exchange
    """As the attempt sees it; another attempt may see the same one later."""
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
    answered: float = 0.0
    ended: float = 0.0
    body: Tape = field(default_factory=Tape)
    server: connection.Server | None = None
    failed: FailedAttempt | None = None
    lost: bool = False
    """Whether another attempt was faster."""
    over: bool = False
    flow: http.HTTPFlow | None = None
    """Once it was made."""
    shown: bool = False

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
        client = self.exchange.format.name
        translated = "" if self.format == client else f", {self.format} for {client}"
        return f"{self.provider} ok{translated}"


class RecordingReceiver:
    """A receiver that lets another one read the answer, and keeps what it was given."""

    def __init__(self, inner: Receiver, recording: Recording, flow: http.HTTPFlow) -> None:
        self._inner = inner
        self._flow = flow
        self.recording = recording

    @property
    def committed(self) -> bool:
        return self._inner.committed

    @property
    def failed(self) -> bool:
        return self._inner.failed

    @property
    def done(self) -> bool:
        return self._inner.done

    @property
    def enough(self) -> bool:
        return self._inner.enough

    @property
    def progress(self) -> int:
        return self._inner.progress

    @property
    def resumable(self) -> bool:
        return self._inner.resumable

    @property
    def whole(self) -> bool:
        return self._inner.whole

    @property
    def verbatim(self) -> bool:
        return self._inner.verbatim

    def start(self, response: http.Response) -> None:
        recording = self.recording
        recording.response = response
        recording.answered = time.time()
        server = self._flow.server_conn
        if server.address and server.address[0] == recording.request.host:
            recording.server = server
        self._inner.start(response)

    def data(self, data: bytes) -> bytes:
        self.recording.body.add(data)
        return self._inner.data(data)

    def skim(self, data: bytes) -> bytes | None:
        out = self._inner.skim(data)
        if out is not None:
            self.recording.body.add(data)
        return out

    def end(self) -> bytes:
        self.recording.ended = time.time()
        return self._inner.end()

    def broken(self, failure: AttemptFailure) -> bytes:
        self.recording.ended = time.time()
        return self._inner.broken(failure)

    def head(self) -> http.Response:
        return self._inner.head()

    def closing(self) -> bytes:
        return self._inner.closing()


def record(attempt: Attempt, exchange: Exchange) -> Recording | None:
    """Record an attempt that is about to be sent; return None if it sends nothing."""
    if attempt.request is None or attempt.receiver is None:
        return None
    assert exchange.target and exchange.upstream_format
    recording = Recording(
        number=exchange.attempts,
        exchange=exchange,
        provider=exchange.target.provider.name,
        model=exchange.target.model,
        format=exchange.upstream_format.name,
        differs=not exchange.passes_through or exchange.upstream_streams != exchange.streams,
        request=attempt.request,
        begun=time.time(),
    )
    attempt.receiver = RecordingReceiver(attempt.receiver, recording, attempt.flow)
    return recording
