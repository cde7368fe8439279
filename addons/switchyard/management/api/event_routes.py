"""The stream of events (HTML, "Server-sent events"): a snapshot first, then what happens."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem
from switchyard.management.desk import Desk
from switchyard.runtime.event_hub import EventReader
from switchyard.runtime.event_hub import RouterEvent
from switchyard.wire.encoding.jsonio import dumps

FOLDED = 0.25
"""Seconds for which events are gathered: many in one piece cost little more than one of them."""
SILENCE = 15.0
"""Seconds without an event after which a comment is sent, so that nobody takes it for dead."""

_STREAM = {200: {"content": {"text/event-stream": {}}, "description": "Server-sent events."}}


def event_routes(desk: Desk) -> APIRouter:
    """Returns the route of events."""
    routes = APIRouter(tags=["events"], responses=PROBLEMS)

    @routes.get("/events", response_class=StreamingResponse, responses={**PROBLEMS, **_STREAM})
    async def read_events(caller: Viewer) -> StreamingResponse:
        """Streams a snapshot, then what happens; a reader that is far behind gets another one.

        The events are `snapshot`, `begun`, `tried`, `ended`, `progress`, `health`, `quota` and
        `config`.
        """
        reader = desk.events.subscribe()
        if reader is None:
            raise ApiProblem(503, "Too many readers of events. Close another dashboard.")
        return StreamingResponse(
            _written(desk, reader),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    return routes


async def _written(desk: Desk, reader: EventReader) -> AsyncIterator[bytes]:
    number = 0
    try:
        yield _event(number, RouterEvent("snapshot", await desk.overview()))
        while True:
            try:
                events = [await asyncio.wait_for(reader.waiting.get(), SILENCE)]
            except TimeoutError:
                yield b": quiet\n\n"
                continue
            await asyncio.sleep(FOLDED)
            while not reader.waiting.empty():
                events.append(reader.waiting.get_nowait())
            if reader.is_over:
                return
            if reader.is_behind:
                reader.is_behind = False
                events = [RouterEvent("snapshot", await desk.overview())]
            yield b"".join(_event(number + at, one) for at, one in enumerate(events, 1))
            number += len(events)
    finally:
        desk.events.leave(reader)


def _event(number: int, event: RouterEvent) -> bytes:
    if not event.written:
        event.written = b"event: %s\ndata: %s\n\n" % (event.kind.encode(), dumps(event.data))
    return b"id: %d\n%s" % (number, event.written)
