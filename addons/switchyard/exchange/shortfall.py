"""What an upstream request does not say of the client's, and what the router does about it."""

from dataclasses import dataclass

from switchyard.wire.translate.limits import NO_LIMITS
from switchyard.wire.translate.limits import StopLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """What an attempt's request does not say of the client's."""

    dropped: tuple[str, ...] = ()
    """What is left out, by the names that clients are told (`docs/translation.md`)."""
    instructed: bool = False
    """Whether the shape of the answer is asked for in words."""
    limits: StopLimits = NO_LIMITS
    """Where the router ends the answer, since the upstream cannot be asked to."""


NO_SHORTFALL = Shortfall()
