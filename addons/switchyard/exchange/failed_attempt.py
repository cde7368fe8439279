"""What became of an attempt that failed."""

from dataclasses import dataclass

from mitmproxy import http

from switchyard.exchange.shortfall import NO_SHORTFALL
from switchyard.exchange.shortfall import Shortfall
from switchyard.policy.failures import SeenKind
from switchyard.policy.records import AttemptRecord
from switchyard.wire.model.errors import ApiError


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAttempt:
    """What became of an attempt that failed. Holds no secret."""

    record: AttemptRecord
    kind: SeenKind
    """How the failure was seen."""
    status: int | None
    """The upstream's HTTP status, where it refused by that."""
    error: ApiError
    answer: http.Response | None = None
    """The whole of it, where the client's own destination gave it."""
    shortfall: Shortfall = NO_SHORTFALL
    """What its request did not say of the client's."""
    remedies: tuple[str, ...] = ()
    """What was changed in the conversation for it, since its target could not read that."""

    @property
    def mark(self) -> str:
        """What happened, in one word."""
        return str(self.status) if self.status is not None else self.kind

    @property
    def client_status(self) -> int:
        """The HTTP status that tells the client of this failure.

        A refusal for want of quota is 429 whatever the provider made of it, unless it said that
        money is missing (402). An answer that was none is a bad gateway, and so is what clients
        would take for something else: a 407 for our own wish to see a password, and numbers that
        are no statuses of HTTP (RFC 9110, 15).
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
