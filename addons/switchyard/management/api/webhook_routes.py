"""Routes that show and try the receivers of webhooks."""

import asyncio
import sqlite3
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from switchyard.management.api.bodies import RequestBody
from switchyard.management.api.doorkeeper import Admin
from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem
from switchyard.management.changing import Changes
from switchyard.management.desk import Desk


class WebhookTrial(RequestBody):
    """Which receiver is to be tried; without one all."""

    receiver: str | None = Field(default=None, max_length=300)
    """Scheme, host and port, as `GET /webhooks` has them."""


def webhook_routes(desk: Desk, changes: Changes) -> APIRouter:
    """Returns the routes."""
    routes = APIRouter(tags=["webhooks"], responses=PROBLEMS)

    @routes.get("/webhooks")
    async def list_receivers(caller: Viewer) -> dict[str, Any]:
        """Returns the receivers: their events, how many wait, and how the last try went."""
        try:
            found = await asyncio.to_thread(desk.runtime.webhooks.status)
        except (sqlite3.Error, OSError):
            raise ApiProblem(503, "The queue of webhooks cannot be read just now.") from None
        return {"receivers": found}

    @routes.post("/webhooks/test")
    async def test_receivers(caller: Admin, body: WebhookTrial | None = None) -> dict[str, Any]:
        """Sends the event `webhook.test` at once, and returns what each receiver answered."""
        wanted = body.receiver if body is not None else None
        await changes.note(caller, f"POST /webhooks/test {wanted or 'all'}")
        told = await asyncio.to_thread(desk.runtime.webhooks.try_out, wanted)
        if not told:
            raise ApiProblem(404, "There is no such receiver in webhooks.")
        return {"results": told}

    return routes
