"""The stream of events (HTML, "Server-sent events"): a snapshot first, then what happens."""

from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem
from switchyard.management.desk import Desk
from switchyard.management.guard import holder_in_force
from switchyard.runtime.event_hub import EventReader

_STREAM = {200: {"content": {"text/event-stream": {}}, "description": "Server-sent events."}}


def event_routes(desk: Desk) -> APIRouter:
    """Returns the route of events."""
    routes = APIRouter(tags=["events"], responses=PROBLEMS)

    @routes.get("/events", response_class=StreamingResponse, responses={**PROBLEMS, **_STREAM})
    async def read_events(caller: Viewer) -> StreamingResponse:
        """Streams a snapshot, then what happens; a reader that is far behind gets another one.

        The stream ends when a changed configuration takes the caller's key out of force.

        The events are `snapshot`, `begun`, `tried`, `ended`, `skipped`, `progress`, `health`,
        `quota` and `config`.
        """
        reader = desk.events.subscribe()
        if reader is None:
            raise ApiProblem(503, "Too many readers of events. Close another dashboard.")
        return StreamingResponse(
            _written(desk, reader, caller.holder),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    return routes


async def _written(desk: Desk, reader: EventReader, holder: str) -> AsyncIterator[bytes]:
    """Yields events until the reader is let go, or the key it reads by is in force no more."""
    checked = desk.snapshot
    try:
        yield await _snapshot(desk)
        while True:
            piece = await reader.waiting.get()
            if reader.is_over:
                return
            if desk.snapshot is not checked:
                checked = desk.snapshot
                if holder_in_force(checked, holder) is None:
                    return
            if reader.is_behind:
                reader.is_behind = False
                piece = await _snapshot(desk)
            yield piece
    finally:
        desk.events.leave(reader)


async def _snapshot(desk: Desk) -> bytes:
    return desk.events.written("snapshot", await desk.overview())
