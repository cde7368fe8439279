"""Deadlines for streams, on top of timers that cannot be cancelled."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from mitmproxy.proxy import commands
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layer import Paused
from mitmproxy.proxy.layers.http import HttpStream


class ArmDeadline(commands.Command):
    """A stream's earliest deadline is now `due` (on the clock of `time.monotonic`)."""

    def __init__(self, due: float) -> None:
        self.due = due


@dataclass
class DeadlineReached(events.Event):
    """A deadline of the stream may have passed."""


type RunHook = Callable[[commands.StartHook], bool]
"""Runs a hook, and says whether it is over; if not, whoever asked has to wait for it."""


class TimedStream(HttpStream):
    """A stream with named deadlines. Its layer sends `DeadlineReached` when the earliest passes."""

    deadlines: dict[str, float]
    run_hook: RunHook | None = None
    quick_hooks: ClassVar[tuple[type[commands.StartHook], ...]]
    """What `run_hook` is used for."""

    def __init__(self, context: Context, stream_id: int) -> None:
        super().__init__(context, stream_id)
        self.deadlines = {}

    def release(self) -> None:
        """The stream is over: let go of what it held."""
        self.request_body_buf.clear()
        self.response_body_buf.clear()

    def handle_event(self, event: events.Event) -> CommandGenerator[None]:
        """As of all layers, but without a pause for hooks that are over at once."""
        if self._paused or self.debug is not None or self.run_hook is None:
            yield from super().handle_event(event)
            return
        steps = self._handle_event(event)
        for command in steps:
            if command.blocking is True:
                if isinstance(command, self.quick_hooks) and self.run_hook(command):
                    continue
                command.blocking = self
                self._paused = Paused(command, steps)
                yield command
                return
            yield command

    @property
    def due(self) -> float | None:
        """The earliest deadline, on the clock of `time.monotonic`."""
        return min(self.deadlines.values()) if self.deadlines else None

    def arm(self, name: str, seconds: float | None) -> CommandGenerator[None]:
        """Set deadline `name` to so many seconds from now; None takes it away."""
        if seconds is None:
            self.deadlines.pop(name, None)
            return
        due = time.monotonic() + seconds
        earlier = self.due
        self.deadlines[name] = due
        if earlier is None or due < earlier:
            yield ArmDeadline(due)

    def disarm(self, *names: str) -> None:
        for name in names:
            self.deadlines.pop(name, None)

    def is_past(self, name: str) -> bool:
        return self.deadlines.get(name, float("inf")) <= time.monotonic()

    def take_past(self) -> list[str]:
        """Take away the deadlines that have passed, and name them."""
        past = [name for name in self.deadlines if self.is_past(name)]
        self.disarm(*past)
        return past
