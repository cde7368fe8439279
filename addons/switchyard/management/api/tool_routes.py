"""Routes that say how tools are set up, and how the certificate is that some have to trust."""

import asyncio
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter
from fastapi import Query
from fastapi import Request
from pydantic import BaseModel

from switchyard.clients.tool_setup import tool_cards
from switchyard.config.example_models import EXAMPLE_MODELS
from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem
from switchyard.management.certificate_status import certificate_status
from switchyard.management.desk import Desk
from switchyard.programs import program_of

ANY_KEY = "any"
"""What tools send that insist on a key, where the router asks for none."""
OWN_KEY = "YOUR-CLIENT-KEY"


class ToolSetup(BaseModel):
    """One tool: how it is started for one run, and what sets it up for good."""

    name: str
    title: str
    install: str
    run: str
    lines: list[str]
    note: str


class ToolList(BaseModel):
    """All tools, and what every other one is given."""

    base_url: str
    key: str
    model: str
    tools: list[ToolSetup]


class AuthorityCertificate(BaseModel):
    """The proxy's authority; `is_trusted` is null where the system's roots are in no file."""

    path: str
    subject: str
    fingerprint: str
    """SHA-256, in hexadecimal."""
    expires: float
    """Unix seconds."""
    is_trusted: bool | None
    install: str
    """The command that puts it among this system's roots."""


def tool_routes(desk: Desk) -> APIRouter:
    """Returns the routes."""
    routes = APIRouter(tags=["tools"], responses=PROBLEMS)

    @routes.get("/tools")
    async def read_tools(
        request: Request,
        caller: Viewer,
        model: Annotated[str, Query(max_length=256)] = "",
    ) -> ToolList:
        """Returns how each tool is pointed at this router, to ask for a model."""
        scheme = "https" if request.headers.get("origin", "").startswith("https:") else "http"
        base = f"{scheme}://{request.headers['host']}"
        key = OWN_KEY if desk.snapshot.config.clients.api_keys else ANY_KEY
        named = model or _first_model(desk)
        made = await asyncio.to_thread(tool_cards, base, key, named)
        cards = [ToolSetup(**asdict(card)) for card in made]
        return ToolList(base_url=base, key=key, model=named, tools=cards)

    @routes.get("/certificate")
    async def read_certificate(caller: Viewer) -> AuthorityCertificate:
        """Returns the certificate that tools have to trust which come by HTTPS_PROXY."""
        status = await asyncio.to_thread(certificate_status, desk.confdir)
        if status is None:
            raise ApiProblem(404, "The proxy has no certificate authority.")
        install = f"{program_of('ca')} install"
        return AuthorityCertificate(**asdict(status), install=install)

    return routes


def _first_model(desk: Desk) -> str:
    """A combo where there is one, which tools are meant to ask for; else a model known for code."""
    combos = desk.snapshot.config.combos
    if combos:
        return next(iter(combos))
    live = {one.name for one in desk.snapshot.config.providers}
    for provider, known in EXAMPLE_MODELS.items():
        if provider in live:
            return f"{provider}/{known}"
    names = desk.snapshot.catalog.names()
    return names[0].name if names else "demo/echo"
