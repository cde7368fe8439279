"""Which paths speak which wire format: the one table of what clients may call."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs
from urllib.parse import unquote

from mitmproxy import http

from addons.hosts import known_hosts
from addons.paths import plain_path
from addons.policy.hosts import Call
from addons.wire.format import Format
from addons.wire.gemini.code_assist import NAME as CODE_ASSIST
from addons.wire.gemini.code_assist import CodeAssist
from addons.wire.gemini.paths import read_plain
from addons.wire.jsonio import JsonObject
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

_SHAPES: dict[str, Format] = {"ollama-generate": OllamaGenerate(), CODE_ASSIST: CodeAssist()}
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
_GEMINI_SPELLINGS = {method.lower(): method for method in _GEMINI_METHODS}
_CODE_ASSIST_PATH = re.compile(r"/v\d+internal:(\w+)", re.IGNORECASE)
_SLASHES = re.compile("//+")
_VERSION = re.compile(r"^/v\d[a-z0-9]*+(?=/)")


def find_endpoint(request: http.Request) -> Endpoint | None:
    """What a request to our own address asks for; None if nothing we serve."""
    path = request.path.partition("?")[0].rstrip("/") or "/"
    if "//" in path:  # a base URL that ends in a slash, and a client that adds one
        path = _SLASHES.sub("/", path)
    bare = _bare(path)
    if request.method == "POST":
        if bare == "/api/show":
            return Endpoint("show", FORMATS["ollama"])
        if bare in _CALLS:
            return _call(bare)
        # Names of models may hold anything, so that only their encoding is undone here.
        path, _, query = request.path.partition("?")
        return _gemini_endpoint(unquote(path), query)
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
    """What a request to some provider's own address asks for, if that is a call to a model.

    The table of hosts says which of their paths are. At any other host the path's last segments do,
    whatever stands before them (`/openai/v1/chat/completions`).
    """
    return _at_foreign_path(request) if request.method == "POST" else None


def find_socket_endpoint(request: http.Request, own: bool) -> Endpoint | None:
    """The call that a WebSocket at a path would bring, where its format can be spoken by one; `own`
    says whether the path is one at our own address."""
    if own:
        bare = _bare(request.path.partition("?")[0].rstrip("/"))
        endpoint = _call(bare) if bare in _CALLS else None
    else:
        endpoint = _at_foreign_path(request)
    if endpoint is None or endpoint.kind != "generate":
        return None
    return endpoint if endpoint.format.name == "openai-responses" else None


def is_call_path(request: http.Request) -> bool:
    """Whether a path at a provider's own address is that of calls to a model, for any method: a
    WebSocket for them is opened by a GET."""
    return _at_foreign_path(request) is not None


def _at_foreign_path(request: http.Request) -> Endpoint | None:
    path = plain_path(request.path)
    if path is None:
        return None
    query = request.path.partition("?")[2]
    if (host := known_hosts().get(request.pretty_host)) is not None:
        call = host.call(path)
        return _by_table(path, query, call) if call is not None else None
    low = path.lower()
    for end in _CALLS:
        if low.endswith(end):
            return _call(end)
    return _gemini_endpoint(path, query)


def _by_table(path: str, query: str, call: Call) -> Endpoint | None:
    if call.format == CODE_ASSIST:
        return _code_assist_endpoint(path, query)
    if call.format == "gemini":
        return _gemini_endpoint(path, query)
    method = call.path.rpartition("/")[2]
    return Endpoint(call.kind, FORMATS[call.format], method=method)


def named_model(endpoint: Endpoint, body: JsonObject) -> object:
    """What stands where a call of the kind names its model."""
    if endpoint.format.name == CODE_ASSIST and "model" not in body:
        inner = body.get("request")
        named = inner.get("model") if isinstance(inner, dict) else None
        return named.removeprefix("models/") if isinstance(named, str) else named
    return body.get("model")


def format_of_client(request: http.Request) -> Format:
    """The format in which a client wants to be told that something is wrong."""
    called = find_foreign_endpoint(request)
    return called.format if called else FORMATS[_dialect(request)]


def _bare(path: str) -> str:
    """A path at our own address without its version, and what else may stand before it."""
    bare = _VERSION.sub("", path, count=1)
    for prefix in _PREFIXES:
        bare = _VERSION.sub("", bare.removeprefix(prefix), count=1)
    return bare


def _call(end: str) -> Endpoint:
    kind, name = _CALLS[end]
    return Endpoint(kind, _SHAPES.get(name) or FORMATS[name], method=end.rpartition("/")[2])


def _code_assist_endpoint(path: str, query: str) -> Endpoint | None:
    """A call in the envelope; the method is in the path, the model in the body."""
    found = _CODE_ASSIST_PATH.fullmatch(path)
    method = _gemini_method(found[1]) if found else None
    if method is None:
        return None
    streams = method == "streamGenerateContent"
    array = streams and parse_qs(query).get("alt") != ["sse"]
    return Endpoint(_GEMINI_METHODS[method], _SHAPES[CODE_ASSIST], array=array, method=method)


def _gemini_endpoint(path: str, query: str) -> Endpoint | None:
    """A call whose path, with its encoding undone, names the method and mostly the model."""
    if (wrapped := _code_assist_endpoint(path, query)) is not None:
        return wrapped
    called = read_plain(path, query)
    method = _gemini_method(called.method) if called else None
    if called is None or method is None:
        return None
    streams = method == "streamGenerateContent"
    return Endpoint(
        _GEMINI_METHODS[method],
        FORMATS["gemini"],
        model=called.model,
        stream=streams,
        array=streams and called.alt != "sse",
        method=method,
    )


def _gemini_method(word: str) -> str | None:
    """A method's own spelling, for one in letters of any case."""
    return _GEMINI_SPELLINGS.get(word.lower())


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
