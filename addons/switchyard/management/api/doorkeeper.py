"""Finds out who calls: by the proxy's own header, or by a browser's session."""

import asyncio
import hmac
import sqlite3
import time
from http.cookies import CookieError
from http.cookies import SimpleCookie
from typing import Annotated

from fastapi import Depends
from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp
from starlette.types import Receive
from starlette.types import Scope
from starlette.types import Send

from switchyard.management.api.errors import ApiProblem
from switchyard.management.api.errors import problem_json
from switchyard.management.browser_sessions import BrowserSession
from switchyard.management.browser_sessions import BrowserSessions
from switchyard.management.caller import CALLER
from switchyard.management.caller import PROOF
from switchyard.management.caller import Caller
from switchyard.management.caller import decode_caller
from switchyard.management.desk import Desk
from switchyard.management.guard import holder_in_force

COOKIE = "switchyard-session"
CSRF = "x-csrf-token"

_READS = ("GET", "HEAD", "OPTIONS")


class Doorkeeper:
    """Refuses what does not come from the proxy, and puts the caller into the request's state."""

    def __init__(self, app: ASGIApp, desk: Desk, proof: str) -> None:
        self._app = app
        self._desk = desk
        self._proof = proof.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        if not hmac.compare_digest(headers.get(PROOF, "").encode(), self._proof):
            await problem_json(403, "Call the router itself.")(scope, receive, send)
            return
        caller = decode_caller(headers.get(CALLER, ""))
        state = scope.setdefault("state", {})
        state["session"] = state["token"] = None
        if caller.role is None and (token := token_of(headers)):
            session = await self._session(token)
            if session is not None and (holder := self._holder(session)) is not None:
                state["session"], state["token"] = session, token
                caller = Caller(
                    peer=caller.peer,
                    who=holder.who,
                    holder=session.holder,
                    role=holder.role,
                    has_session=True,
                    is_own_page=caller.is_own_page,
                )
        state["caller"] = caller
        await self._app(scope, receive, send)

    async def _session(self, token: str) -> BrowserSession | None:
        sessions = BrowserSessions(self._desk.folder)
        try:
            return await asyncio.to_thread(sessions.find, token, time.time())
        except (sqlite3.Error, OSError):
            return None  # without the file there are no sessions

    def _holder(self, session: BrowserSession) -> Caller | None:
        return holder_in_force(self._desk.snapshot, session.holder)


def token_of(headers: Headers) -> str:
    """Returns the value of the session's cookie, or an empty text."""
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[COOKIE].value if COOKIE in cookies else ""


def viewer(request: Request) -> Caller:
    """Returns the caller, who may look. Raises ApiProblem for others."""
    caller: Caller = request.state.caller
    if caller.role is None:
        detail = "Send the management key as 'Authorization: Bearer KEY' or X-Management-Key."
        raise ApiProblem(401, detail, headers={"www-authenticate": "Bearer"})
    session: BrowserSession | None = request.state.session
    if session is not None and request.method not in _READS:
        given = request.headers.get(CSRF, "")
        if not hmac.compare_digest(given.encode(), session.csrf.encode()):
            raise ApiProblem(403, f"Send the session's token in {CSRF}.")
    return caller


def admin(caller: Annotated[Caller, Depends(viewer)]) -> Caller:
    """Returns the caller, who may change the router. Raises ApiProblem for others."""
    if caller.role != "admin":
        raise ApiProblem(403, "This needs the role admin.")
    return caller


Viewer = Annotated[Caller, Depends(viewer)]
Admin = Annotated[Caller, Depends(admin)]
