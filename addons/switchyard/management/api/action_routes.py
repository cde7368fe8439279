"""Routes that try and explain things, set them back, and show the log and the audit."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from typing import Annotated
from typing import Any
from typing import Literal

from fastapi import APIRouter
from fastapi import Query
from fastapi.responses import Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from pydantic import Field

from switchyard.management.api.bodies import RequestBody
from switchyard.management.api.doorkeeper import Admin
from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem
from switchyard.management.audit import Audit
from switchyard.management.audit import AuditRow
from switchyard.management.changing import Changes
from switchyard.management.desk import Desk
from switchyard.management.trying import try_target
from switchyard.routing.explanation import explain
from switchyard.wire.encoding.jsonio import dumps


class ExplainBody(RequestBody):
    """What is to be explained."""

    model: str = Field(min_length=1, max_length=256)
    key: str | None = None
    """The name or id of a client key; None for a client without limits."""


class TrialBody(RequestBody):
    """Which target is to be tried."""

    provider: str
    model: str = Field(min_length=1, max_length=256)
    credential: int = Field(default=0, ge=0, le=10_000)
    """The place of its key, from 0."""


class ResetBody(RequestBody):
    """Whose cooldowns are to end; without a provider all."""

    provider: str | None = None
    credential: str | None = None
    """The id of a key, such as `openrouter#0`."""


class LogLinesPage(BaseModel):
    """Lines of the log, oldest first; the members are CLIProxyAPI's."""

    lines: list[str]
    line_count: int = Field(serialization_alias="line-count")
    latest_timestamp: int = Field(serialization_alias="latest-timestamp")


class AuditPage(BaseModel):
    """Rows of the audit, the latest first."""

    rows: list[dict[str, Any]]
    next: int | None
    """The `before` of the next page; None after the last."""


def action_routes(desk: Desk, changes: Changes) -> APIRouter:
    """Returns the routes."""
    routes = APIRouter(tags=["actions"], responses=PROBLEMS)
    _add_questions(routes, desk, changes)
    _add_resets(routes, desk, changes)
    _add_log(routes, desk, changes)
    _add_audit(routes, desk)
    return routes


def _add_questions(routes: APIRouter, desk: Desk, changes: Changes) -> None:
    @routes.post("/explain")
    async def explain_model(caller: Viewer, body: ExplainBody) -> dict[str, Any]:
        """Explains which plan a model and a key get now, and why. It asks no provider."""
        snapshot = desk.snapshot
        keys = {label: one for one in snapshot.client_keys for label in (one.label, one.id)}
        if body.key is not None and body.key not in keys:
            raise ApiProblem(404, "There is no client key of this name or id.")
        told = explain(
            snapshot.config,
            body.model,
            keys[body.key] if body.key is not None else None,
            catalog=snapshot.catalog,
            routes=snapshot.routes,
            health=desk.runtime.state.health,
        )
        return told.as_json()

    @routes.post("/test")
    async def test_target(caller: Admin, body: TrialBody) -> dict[str, Any]:
        """Sends one tiny request to a target. It costs what a few tokens cost."""
        snapshot = desk.snapshot
        found = (one for one in snapshot.config.providers if one.name == body.provider)
        if (provider := next(found, None)) is None:
            raise ApiProblem(404, "There is no such provider in force.")
        await changes.note(caller, f"POST /test {body.provider}/{body.model}")
        return await try_target(desk.runtime, provider, body.model, body.credential)


def _add_resets(routes: APIRouter, desk: Desk, changes: Changes) -> None:
    @routes.post("/cooldowns/reset")
    async def reset_cooldowns(caller: Admin, body: ResetBody | None = None) -> dict[str, Any]:
        """Ends cooldowns, so that the next requests try what cooled down."""
        wanted = body or ResetBody()
        names = [one.name for one in desk.snapshot.config.providers]
        if wanted.provider is not None and wanted.provider not in names:
            raise ApiProblem(404, "There is no such provider in force.")
        chosen = names if wanted.provider is None else [wanted.provider]
        for name in chosen:
            desk.runtime.state.health.forget(name, wanted.credential)
        await changes.note(caller, f"POST /cooldowns/reset {wanted.provider or 'all'}")
        return {"status": "ok", "providers": chosen}

    @routes.post("/reload")
    async def reload_file(caller: Admin) -> dict[str, Any]:
        """Puts the file in force if it has changed, without waiting for the next look."""
        if why := await desk.reloading.reload():
            raise ApiProblem(422, why)
        await changes.note(caller, "POST /reload")
        return {"status": "ok"}


def _add_log(routes: APIRouter, desk: Desk, changes: Changes) -> None:
    @routes.get("/logs")
    async def read_log(
        caller: Viewer,
        after: Annotated[float, Query(ge=0, le=253_402_300_799)] = 0.0,
        limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
    ) -> LogLinesPage:
        """Returns the last lines of the log of all workers, after a moment (Unix seconds)."""
        found = (await desk.log_everywhere(after))[-limit:]
        latest = int(found[-1][0]) if found else int(after)
        lines = [f"{_clock(at)} {text}" for at, text in found]
        return LogLinesPage(lines=lines, line_count=len(lines), latest_timestamp=latest)

    @routes.delete("/logs")
    async def clear_log(caller: Admin) -> dict[str, Any]:
        """Forgets the lines that are kept here; files and the terminal keep theirs."""
        removed = await desk.clear_log_everywhere()
        await changes.note(caller, "DELETE /logs")
        return {"success": True, "message": "Logs cleared successfully", "removed": removed}


def _add_audit(routes: APIRouter, desk: Desk) -> None:
    exports = {
        200: {"description": "A page, or all rows.", "content": {"application/x-ndjson": {}}}
    }

    @routes.get("/audit", response_model=AuditPage, responses={**PROBLEMS, **exports})
    async def read_audit(
        caller: Viewer,
        before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        format: Literal["json", "jsonl"] = "json",
    ) -> AuditPage | Response:
        """Returns who changed what, the latest first; all of it as JSON lines with `format`."""
        if format == "jsonl":
            return StreamingResponse(_all_rows(desk), media_type="application/x-ndjson")
        rows = await _page(desk, before, limit)
        last = rows[-1].id if len(rows) == limit else None
        return AuditPage(rows=list(map(_members, rows)), next=last)


async def _page(desk: Desk, before: int | None, most: int) -> list[AuditRow]:
    try:
        return await asyncio.to_thread(Audit(desk.folder).rows, before, most)
    except (sqlite3.Error, OSError):
        raise ApiProblem(503, "The audit cannot be read just now.") from None


async def _all_rows(desk: Desk) -> AsyncIterator[bytes]:
    before: int | None = None
    while rows := await _page(desk, before, 500):
        yield b"".join(dumps(_members(row)) + b"\n" for row in rows)
        before = rows[-1].id


def _members(row: AuditRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in AuditRow.__slots__}


def _clock(at: float) -> str:
    return time.strftime("[%Y-%m-%d %H:%M:%S]", time.localtime(at))
