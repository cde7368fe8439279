"""Serves the dashboard's files, with a policy that lets no page reach anything else."""

from pathlib import Path

from fastapi import FastAPI
from fastapi import Request
from fastapi.responses import RedirectResponse
from fastapi.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).resolve().parents[2] / "dashboard" / "static"

POLICY = (
    "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; "
    "object-src 'none'"
)
SAFETY = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-cache",
}


class _Pages(StaticFiles):
    """Static files; a path without a file below it gets the one page there is."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(SAFETY)
        return response


def serve_pages(app: FastAPI) -> None:
    """Adds the dashboard to an application."""

    @app.get("/dashboard", include_in_schema=False)
    async def to_page(_: Request) -> RedirectResponse:
        return RedirectResponse("/dashboard/", 308, SAFETY)

    app.mount("/dashboard/", _Pages(directory=FOLDER, html=True), name="dashboard")
