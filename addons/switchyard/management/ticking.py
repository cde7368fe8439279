"""Publishes what changes without an event of its own, each second while there are readers."""

import asyncio
from collections.abc import Mapping

from mitmproxy.utils import asyncio_utils

from switchyard.management.desk import Desk
from switchyard.values.lasting import forever
from switchyard.wire.encoding.jsonio import JsonObject

EVERY = 1.0
"""Seconds between two looks."""

MOST_RUNNING = 100
"""Requests whose progress is looked at, the oldest of those under way."""

_MOVING = frozenset(
    ("seconds-ago", "resets-in", "empty-in", "returns-in", "cooling-down-until", "uptime")
)
"""Members that change as time passes, which is no news."""


class Ticker:
    """Looks at running requests, health and windows. It stops with the last reader."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._task: asyncio.Task[None] | None = None
        self._known: dict[str, object] = {}
        desk.events.on_first = self.begin

    @property
    def is_looking(self) -> bool:
        return self._task is not None

    def begin(self) -> None:
        """Starts to look, on the running loop: the first reader has come."""
        self._desk.news.start()
        if self._task is None:
            self._known = {kind: _lasting(data) for kind, data in self._states().items()}
            self._task = asyncio_utils.create_task(
                forever("the report of events", self._turn), name="switchyard events", keep_ref=True
            )

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _turn(self) -> None:
        await asyncio.sleep(EVERY)
        self.look()

    def look(self) -> None:
        """Publishes what has changed since the last look."""
        events, desk = self._desk.events, self._desk
        if not events.has_readers:
            self.stop()
            return
        if rows := desk.news.progress(desk.runtime.exchanges.running()[:MOST_RUNNING]):
            events.publish("progress", {"running": rows})
        for kind, data in self._states().items():
            lasting = _lasting(data)
            if self._known.get(kind) != lasting:
                self._known[kind] = lasting
                events.publish(kind, data)
        events.break_silence()

    def _states(self) -> dict[str, JsonObject]:
        return {"health": self._desk.health(), "quota": {"windows": self._desk.quota()}}


def _lasting(value: object) -> object:
    """Returns JSON without the members that only follow the clock."""
    if isinstance(value, Mapping):
        return {name: _lasting(one) for name, one in value.items() if name not in _MOVING}
    if isinstance(value, list | tuple):
        return [_lasting(one) for one in value]
    return value
