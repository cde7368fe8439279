"""What went over the wire to an upstream and back in one attempt, kept for people to look at."""

import time
from dataclasses import dataclass
from dataclasses import field

from mitmproxy import connection
from mitmproxy import flow as mflow
from mitmproxy import http

from addons.confidential import mask_headers
from addons.exchange import Exchange
from addons.exchange import FailedAttempt
from addons.failover.attempt import Attempt
from addons.failover.attempt import Failure
from addons.failover.attempt import Receiver
from addons.masking import mask_credentials
from addons.policy.concealing import Concealer
from addons.wire.decoding import CorruptEncoding
from addons.wire.decoding import UnknownEncoding
from addons.wire.decoding import decode_whole

KEPT = 4 * 1024 * 1024
"""Bytes of a streamed body that are kept."""

REQUEST_KEPT = 16 * 1024 * 1024
"""Bytes of a request's body that are kept."""

ATTEMPT = "switchyard_attempt"
"""Metadata of an attempt's flow: its number."""
FACTS = "switchyard"
"""Metadata of a flow: what is known of the call or attempt, as plain data."""
REQUEST = "switchyard_request"
"""Metadata of a call's flow and of its attempts' flows: the id of the call's flow. mitmproxy's
filter `~meta ID` shows them together."""

_BROKE = ("connect", "timeout", "reset", "cut")
"""Kinds of failure that mitmproxy shows as an error of the flow."""


class Tape:
    """The first bytes of a body that passes by."""

    __slots__ = ("_kept", "_most", "size")

    def __init__(self, most: int = KEPT) -> None:
        self._kept = bytearray()
        self._most = most
        self.size = 0
        """Bytes that passed by."""

    def add(self, data: bytes) -> None:
        room = self._most - self.size
        self.size += len(data)
        if room > 0:
            self._kept += data[:room]

    @property
    def note(self) -> str:
        """What is not kept, in words; empty where all is."""
        if self.size <= self._most:
            return ""
        return f"the first {self._most:,} of {self.size:,} bytes are kept"

    @property
    def kept(self) -> bytes:
        return bytes(self._kept)


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

    def broken(self, failure: Failure) -> bytes:
        self.recording.ended = time.time()
        return self._inner.broken(failure)

    def head(self) -> http.Response:
        return self._inner.head()

    def closing(self) -> bytes:
        return self._inner.closing()


def record(attempt: Attempt, exchange: Exchange) -> Recording | None:
    """Has an attempt recorded that is about to be sent; None for one that sends nothing."""
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


def attempt_flow(recording: Recording, secrets: Concealer, next_step: str) -> http.HTTPFlow:
    """The attempt as a flow that mitmproxy can show and save, without any of the secrets."""
    exchange, sent = recording.exchange, recording.request
    server = recording.server or connection.Server(address=(sent.host, sent.port))
    flow = http.HTTPFlow(exchange.flow.client_conn, server)
    flow.request = _request(recording, secrets)
    # What became of it comes first: lists of flows show the beginning of a comment alone.
    step = f" -> {next_step}" if next_step else ""
    which = f"attempt {recording.number} of {_name(exchange)} for {short_id(exchange.flow)}"
    notes = [f"{recording.outcome}{step}, {which}"]
    if recording.response is not None:
        flow.response = _response(recording, recording.response, secrets)
        notes.append(recording.body.note)
    if (failed := recording.failed) is not None:
        flow.marked = ":small_red_triangle:"
        said = secrets.text(failed.error.message)
        if failed.kind in _BROKE:
            flow.error = mflow.Error(said, recording.ended or time.time())
        notes.append(failed.record.reason)
    elif not recording.over or recording.lost:
        flow.error = mflow.Error("abandoned", recording.ended or time.time())
    content = sent.raw_content or b""
    if len(content) > REQUEST_KEPT:
        notes.append(f"the first {REQUEST_KEPT:,} of {len(content):,} bytes of the request")
    flow.comment = "; ".join(note for note in notes if note)
    flow.metadata[REQUEST] = exchange.flow.id
    flow.metadata[ATTEMPT] = recording.number
    flow.metadata[FACTS] = {
        "provider": recording.provider,
        "model": recording.model,
        "format": recording.format,
        "outcome": recording.outcome,
        "class": failed.record.cls if failed is not None else None,
    }
    return flow


def short_id(flow: http.HTTPFlow) -> str:
    """How people tell a flow from others."""
    return flow.id[:8]


def _name(exchange: Exchange) -> str:
    return exchange.plan.name if exchange.plan is not None else exchange.model


def _request(recording: Recording, secrets: Concealer) -> http.Request:
    sent = recording.request
    request = http.Request(
        host=sent.host,
        port=sent.port,
        method=sent.data.method,
        scheme=sent.data.scheme,
        authority=sent.data.authority,
        path=secrets.data(sent.data.path),
        http_version=sent.data.http_version,
        headers=mask_headers(sent.headers, secrets),
        content=(sent.raw_content or b"")[:REQUEST_KEPT],
        trailers=None,
        timestamp_start=recording.begun,
        timestamp_end=recording.begun,
    )
    mask_credentials(request)
    return request


def _response(recording: Recording, response: http.Response, secrets: Concealer) -> http.Response:
    headers, content = mask_headers(response.headers, secrets), recording.body.kept
    if (encoding := headers.get("content-encoding")) and not recording.body.note:
        try:
            # Within an encoding nothing could be found and taken out.
            content = decode_whole(content, encoding)
            del headers["content-encoding"]
        except (CorruptEncoding, UnknownEncoding):
            pass
    return http.Response(
        http_version=response.data.http_version,
        status_code=response.status_code,
        reason=secrets.data(response.data.reason),
        headers=headers,
        content=secrets.data(content),
        trailers=None,
        timestamp_start=recording.answered,
        timestamp_end=recording.ended or time.time(),
    )
