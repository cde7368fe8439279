"""The stream of events (HTML, "Server-sent events"): a snapshot first, then what happens."""

import asyncio
import math
import time
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi import Request
from fastapi.responses import StreamingResponse

from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem
from switchyard.management.browser_sessions import BrowserSession
from switchyard.management.browser_sessions import session_name
from switchyard.management.desk import Desk
from switchyard.management.guard import holder_in_force
from switchyard.runtime.event_hub import EventReader

_STREAM = {200: {"content": {"text/event-stream": {}}, "description": "Server-sent events."}}


def event_routes(desk: Desk) -> APIRouter:
    """Returns the route of events."""
    routes = APIRouter(tags=["events"], responses=PROBLEMS)

    @routes.get("/events", response_class=StreamingResponse, responses={**PROBLEMS, **_STREAM})
    async def read_events(request: Request, caller: Viewer) -> StreamingResponse:
        """Streams a snapshot, then what happens; a reader that is far behind gets another one.

        The stream ends when the caller's key expires or a changed configuration takes it out of
        force, and with the session that it is read by.

        The events are `snapshot`, `begun`, `tried`, `ended`, `skipped`, `progress`, `health`,
        `quota` and `config`.
        """
        reader = desk.events.subscribe()
        if reader is None:
            raise ApiProblem(503, "Too many readers of events. Close another dashboard.")
        session: BrowserSession | None = request.state.session
        if session is not None:
            reader.session = session_name(request.state.token)
        return StreamingResponse(
            _written(desk, reader, caller.holder, math.inf if session is None else session.expires),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    return routes


async def _written(
    desk: Desk, reader: EventReader, holder: str, lasts_until: float
) -> AsyncIterator[bytes]:
    """Yields events until the reader is let go, or may read no more.

    That is when its key is in force no more, or its session is over, at `lasts_until` (Unix
    seconds).
    """
    checked, ends = desk.snapshot, _end_of(desk, holder, lasts_until)
    try:
        yield await _snapshot(desk)
        while True:
            piece = await _next_piece(reader, ends)
            if reader.is_over:
                return
            if desk.snapshot is not checked:
                checked, ends = desk.snapshot, _end_of(desk, holder, lasts_until)
            if time.time() >= ends:
                return
            if reader.is_behind:
                reader.is_behind = False
                piece = await _snapshot(desk)
            if piece:
                yield piece
    finally:
        desk.events.leave(reader)


def _end_of(desk: Desk, holder: str, lasts_until: float) -> float:
    """Until when the holder of a key may read, in Unix seconds."""
    caller = holder_in_force(desk.snapshot, holder)
    return min(caller.expires, lasts_until) if caller is not None else 0.0


async def _next_piece(reader: EventReader, ends: float) -> bytes:
    """Returns the next piece, an empty one if none comes before the end (Unix seconds)."""
    if ends == math.inf:
        return await reader.waiting.get()
    try:
        async with asyncio.timeout(max(ends - time.time(), 0.0)):
            return await reader.waiting.get()
    except TimeoutError:
        return b""


async def _snapshot(desk: Desk) -> bytes:
    return desk.events.written("snapshot", await desk.overview())
