"""Which paths speak which wire format: the one table of what clients may call."""

import re
from dataclasses import dataclass
from typing import Literal

from mitmproxy import http

from addons.wire.format import Format
from addons.wire.registry import FORMATS

type Kind = Literal["generate", "models", "health", "status", "greeting"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a request's method and path ask for.

    `generate` asks a model, `models` for the list, `health` whether we live, `status` how the
    providers are; `greeting` is a probe that only wants to see that somebody is there (Claude Code
    sends `HEAD /api/hello`).
    """

    kind: Kind
    format: Format


_GENERATE = {
    "/chat/completions": "openai-chat",
    "/messages": "anthropic",
}
"""Path below the optional version segment -> wire format."""

_VERSION = re.compile(r"^/v\d+[a-z0-9]*(?=/)")


def find_endpoint(request: http.Request) -> Endpoint | None:
    """What a request to our own address asks for; None if nothing we serve."""
    path = request.path.partition("?")[0]
    path = path.rstrip("/") or "/"
    bare = _VERSION.sub("", path, count=1)
    if request.method == "POST":
        name = _GENERATE.get(bare)
        return Endpoint("generate", FORMATS[name]) if name else None
    if request.method not in ("GET", "HEAD"):
        return None
    if bare == "/models":
        return Endpoint("models", FORMATS[_dialect(request)])
    if path == "/v0/health/providers":
        return Endpoint("status", FORMATS[_dialect(request)])
    if bare == "/health":
        return Endpoint("health", FORMATS[_dialect(request)])
    if path == "/" or request.method == "HEAD":
        return Endpoint("greeting", FORMATS[_dialect(request)])
    return None


def format_of_path(request: http.Request) -> Format | None:
    """The wire format of a call to a model at some provider's own address, whatever stands before
    the path's last segments (`/openai/v1/chat/completions`, `/api/v1/chat/completions`)."""
    if request.method != "POST":
        return None
    path = request.path.partition("?")[0].rstrip("/")
    return next((FORMATS[name] for end, name in _GENERATE.items() if path.endswith(end)), None)


def format_of_client(request: http.Request) -> Format:
    """The format in which a client wants to be told that something is wrong."""
    return format_of_path(request) or FORMATS[_dialect(request)]


def _dialect(request: http.Request) -> str:
    """Whose API a request that names no format is written for."""
    return "anthropic" if "anthropic-version" in request.headers else "openai-chat"
