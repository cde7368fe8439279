"""The parts of a client's request that an upstream's request lacks."""

from switchyard.values.records import record
from switchyard.wire.translate.limits import NO_LIMITS
from switchyard.wire.translate.limits import StopLimits


@record(kw_only=True)
class Shortfall:
    """The parts of a client's request that an attempt's request lacks."""

    dropped: tuple[str, ...] = ()
    """Names of the parts left out, as reported to clients (`docs/translation.md`)."""
    instructed: bool = False
    """Whether a prompt text requests the shape of the answer."""
    limits: StopLimits = NO_LIMITS
    """Limits at which the router ends the answer, since the upstream has none such."""


NO_SHORTFALL = Shortfall()
