"""The outcome of an attempt that failed."""

from dataclasses import dataclass

from mitmproxy import http

from switchyard.exchange.shortfall import NO_SHORTFALL
from switchyard.exchange.shortfall import Shortfall
from switchyard.policy.failures import SeenKind
from switchyard.policy.records import AttemptRecord
from switchyard.wire.model.errors import ApiError


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAttempt:
    """The outcome of an attempt that failed. Holds no secret."""

    record: AttemptRecord
    kind: SeenKind
    """The kind of failure, as the failure table names it."""
    status: int | None
    """The upstream's HTTP status, if it refused with one."""
    error: ApiError
    answer: http.Response | None = None
    """The whole response, if the client's own destination sent it."""
    shortfall: Shortfall = NO_SHORTFALL
    """The parts of the client's request that its request lacked."""
    remedies: tuple[str, ...] = ()
    """Changes of the conversation, made because its target could not read it."""

    @property
    def mark(self) -> str:
        """Returns the failure in one word: the status, or the kind."""
        return str(self.status) if self.status is not None else self.kind

    @property
    def client_status(self) -> int:
        """Returns the HTTP status with which the client receives this failure.

        A refusal for lack of quota is 429 whatever the provider's status, or 402 if the provider
        said that money is missing. An unreadable answer is a bad gateway (502). So is a status that
        clients would misread: 407, which would request a password for the router, and numbers that
        are no HTTP status (RFC 9110, 15).
        """
        if self.record.cls == "quota":
            return 402 if self.record.wants_money else 429
        if self.status is not None and 400 <= self.status < 600 and self.status != 407:
            return self.status
        if self.kind == "timeout":
            return 504
        if self.kind in ("body", "event"):
            return self.error.http_status
        return 502
