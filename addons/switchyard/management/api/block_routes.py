"""Routes that report blocks of five hours, and the prompt caches that broke."""

import math
import time
from typing import Annotated
from typing import Any

from fastapi import APIRouter
from fastapi import Query
from pydantic import BaseModel

from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.usage_routes import Moment
from switchyard.management.api.usage_routes import with_reader
from switchyard.management.desk import Desk
from switchyard.management.usage_series import sums_of
from switchyard.usage.cache_breaks import cache_breaks
from switchyard.usage.queries import Question
from switchyard.usage.reader import Line
from switchyard.usage.reader import UsageReader
from switchyard.usage.reports import UsageBlock
from switchyard.usage.reports import make_blocks

_WEEK = 7 * 86_400.0

Most = Annotated[int, Query(ge=1, le=1000)]


class BlockRows(BaseModel):
    """Blocks of five hours, the latest first; a pause between two of them has no sums."""

    blocks: list[dict[str, Any]]


class BreakRows(BaseModel):
    """Prompt caches that broke, by session and what broke them, the costliest first."""

    breaks: list[dict[str, Any]]


def block_routes(desk: Desk) -> APIRouter:
    """Returns the routes."""
    routes = APIRouter(tags=["usage"], responses=PROBLEMS)

    @routes.get("/blocks")
    async def read_blocks(caller: Viewer, since: Moment = None, limit: Most = 100) -> BlockRows:
        """Returns blocks of five hours from a moment on; by default those of the last week."""
        now = time.time()
        question = Question(now - _WEEK if since is None else since, None)

        def read(reader: UsageReader) -> BlockRows:
            blocks = make_blocks(reader.hours(question), now)
            return BlockRows(blocks=[_members(one, now) for one in reversed(blocks[-limit:])])

        return await with_reader(desk, read)

    @routes.get("/caches")
    async def read_breaks(
        caller: Viewer, since: Moment = None, until: Moment = None, limit: Most = 100
    ) -> BreakRows:
        """Returns the prompt caches that broke, and why; by default in the last week."""
        first = time.time() - _WEEK if since is None else since
        last = math.inf if until is None else until

        def read(reader: UsageReader) -> BreakRows:
            found = cache_breaks(reader, first, last)
            return BreakRows(breaks=[one._asdict() for one in found[:limit]])

        return await with_reader(desk, read)

    return routes


def _members(block: UsageBlock, now: float) -> dict[str, Any]:
    span: dict[str, Any] = {"start": block.start, "end": block.end, "active": block.active}
    if block.sums is None:
        return {**span, "gap": True}
    sums, pace = block.sums, block.burn_rate(now) if block.active else None
    return {
        **span,
        "gap": False,
        "last": sums.last,
        "models": sorted(block.models),
        "tokens_a_minute": pace[0] if pace else None,
        "cost_an_hour": pace[1] if pace else None,
        **sums_of([Line(sums.first, sums.last, None, {}, sums.sums)]),
    }
