"""Calls of CLIProxyAPI that have no counterpart here: each answers with what there is instead.

Source: CLIProxyAPI, "Management API", the sections that the paths are in.
"""

from dataclasses import dataclass
from typing import Any
from typing import Literal

from fastapi import APIRouter

from switchyard.management.api.doorkeeper import Admin
from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import CHANGES
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem


@dataclass(frozen=True, slots=True)
class AbsentCall:
    """A call that is answered with a refusal."""

    method: Literal["GET", "POST"]
    path: str
    instead: str


_NO_UPLOAD = "Accounts are not taken from files: POST logins begins a login."

ABSENT = (
    AbsentCall("GET", "/latest-version", "The router asks no one for its latest release."),
    AbsentCall(
        "GET",
        "/usage-queue",
        "Usage is kept, not queued: GET records has every request, GET events has new ones.",
    ),
    AbsentCall("GET", "/usage/export", "GET records?format=jsonl exports every request."),
    AbsentCall("POST", "/usage/import", "Usage of other routers is not taken over."),
    AbsentCall(
        "GET",
        "/api-key-usage",
        "Usage is summed up by provider and model: GET usage?by=provider,model&bucket=hour.",
    ),
    AbsentCall(
        "GET",
        "/auth-files/download",
        "Tokens do not leave the router. GET accounts shows how accounts are.",
    ),
    AbsentCall("POST", "/auth-files", _NO_UPLOAD),
    AbsentCall(
        "POST",
        "/vertex/import",
        "Service accounts stay in their files: api-key: {google: {credentials: FILE}}.",
    ),
)


def absent_routes() -> APIRouter:
    """Returns the routes."""
    routes = APIRouter(tags=["CLIProxyAPI"], responses=PROBLEMS)
    for call in ABSENT:
        _add(routes, call)

    @routes.get("/request-error-logs")
    async def read_error_logs(caller: Viewer) -> dict[str, list[Any]]:
        """Returns an empty list: there are no files of failed requests."""
        return {"files": []}

    @routes.get("/request-error-logs/{name}", status_code=404, response_model=None)
    async def read_error_log(caller: Viewer, name: str) -> None:
        """Refuses with what there is instead."""
        detail = "There is no such file. GET records/ID/exchange shows what exchange-log keeps."
        raise ApiProblem(404, detail)

    return routes


def _add(routes: APIRouter, call: AbsentCall) -> None:
    async def refuse_read(
        caller: Viewer, name: str | None = None, count: str | None = None
    ) -> None:
        """Refuses with what there is instead, whatever is asked for."""
        raise ApiProblem(404, call.instead)

    async def refuse_write(
        caller: Admin, name: str | None = None, location: str | None = None
    ) -> None:
        """Refuses with what there is instead, whatever is sent."""
        raise ApiProblem(409, call.instead)

    is_read = call.method == "GET"
    routes.add_api_route(
        call.path,
        refuse_read if is_read else refuse_write,
        methods=[call.method],
        status_code=404 if is_read else 409,
        response_model=None,
        responses=PROBLEMS if is_read else CHANGES,
    )
