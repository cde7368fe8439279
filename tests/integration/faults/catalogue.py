"""The catalogue of upstream behaviours: what each does, and what a client may see of it.

A behaviour is written once, for both upstream formats, and for requests that ask for a stream as
well as for those that ask for JSON.
"""

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tests.support.answers import GOOD
from tests.support.answers import Dialect
from tests.support.signals import Signal
from tests.support.steps import Behaviour
from tests.support.upstream import Recorded

type Sort = Literal["before", "after", "odd", "request"]
"""`before`: no output came, so another member may answer. `after`: a stream's client saw output
already. `odd`: strange, but a good answer. `request`: the request itself is wrong."""

type Site = Literal[
    "plain",
    "refused",
    "no-host",
    "accept-cut",
    "accept-reset",
    "accept-silent",
    "tls-cut",
    "tls-silent",
    "tls-untrusted",
    "tls-http1",
    "tls-http2",
]
"""Which server the upstream's address leads to."""

type Play = Callable[[Dialect, Recorded, Signal], Behaviour]
"""Makes the behaviour, of the format, the request, and the signal that the client saw output."""

WHY = "Reason-42d1"
"""Stands in the messages of upstream errors: a client without a good answer must be told it."""

TIMED_OUT = 504
BAD_GATEWAY = 502
OVERLOADED = (503, 529)
"""OpenAI's and Anthropic's status for the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One behaviour, and what a client sees where no other member is left."""

    name: str
    sort: Sort
    play: Play
    site: Site = "plain"
    status: tuple[int, ...] = (BAD_GATEWAY,)
    """Of the error, for `before` and `request`; for `after` that of a client that wants JSON.
    Several where each says the same."""
    told: bool = False
    """Whether the upstream's own words must reach the client."""
    retry_after: range | None = None
    """What `Retry-After` may say; None: nothing is asked of it."""
    timeouts: Mapping[str, str] | None = None
    only: Literal["stream", "json"] | None = None
    alone: bool = False
    """Whether it is only asked without another member."""
    text: str = f"All is well, says {GOOD}."
    """What an odd answer says."""
    usage: bool = True
    """Whether an odd answer tells its usage."""


def catalogue() -> list[Fault]:
    """All of them. The names are unique."""
    from tests.integration.faults import after_output
    from tests.integration.faults import before_head
    from tests.integration.faults import before_output
    from tests.integration.faults import odd
    from tests.integration.faults import refusals

    faults = [
        *before_head.FAULTS,
        *before_output.FAULTS,
        *refusals.FAULTS,
        *after_output.FAULTS,
        *odd.FAULTS,
    ]
    assert len({fault.name for fault in faults}) == len(faults)
    return faults


def always(behaviour: Behaviour) -> Play:
    """The same for both formats, streamed or not."""
    return lambda dialect, request, seen: behaviour
