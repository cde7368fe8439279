"""Deadlines of streams, on top of timers that cannot be cancelled."""

import time
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mitmproxy.proxy import commands
from mitmproxy.proxy import events


class Deadline(StrEnum):
    """What is waited for. A StrEnum, whose hash needs no call, unlike that of a plain Enum."""

    # Of the stream itself.
    REFUSAL = "refusal"
    """The delayed response to a request that is refused."""
    BODY = "body"
    """The next piece of the client's body."""
    WAIT = "wait"
    """The next attempt, which the policy postponed."""
    HEDGE = "hedge"
    """A second attempt beside a slow one."""
    HEARTBEAT = "heartbeat"
    """The next sign of life for the client."""
    STOP = "stop"
    """The end of the process."""

    # Of one upstream request.
    CONNECT = "connect"
    FIRST_BYTE = "first-byte"
    FIRST_OUTPUT = "first-output"
    BETWEEN_CHUNKS = "between-chunks"
    TOTAL = "total"
    PROGRESS = "progress"
    """The next event of a stream that means something: pings do not."""
    LINGER = "linger"
    """The end of a response that is complete."""


type DeadlineKey = tuple[Deadline, object]
"""A deadline, and the upstream request it belongs to; None for the stream's own."""


class ArmDeadline(commands.Command):
    """A stream's earliest deadline is now `due` (on the clock of `time.monotonic`)."""

    def __init__(self, due: float) -> None:
        self.due = due


@dataclass
class DeadlineReached(events.Event):
    """A deadline of the stream may have passed."""


_NO_TIMERS: Mapping[commands.RequestWakeup, float] = {}


class Deadlines(dict[DeadlineKey, float]):
    """When each deadline of a stream is due, on the clock of `time.monotonic`.

    The stream's layer sends it `DeadlineReached` when the earliest passes.
    """

    __slots__ = ("_timers",)

    def __init__(self, timers: Mapping[commands.RequestWakeup, float] | None = None) -> None:
        """`timers`: when those of the layer run out, which it looks at all streams for."""
        super().__init__()
        self._timers = timers if timers is not None else _NO_TIMERS

    @property
    def earliest(self) -> float | None:
        return min(self.values()) if self else None

    def arm(
        self, deadline: Deadline, seconds: float | None, request: object = None
    ) -> Iterable[ArmDeadline]:
        """Set a deadline to so many seconds from now; None takes it away.

        Returns what the layer has to be told: nothing where a timer runs out before anyway.
        """
        key = deadline, request
        if seconds is None:
            self.pop(key, None)
            return ()
        due = time.monotonic() + seconds
        earlier = min(self.values()) if self else None
        self[key] = due
        if earlier is not None and earlier <= due:
            return ()
        if self._timers and min(self._timers.values()) <= due:
            return ()
        return (ArmDeadline(due),)

    def disarm(self, deadline: Deadline, request: object = None) -> None:
        self.pop((deadline, request), None)

    def disarm_all(self, request: object) -> None:
        """Take away all deadlines of an upstream request."""
        for key in [key for key in self if key[1] is request]:
            del self[key]

    def take_past(self) -> set[DeadlineKey]:
        """Take away the deadlines that have passed, and return them."""
        now = time.monotonic()
        past = {key for key, due in self.items() if due <= now}
        for key in past:
            del self[key]
        return past
