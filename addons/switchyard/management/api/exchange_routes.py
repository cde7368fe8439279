"""Routes that show one request in depth: its messages from the exchange log, and its price."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel

from switchyard.management.api.doorkeeper import Admin
from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem
from switchyard.management.api.record_routes import find_record
from switchyard.management.desk import Desk
from switchyard.management.record_members import dollars
from switchyard.recording.kept_exchange import KeptExchange
from switchyard.recording.kept_exchange import KeptMessage
from switchyard.recording.kept_exchange import find_exchange
from switchyard.recording.kept_exchange import read_exchange
from switchyard.recording.kept_exchange import read_kept_body
from switchyard.redaction.concealing import Concealer
from switchyard.usage.price_lines import price_lines
from switchyard.usage.records import AttemptUsage
from switchyard.usage.records import RequestRecord

_LONGEST = 400_000
"""Characters of a conversation that are shown; the route of a message has the whole."""

_GONE = "The exchange log has nothing of this request: it is older than the log, or was removed."
_OFF = "The router keeps no exchange log. Add exchange-log: {} to the configuration."


class ShownMessage(BaseModel):
    """One message of an exchange, with secrets masked."""

    name: str
    head: str
    size: int | None
    """Bytes of its body; None where none is kept."""
    conversation: str
    cut: bool
    """Whether the conversation goes on."""


class ShownExchange(BaseModel):
    facts: dict[str, Any]
    """What the log's `exchange.json` has."""
    messages: list[ShownMessage]


class AttemptPrice(BaseModel):
    """How the price of one attempt comes about, in US dollars."""

    number: int
    provider: str
    model: str
    lines: list[dict[str, Any]]
    """Classes of tokens with `tokens`, `rate` (a million tokens) and `cost`."""
    list_cost: float | None
    """What the record has."""
    source: str | None
    """Where its price came from; with `provider` the figure is the provider's own."""


class PriceOfRequest(BaseModel):
    attempts: list[AttemptPrice]


_BODY: dict[int | str, dict[str, Any]] = {
    **PROBLEMS,
    200: {"description": "The body as it was.", "content": {"text/plain": {}}},
}


def exchange_routes(desk: Desk) -> APIRouter:
    """Returns the routes of one request's exchange."""
    routes = APIRouter(tags=["records"], responses=PROBLEMS)

    @routes.get("/records/{id}/exchange")
    async def read_kept_exchange(caller: Admin, id: UUID) -> ShownExchange:
        """Returns the messages of a request, which the exchange log keeps, as conversations."""
        folder = await _folder(desk, id)
        kept = await _read(read_exchange, folder)
        return await asyncio.to_thread(_masked, kept, desk.snapshot.routes.concealer)

    @routes.get("/records/{id}/exchange/{name}", response_class=Response, responses=_BODY)
    async def read_message(caller: Admin, id: UUID, name: str) -> Response:
        """Returns the whole body of one message, as the exchange log keeps it."""
        body = await _read(read_kept_body, await _folder(desk, id), name)
        if body is None:
            raise ApiProblem(404, "The exchange log has no body of this message.")
        shown = await asyncio.to_thread(desk.snapshot.routes.concealer.data, body)
        headers = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
        return Response(shown, headers=headers, media_type="text/plain; charset=utf-8")

    @routes.get("/records/{id}/price")
    async def read_price(caller: Viewer, id: UUID) -> PriceOfRequest:
        """Returns how the cost of a request comes about, by the prices of the time it began."""
        record = await find_record(desk, id)
        return await asyncio.to_thread(_price, desk, record)

    return routes


async def _folder(desk: Desk, id: UUID) -> Path:
    if (settings := desk.snapshot.config.exchange_log) is None:
        raise ApiProblem(404, _OFF)
    record = await find_record(desk, id)
    log = Path(settings.dir).expanduser().absolute()
    folder = await _read(find_exchange, log, record.started, str(id))
    if folder is None:
        raise ApiProblem(404, _GONE)
    return folder


async def _read(read: Any, *arguments: Any) -> Any:
    try:
        return await asyncio.to_thread(read, *arguments)
    except OSError:
        raise ApiProblem(404, _GONE) from None  # the log removes what is old


def _masked(kept: KeptExchange, secrets: Concealer) -> ShownExchange:
    facts = {name: secrets.said(value) for name, value in kept.facts.items()}
    return ShownExchange(facts=facts, messages=[_shown(one, secrets) for one in kept.messages])


def _shown(message: KeptMessage, secrets: Concealer) -> ShownMessage:
    return ShownMessage(
        name=message.name,
        head=secrets.text(message.head),
        size=message.size,
        conversation=secrets.text(message.conversation[:_LONGEST]),
        cut=len(message.conversation) > _LONGEST,
    )


def _price(desk: Desk, record: RequestRecord) -> PriceOfRequest:
    return PriceOfRequest(attempts=[_price_of(desk, record, one) for one in record.tries])


def _price_of(desk: Desk, record: RequestRecord, attempt: AttemptUsage) -> AttemptPrice:
    snapshot = desk.snapshot
    source = record.price_source if attempt.list_cost is not None else None
    named = (one for one in snapshot.config.providers if one.name == attempt.provider)
    provider, rates = next(named, None), None
    if provider is not None and source not in (None, "provider"):
        spoken = attempt.format if attempt.format in provider.formats else provider.formats[0]
        url = snapshot.base_url(provider, spoken)
        rates = desk.rules().pricing.rates(provider.name, attempt.model, url, record.started)
    lines = price_lines(attempt.tokens, rates) if rates is not None else []
    return AttemptPrice(
        number=attempt.number,
        provider=attempt.provider,
        model=attempt.model,
        lines=[asdict(one) for one in lines],
        list_cost=dollars(attempt.list_cost),
        source=source,
    )
