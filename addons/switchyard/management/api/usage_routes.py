"""Routes that report usage: sums by dimension and time, and sessions."""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import UTC
from datetime import tzinfo
from typing import Annotated
from typing import Any
from typing import Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi import Query
from pydantic import BaseModel
from pydantic import Field

from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem
from switchyard.management.desk import Desk
from switchyard.management.usage_series import sums_of
from switchyard.management.usage_series import total_usage
from switchyard.management.usage_series import usage_series
from switchyard.usage.places import open_reader
from switchyard.usage.queries import Question
from switchyard.usage.reader import Line
from switchyard.usage.reader import UsageReader

type Dimension = Literal["client_key", "tool", "project", "provider", "model", "billing"]
_DIMENSIONS: tuple[str, ...] = Dimension.__value__.__args__

Moment = Annotated[float | None, Query(ge=0, le=253_402_300_799, description="Unix seconds")]


class UsageRows(BaseModel):
    """Sums of requests; money in US dollars."""

    rows: list[dict[str, Any]]
    totals: dict[str, Any]


class CliProxyUsage(BaseModel):
    """All usage, in CLIProxyAPI's shape."""

    usage: dict[str, Any]
    failed_requests: int


class SessionRows(BaseModel):
    """Sessions of tools; the one that was active last comes first."""

    sessions: list[dict[str, Any]]


class UsageFilter(BaseModel):
    """What of all requests is summed up."""

    client_key: str | None = None
    tool: str | None = None
    project: str | None = None
    provider: str | None = None
    model: str | None = None
    billing: str | None = None

    @property
    def where(self) -> dict[str, str]:
        """The values by dimension."""
        values = {name: getattr(self, name) for name in UsageFilter.model_fields}
        return {name: value for name, value in values.items() if value is not None}


class UsageQuery(UsageFilter):
    """The query of usage. Without `by` and `bucket` the answer has CLIProxyAPI's shape."""

    by: str | None = Field(default=None, description="Dimensions, separated by commas")
    bucket: Literal["hour", "day", "week", "month"] | None = None
    since: float | None = Field(default=None, ge=0, le=253_402_300_799)
    until: float | None = Field(default=None, ge=0, le=253_402_300_799)
    tz: str = Field(default="UTC", max_length=64)


def usage_routes(desk: Desk) -> APIRouter:
    """Returns the routes of usage."""
    routes = APIRouter(tags=["usage"], responses=PROBLEMS)

    @routes.get("/usage")
    async def read_usage(
        caller: Viewer, query: Annotated[UsageQuery, Query()]
    ) -> CliProxyUsage | UsageRows:
        """Sums requests up. Without `by`, `bucket` or a filter: in CLIProxyAPI's shape."""
        zone, by = zone_of(query.tz), _dimensions(query.by)
        question = Question(query.since, query.until, query.where)
        plain = not by and query.bucket is None and question == Question(None, None, {})

        def read(reader: UsageReader) -> CliProxyUsage | UsageRows:
            if plain:
                return CliProxyUsage(**total_usage(reader, zone))
            rows = usage_series(reader, by, query.bucket, zone, question)
            return UsageRows(rows=rows, totals=_total(reader, question))

        return await with_reader(desk, read)

    @routes.get("/sessions")
    async def read_sessions(
        caller: Viewer,
        since: Moment = None,
        until: Moment = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> SessionRows:
        """Returns the sessions that were active within a time."""

        def read(reader: UsageReader) -> SessionRows:
            lines = list(reader.sessions(Question(since, until), limit))
            rows = [
                {
                    "session": name,
                    "first": first,
                    "last": last,
                    **sums_of([Line(first, last, name, {}, sums)]),
                }
                for name, sums, first, last in reversed(lines)
            ]
            return SessionRows(sessions=rows)

        return await with_reader(desk, read)

    return routes


async def with_reader[T](desk: Desk, read: Callable[[UsageReader], T]) -> T:
    """Returns what `read` finds, in a thread. Raises ApiProblem where nothing is kept."""
    if (place := desk.usage_place) is None:
        raise ApiProblem(404, "No usage is recorded (usage: off).")
    try:
        return await asyncio.to_thread(lambda: read(open_reader(place)))
    except (sqlite3.Error, OSError):
        raise ApiProblem(503, "The usage records cannot be read just now.") from None


def zone_of(name: str) -> tzinfo:
    """Returns a time zone by its name. Raises ApiProblem."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ApiProblem(422, "The query's 'tz' is no time zone such as Europe/Berlin.") from None


def _dimensions(text: str | None) -> list[str]:
    names = list(dict.fromkeys(filter(None, (text or "").split(","))))
    if any(name not in _DIMENSIONS for name in names):
        raise ApiProblem(422, f"The query's 'by' takes {', '.join(_DIMENSIONS)}.")
    return names


def _total(reader: UsageReader, question: Question) -> dict[str, Any]:
    return sums_of(reader.dimensions(("provider",), question))
