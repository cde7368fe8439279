"""Routes that give the records of requests: in pages, and as JSON lines or CSV."""

import asyncio
import csv
import io
import sqlite3
from collections.abc import AsyncIterator
from collections.abc import Sequence
from typing import Annotated
from typing import Any
from typing import Literal
from uuid import UUID

from fastapi import APIRouter
from fastapi import Query
from fastapi.responses import Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from pydantic import Field

from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem
from switchyard.management.desk import Desk
from switchyard.management.record_members import record_members
from switchyard.usage.places import open_pages
from switchyard.usage.records import RequestRecord
from switchyard.usage.row_pages import FILTERS
from switchyard.usage.row_pages import RowQuestion
from switchyard.wire.encoding.jsonio import dumps

_PAGE = 500
"""Rows that an export reads at once."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for the begin of a formula."""


class RecordQuery(BaseModel):
    """Which records; moments in Unix seconds."""

    since: float | None = Field(default=None, ge=0, le=253_402_300_799)
    until: float | None = Field(default=None, ge=0, le=253_402_300_799)
    before: UUID | None = None
    """The `next` of the page before."""
    limit: int = Field(default=100, ge=1, le=1000)
    format: Literal["json", "jsonl", "csv"] = "json"
    client_key: str | None = None
    tool: str | None = None
    session: str | None = None
    project: str | None = None
    operation: str | None = None
    asked_model: str | None = None
    combo: str | None = None
    provider: str | None = None
    model: str | None = None
    credential: str | None = None
    state: str | None = None
    error: str | None = None
    billing: str | None = None
    status: int | None = Field(default=None, ge=100, le=999)

    def question(self, before: bytes | None = None) -> RowQuestion:
        """Returns what is asked of the store."""
        values = {name: getattr(self, name) for name in FILTERS}
        where = {name: str(value) for name, value in values.items() if value is not None}
        last = before or (self.before.bytes if self.before is not None else None)
        return RowQuestion(since=self.since, until=self.until, where=where, before=last)


class RecordPage(BaseModel):
    """Records, the latest first."""

    records: list[dict[str, Any]]
    next: str | None
    """The `before` of the next page; None after the last."""


_EXPORTS = {
    200: {
        "description": "A page, or with `format` all records as a download.",
        "content": {"application/x-ndjson": {}, "text/csv": {}},
    }
}


def record_routes(desk: Desk) -> APIRouter:
    """Returns the routes of records."""
    routes = APIRouter(tags=["records"], responses=PROBLEMS)

    @routes.get("/records", response_model=RecordPage, responses={**PROBLEMS, **_EXPORTS})
    async def read_records(
        caller: Viewer, query: Annotated[RecordQuery, Query()]
    ) -> RecordPage | Response:
        """Returns a page of records, or all that fit as JSON lines or CSV."""
        if query.format != "json":
            return _export(desk, query)
        rows = await _page(desk, query.question(), query.limit)
        last = str(UUID(bytes=rows[-1].id)) if len(rows) == query.limit else None
        return RecordPage(records=list(map(record_members, rows)), next=last)

    @routes.get("/records/{id}")
    async def read_record(caller: Viewer, id: UUID) -> dict[str, Any]:
        """Returns one record."""
        return record_members(await find_record(desk, id))

    return routes


async def find_record(desk: Desk, id: UUID) -> RequestRecord:
    """Returns the record of a finished request. Raises ApiProblem."""
    found = await _in_thread(desk, lambda pages: pages.one(id.bytes))
    if found is None:
        raise ApiProblem(404, "There is no finished request with this id.")
    return found


def _export(desk: Desk, query: RecordQuery) -> StreamingResponse:
    kind = "application/x-ndjson" if query.format == "jsonl" else "text/csv"
    written = _lines(desk, query) if query.format == "jsonl" else _table(desk, query)
    name = f'attachment; filename="switchyard-records.{query.format}"'
    headers = {"content-disposition": name, "cache-control": "no-store"}
    return StreamingResponse(written, media_type=kind, headers=headers)


async def _lines(desk: Desk, query: RecordQuery) -> AsyncIterator[bytes]:
    async for rows in _pages(desk, query):
        yield b"".join(dumps(record_members(row)) + b"\n" for row in rows)


async def _table(desk: Desk, query: RecordQuery) -> AsyncIterator[str]:
    begun = False
    async for rows in _pages(desk, query):
        text = io.StringIO()
        table = csv.writer(text)
        for row in rows:
            flat = _flat(record_members(row))
            if not begun:
                table.writerow(flat)
                begun = True
            table.writerow(map(_cell, flat.values()))
        yield text.getvalue()


async def _pages(desk: Desk, query: RecordQuery) -> AsyncIterator[Sequence[RequestRecord]]:
    before: bytes | None = None
    while rows := await _page(desk, query.question(before), _PAGE):
        yield rows
        before = rows[-1].id


def _flat(members: dict[str, Any]) -> dict[str, Any]:
    """Returns a record without its attempts, its classes of tokens as columns."""
    tokens = members.pop("tokens")
    del members["tries"]
    members["dropped"] = ",".join(members["dropped"])
    return {**members, **tokens}


def _cell(value: object) -> object:
    """Returns a cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


async def _page(desk: Desk, question: RowQuestion, most: int) -> list[RequestRecord]:
    return await _in_thread(desk, lambda pages: pages.page(question, most))


async def _in_thread(desk: Desk, read: Any) -> Any:
    if (place := desk.usage_place) is None:
        raise ApiProblem(404, "No usage is recorded (usage: off).")
    try:
        return await asyncio.to_thread(lambda: read(open_pages(place)))
    except (sqlite3.Error, OSError):
        raise ApiProblem(503, "The usage records cannot be read just now.") from None
