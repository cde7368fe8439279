"""Deadlines of streams, on top of timers that cannot be cancelled."""

import time
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mitmproxy.proxy import commands
from mitmproxy.proxy import events


class Deadline(StrEnum):
    """The kinds of deadlines.

    A StrEnum, whose hash needs no Python call, unlike that of a plain Enum.
    """

    # Deadlines of the stream itself.
    REFUSAL = "refusal"
    """The delayed response to a request that is refused."""
    BODY = "body"
    """The next piece of the client's body."""
    WAIT = "wait"
    """The next attempt, which the policy postponed."""
    HEDGE = "hedge"
    """A second attempt beside a slow one."""
    HEARTBEAT = "heartbeat"
    """The client's next keep-alive."""
    STOP = "stop"
    """The end of the process."""

    # Deadlines of one upstream request.
    CONNECT = "connect"
    FIRST_BYTE = "first-byte"
    FIRST_OUTPUT = "first-output"
    BETWEEN_CHUNKS = "between-chunks"
    TOTAL = "total"
    PROGRESS = "progress"
    """The next meaningful event of a stream; pings do not count."""
    LINGER = "linger"
    """The end of a response that is complete."""


type DeadlineKey = tuple[Deadline, object]
"""A deadline, and its upstream request; None for the stream's own deadlines."""


class ArmDeadline(commands.Command):
    """Asks for a timer: the stream's earliest deadline is `due`.

    `due` is a time on the clock of `time.monotonic`.
    """

    def __init__(self, due: float) -> None:
        self.due = due


@dataclass
class DeadlineReached(events.Event):
    """Reports that a deadline of the stream may have passed."""


_NO_TIMERS: Mapping[commands.RequestWakeup, float] = {}


class Deadlines(dict[DeadlineKey, float]):
    """The times at which a stream's deadlines are due, by `time.monotonic`.

    The stream's layer sends it `DeadlineReached` when the earliest passes.
    """

    __slots__ = ("_timers",)

    def __init__(self, timers: Mapping[commands.RequestWakeup, float] | None = None) -> None:
        """`timers` has the times at which the layer checks the deadlines of all streams."""
        super().__init__()
        self._timers = timers if timers is not None else _NO_TIMERS

    @property
    def earliest(self) -> float | None:
        return min(self.values()) if self else None

    def arm(
        self, deadline: Deadline, seconds: float | None, request: object = None
    ) -> Iterable[ArmDeadline]:
        """Sets a deadline to a number of seconds from now; None removes it.

        Yields the command to the layer: none if a timer ends before the deadline anyway.
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
        """Removes all deadlines of an upstream request."""
        for key in [key for key in self if key[1] is request]:
            del self[key]

    def take_past(self) -> set[DeadlineKey]:
        """Removes and returns the deadlines that have passed."""
        now = time.monotonic()
        past = {key for key, due in self.items() if due <= now}
        for key in past:
            del self[key]
        return past
