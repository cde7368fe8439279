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
        self._handler = handler
        self.timeout = timeout
        self.last_activity = handler.loop.time()
        self._blockers = 0
        self._timer = handler.loop.call_later(timeout, self._look)

    def register_activity(self) -> None:
        self.last_activity = self._handler.loop.time()

    def stop(self) -> None:
        self._timer.cancel()

    def disarm(self) -> "Watchdog":
        """Return a context within which no time counts, as while a hook runs."""
        return self

    def __enter__(self) -> None:
        self._blockers += 1

    def __exit__(self, *_: object) -> None:
        self._blockers -= 1
        self.register_activity()

    def _look(self) -> None:
        loop = self._handler.loop
        left = self.last_activity + self.timeout - loop.time()
        if self._blockers:
            left = self.timeout
        if left <= 0:
            self._handler.time_out()
        else:
            self._timer = loop.call_later(left, self._look)
