"""The route that shows who changed what."""

import asyncio
import sqlite3
from dataclasses import asdict
from typing import Annotated
from typing import Literal

from fastapi import APIRouter
from fastapi import Query
from fastapi.responses import Response
from pydantic import BaseModel

from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem
from switchyard.management.audit import Audit
from switchyard.management.desk import Desk
from switchyard.wire.encoding.jsonio import dumps


class AuditEntry(BaseModel):
    """One change, secrets masked; `at` in Unix seconds."""

    id: int
    at: float
    who: str
    role: str
    peer: str
    via: str
    action: str
    diff: str
    etag: str


class AuditPage(BaseModel):
    """Changes, the latest first; `next` is the `before` of the page that follows."""

    entries: list[AuditEntry]
    next: int | None


_LINES = {200: {"content": {"application/x-ndjson": {}}, "description": "A page; JSON lines."}}


def audit_routes(desk: Desk) -> APIRouter:
    """Returns the route of the audit."""
    routes = APIRouter(tags=["audit"], responses=PROBLEMS)

    @routes.get("/audit", response_model=AuditPage, responses={**PROBLEMS, **_LINES})
    async def read_audit(
        caller: Viewer,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        before: Annotated[int | None, Query(ge=1)] = None,
        format: Literal["json", "jsonl"] = "json",
    ) -> AuditPage | Response:
        """Returns who changed what, from where and when."""
        try:
            rows = await asyncio.to_thread(Audit(desk.folder).rows, before, limit)
        except (sqlite3.Error, OSError):
            raise ApiProblem(503, "The audit cannot be read just now.") from None
        if format == "jsonl":
            text = b"".join(dumps(asdict(row)) + b"\n" for row in rows)
            return Response(text, media_type="application/x-ndjson")
        entries = [AuditEntry(**asdict(row)) for row in rows]
        return AuditPage(entries=entries, next=rows[-1].id if len(rows) == limit else None)

    return routes
