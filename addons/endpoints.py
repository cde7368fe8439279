"""Which paths speak which wire format: the one table of what clients may call."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from mitmproxy import http

from addons.wire.format import Format
from addons.wire.gemini.paths import read_path
from addons.wire.ollama.generate import OllamaGenerate
from addons.wire.registry import FORMATS

type Kind = Literal[
    "generate",
    "count",
    "embed",
    "compact",
    "models",
    "model",
    "show",
    "version",
    "loaded",
    "health",
    "status",
    "greeting",
]

ASKS_MODEL = ("generate", "count", "embed", "compact")
"""Kinds that take the way to a provider."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a request's method and path ask for.

    `generate` asks a model, `count` how many tokens a request has for it, `embed` for the
    embeddings of texts, `compact` for a shorter conversation; `models` asks for the list, `model`
    and Ollama's `show` for one of it, `version` for Ollama's, `loaded` for the models it holds in
    memory, `health` whether we live, `status` how the providers are; `greeting` is a probe that
    only wants to see that somebody is there (Claude Code sends `HEAD /api/hello`).
    """

    kind: Kind
    format: Format
    model: str | None = None
    """The model, where the path names it."""
    stream: bool | None = None
    """Whether a stream is wanted, where the path says so."""
    array: bool = False
    """Whether the stream shall be one JSON array instead of events (Gemini without `alt=sse`)."""
    method: str = ""
    """Which of several calls of the kind it is, in the format's own word."""


_CALLS: dict[str, tuple[Kind, str]] = {
    "/chat/completions": ("generate", "openai-chat"),
    "/completions": ("generate", "openai-completions"),
    "/responses": ("generate", "openai-responses"),
    "/responses/compact": ("compact", "openai-responses"),
    "/messages": ("generate", "anthropic"),
    "/messages/count_tokens": ("count", "anthropic"),
    "/api/chat": ("generate", "ollama"),
    "/api/generate": ("generate", "ollama-generate"),
    "/api/embed": ("embed", "ollama"),
    "/api/embeddings": ("embed", "ollama"),
    "/embeddings": ("embed", "openai-chat"),
}
"""End of the path -> what it asks for and its wire format, for formats whose body names the model.
Where one end is the end of another, the longer comes first."""

_SHAPES: dict[str, Format] = {"ollama-generate": OllamaGenerate()}
"""Second shapes of formats, which only their paths tell apart."""

_PREFIXES = ("/codex",)
"""What may stand before these paths, besides the version, at our own address."""

_GEMINI_METHODS: dict[str, Kind] = {
    "generateContent": "generate",
    "streamGenerateContent": "generate",
    "countTokens": "count",
    "embedContent": "embed",
    "batchEmbedContents": "embed",
}
_VERSION = re.compile(r"^/v\d+[a-z0-9]*(?=/)")


def find_endpoint(request: http.Request) -> Endpoint | None:
    """What a request to our own address asks for; None if nothing we serve."""
    path = request.path.partition("?")[0].rstrip("/") or "/"
    bare = _VERSION.sub("", path, count=1)
    for prefix in _PREFIXES:
        bare = _VERSION.sub("", bare.removeprefix(prefix), count=1)
    if request.method == "POST":
        if bare == "/api/show":
            return Endpoint("show", FORMATS["ollama"])
        return _call(bare) if bare in _CALLS else _gemini_endpoint(request)
    if request.method not in ("GET", "HEAD"):
        return None
    dialect = FORMATS[_dialect(request)]
    if bare == "/models":
        return Endpoint("models", dialect)
    if bare == "/api/tags":
        return Endpoint("models", FORMATS["ollama"])
    if bare == "/api/ps":
        return Endpoint("loaded", FORMATS["ollama"])
    if bare == "/api/version":
        return Endpoint("version", FORMATS["ollama"])
    if bare.startswith("/models/") and bare != path:
        return Endpoint("model", dialect, model=unquote(bare.removeprefix("/models/")))
    if path == "/v0/health/providers":
        return Endpoint("status", dialect)
    if bare == "/health":
        return Endpoint("health", dialect)
    if path == "/" or request.method == "HEAD":
        return Endpoint("greeting", dialect)
    return None


def find_foreign_endpoint(request: http.Request) -> Endpoint | None:
    """What a request to some provider's own address asks for, if that is a call to a model;
    whatever stands before the path's last segments (`/openai/v1/chat/completions`)."""
    if request.method != "POST":
        return None
    path = request.path.partition("?")[0].rstrip("/")
    for end in _CALLS:
        if path.endswith(end):
            return _call(end)
    return _gemini_endpoint(request)


def format_of_client(request: http.Request) -> Format:
    """The format in which a client wants to be told that something is wrong."""
    called = find_foreign_endpoint(request)
    return called.format if called else FORMATS[_dialect(request)]


def _call(end: str) -> Endpoint:
    kind, name = _CALLS[end]
    return Endpoint(kind, _SHAPES.get(name) or FORMATS[name], method=end.rpartition("/")[2])


def _gemini_endpoint(request: http.Request) -> Endpoint | None:
    called = read_path(request.path)
    kind = _GEMINI_METHODS.get(called.method) if called else None
    if called is None or kind is None:
        return None
    return Endpoint(
        kind,
        FORMATS["gemini"],
        model=called.model,
        stream=called.streams,
        array=called.streams and called.alt != "sse",
        method=called.method,
    )


def _dialect(request: http.Request) -> str:
    """Whose API a request is written for whose path does not tell: three have `/v1/models`."""
    headers = request.headers
    if request.path.partition("?")[0] in ("/api/show", "/api/tags", "/api/ps", "/api/version"):
        return "ollama"
    if "anthropic-version" in headers:
        return "anthropic"
    if "x-goog-api-key" in headers or request.path.startswith("/v1beta"):
        return "gemini"
    return "openai-chat"
