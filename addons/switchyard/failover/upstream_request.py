"""One attempt on its way: from the connection to the end of its answer."""

from dataclasses import dataclass
from typing import Literal

from mitmproxy import http
from mitmproxy.connection import Connection
from mitmproxy.connection import Server

from switchyard.egress.connect import GetEgressConnection
from switchyard.failover.attempt import Attempt
from switchyard.failover.attempt import AttemptFailure
from switchyard.failover.attempt import Receiver

_PHASES = {
    "connect": "no connection",
    "first-byte": "no answer began",
    "first-output": "no output came",
    "between-chunks": "the stream stalled",
    "total": "the answer was not complete",
}
STALE_AFTER = 2.0
"""Seconds without a request after which servers close a connection at the earliest (gunicorn)."""

STALE_WITHIN = 0.1
"""Seconds that we, or the upstream, may be busy with others."""

PHASES = ("total", "connect", "first-byte", "first-output")


@dataclass(slots=True, eq=False, kw_only=True)
class UpstreamRequest:
    """What a stream knows of an attempt that it made."""

    attempt: Attempt
    receiver: Receiver
    id: int
    """The id of the attempt towards its server."""
    wanted: GetEgressConnection
    """The connection that was asked for."""
    server: Connection | None = None
    resend: http.Request | None = None
    """The request, where it may turn out that the server has not begun with it: the connection had
    carried others before and may be closed by now, or HTTP/2 says so."""
    idle_for: float = 0.0
    """Seconds since the connection's last answer."""
    progress: int = 0
    """Of the receiver, when it was looked at last."""
    state: Literal["connecting", "head", "body", "over"] = "connecting"

    def was_stale(self, now: float) -> bool:
        """Whether a connection that closes now was closed before the request got there: it had been
        idle for longer than the most impatient servers wait, and what they say to a request takes
        no longer than the way there and back did."""
        sent, server = self.attempt.sent_at, self.server
        if self.idle_for < STALE_AFTER:
            return False
        if sent is None or not isinstance(server, Server):
            return False
        began, stood = server.timestamp_start, server.timestamp_tcp_setup
        way = stood - began if began is not None and stood is not None else 0.0
        return now - sent < STALE_WITHIN + 3 * way

    def deadline(self, phase: str) -> str:
        """The name of this leg's deadline for a phase."""
        return f"{phase} {self.id}"

    @property
    def may_be_mute(self) -> float | None:
        """Seconds for which a stream may show signs of life and say nothing; None: for ever."""
        times = self.attempt.timeouts
        if times.first_output is None or times.between_chunks is None:
            return None
        return max(times.first_output, times.between_chunks)

    def timeout(self, phase: str) -> AttemptFailure:
        seconds = getattr(self.attempt.timeouts, phase.replace("-", "_"))
        said = f"{_PHASES[phase]} within {seconds:g} s"
        way = self.attempt.way
        if phase == "connect" and way is not None and way.proxy is not None:
            said += f" through the proxy {way.proxy.label}"
        return AttemptFailure("timeout", said, phase)
