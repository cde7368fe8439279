"""Routes that show the router as it is now."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.desk import Desk


class ModelRow(BaseModel):
    """A name that clients may ask for."""

    id: str
    owner: str
    context_window: int | None


class ModelList(BaseModel):
    models: list[ModelRow]


class QuotaList(BaseModel):
    windows: list[dict[str, Any]]


class RunningList(BaseModel):
    running: list[dict[str, Any]]


def state_routes(desk: Desk) -> APIRouter:
    """Returns the routes of health, models, windows and running requests."""
    routes = APIRouter(tags=["state"], responses=PROBLEMS)

    @routes.get("/health")
    async def read_health(caller: Viewer) -> dict[str, Any]:
        """Returns the state of the router and of every provider's targets."""
        return dict(desk.health())

    @routes.get("/models")
    async def read_models(caller: Viewer) -> ModelList:
        """Returns all names that clients may ask for, whichever key they have."""
        names = desk.snapshot.catalog.names()
        rows = [
            ModelRow(id=one.name, owner=one.owner, context_window=one.context_window)
            for one in names
        ]
        return ModelList(models=rows)

    @routes.get("/quota")
    async def read_quota(caller: Viewer) -> QuotaList:
        """Returns the windows of keys and logins that providers reported, with forecasts."""
        return QuotaList(windows=desk.quota())

    @routes.get("/running")
    async def read_running(caller: Viewer) -> RunningList:
        """Returns the requests under way, at all workers."""
        return RunningList(running=await desk.running_everywhere())

    return routes
