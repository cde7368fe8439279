"""Ends connections on which nothing happens."""

import asyncio
from typing import Protocol


class Watched(Protocol):
    """The connections of one client."""

    loop: asyncio.AbstractEventLoop

    def time_out(self) -> None:
        """Nothing has happened for too long."""
        ...


class Watchdog:
    """Ends an idle connection, by one timer that is set again only when it fires.

    mitmproxy's own keeps a task for each connection.
    """

    def __init__(self, handler: Watched, timeout: float) -> None:
        self._loop = handler.loop
        self._time_out = handler.time_out
        self.timeout = timeout
        self.last_activity = handler.loop.time()
        self._blockers = 0
        self._timer = handler.loop.call_later(timeout, self._look)

    def register_activity(self) -> None:
        self.last_activity = self._loop.time()

    def stop(self) -> None:
        """End, for a handler whose client is gone."""
        self._timer.cancel()
        self._time_out = _nothing

    def disarm(self) -> "Watchdog":
        """Return a context within which no time counts, as while a hook runs."""
        return self

    def __enter__(self) -> None:
        self._blockers += 1

    def __exit__(self, *_: object) -> None:
        self._blockers -= 1
        self.register_activity()

    def _look(self) -> None:
        left = self.last_activity + self.timeout - self._loop.time()
        if self._blockers:
            left = self.timeout
        if left <= 0:
            self._time_out()
        else:
            self._timer = self._loop.call_later(left, self._look)


def _nothing() -> None: ...
