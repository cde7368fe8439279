"""Routes with which a browser's page begins and ends a session."""

import asyncio
import sqlite3
import time

from fastapi import APIRouter
from fastapi import Request
from fastapi import Response
from pydantic import BaseModel

from switchyard.management.api.doorkeeper import COOKIE
from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem
from switchyard.management.browser_sessions import LASTS
from switchyard.management.browser_sessions import BrowserSession
from switchyard.management.browser_sessions import BrowserSessions
from switchyard.management.browser_sessions import session_name
from switchyard.management.caller import Caller
from switchyard.management.desk import Desk

PATH = "/v0/management"


class SessionState(BaseModel):
    """What a page knows of its session."""

    authenticated: bool
    needs_key: bool
    """Whether a session begins with a key only."""
    role: str | None = None
    who: str | None = None
    csrf: str | None = None
    """What writes send in `x-csrf-token`."""
    expires: float | None = None
    """Unix seconds."""


def session_routes(desk: Desk) -> APIRouter:
    """Returns the routes of the session."""
    routes = APIRouter(tags=["session"], responses=PROBLEMS)

    @routes.get("/session")
    async def read_session(request: Request) -> SessionState:
        """Tells a page whether it has a session, and what writes need."""
        caller: Caller = request.state.caller
        return _state(caller, request.state.session)

    @routes.post("/session")
    async def begin_session(request: Request, response: Response) -> SessionState:
        """Begins a session for the key that is sent, or for the dashboard on this machine."""
        caller: Caller = request.state.caller
        holder = caller.holder
        if request.state.session is None and caller.role is None:
            if not (caller.is_own_page and _is_page(request)):
                raise ApiProblem(401, "Send the key with this request.")
            caller = Caller(
                peer=caller.peer, who="dashboard", holder="page", role="admin", is_own_page=True
            )
            holder = caller.holder
        sessions = BrowserSessions(desk.folder)
        try:
            token, session = await asyncio.to_thread(sessions.begin, holder, time.time())
        except (sqlite3.Error, OSError) as e:
            raise ApiProblem(503, f"The session cannot be kept: {e}.") from None
        _set_cookie(request, response, token, int(LASTS))
        return _state(caller, session)

    @routes.delete("/session")
    async def end_session(request: Request, response: Response, caller: Viewer) -> SessionState:
        """Ends the session of this browser."""
        if request.state.token:
            try:
                await asyncio.to_thread(BrowserSessions(desk.folder).end, request.state.token)
            except (sqlite3.Error, OSError) as e:
                raise ApiProblem(503, f"The session cannot be ended: {e}.") from None
            await desk.end_session_everywhere(session_name(request.state.token))
        _set_cookie(request, response, "", 0)
        return _state(Caller(peer=caller.peer, is_own_page=caller.is_own_page), None)

    return routes


def _state(caller: Caller, session: BrowserSession | None) -> SessionState:
    return SessionState(
        authenticated=caller.role is not None,
        needs_key=not caller.is_own_page,
        role=caller.role,
        who=caller.who or None,
        csrf=session.csrf if session is not None else None,
        expires=session.expires if session is not None else None,
    )


def _is_page(request: Request) -> bool:
    """Whether a browser says that one of our own pages asks; other programs can say it too."""
    headers = request.headers
    return "origin" in headers and headers.get("sec-fetch-site", "same-origin") == "same-origin"


def _set_cookie(request: Request, response: Response, token: str, seconds: int) -> None:
    response.set_cookie(
        COOKIE,
        token,
        max_age=seconds,
        path=PATH,
        secure=request.headers.get("origin", "").startswith("https://"),
        httponly=True,
        samesite="strict",
    )
    response.headers["cache-control"] = "no-store"
