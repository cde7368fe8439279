"""Maps paths to wire formats and endpoints, as the formats declare them."""

import re
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import unquote

from mitmproxy import http

from switchyard.config.hosts import HostCall
from switchyard.config.shipped import known_hosts
from switchyard.exchange.paths import is_plain
from switchyard.exchange.paths import plain_path
from switchyard.wire.format import Endpoint
from switchyard.wire.format import EndpointPath
from switchyard.wire.format import Format
from switchyard.wire.registry import CLIENT_FORMATS
from switchyard.wire.registry import DEFAULT
from switchyard.wire.registry import FORMATS
from switchyard.wire.registry import SHAPES

ASKS_MODEL = ("generate", "count", "embed", "compact")
"""Kinds of endpoint whose requests need a model."""

type _Calls = Mapping[str, Endpoint]


def _calls(formats: Iterable[Format], own: bool) -> _Calls:
    """Maps the end of a path to its POST endpoint.

    If one end is the end of another, the longer one comes first. `own` adds the endpoints that only
    the router's own address has.
    """
    found = {
        one.path: _endpoint(format, one)
        for format in formats
        for one in (*format.endpoints, *(format.own_endpoints if own else ()))
        if one.method == "POST"
    }
    return dict(sorted(found.items(), key=lambda one: -len(one[0])))


def _endpoint(format: Format, path: EndpointPath) -> Endpoint:
    return Endpoint(path.kind, format, method=path.path.rpartition("/")[2])


_SPOKEN = (*SHAPES, *FORMATS.values())
_SERVICES = tuple(format for format in FORMATS.values() if format.services is not None)
_FOREIGN_CALLS = _calls(_SPOKEN, own=False)
_OWN_CALLS = _calls(_SPOKEN, own=True)
_OWN_LOOKUPS: _Calls = {
    one.path: _endpoint(format, one)
    for format in FORMATS.values()
    for one in format.own_endpoints
    if one.method == "GET"
}
_OWN_PATHS = {one.path: format for format in FORMATS.values() for one in format.own_endpoints}

_PREFIXES = ("/codex", "/openai")
"""Prefixes of these paths at the router's own address, besides the version.

The base URLs of Codex, Azure and Google's compatible endpoint end in them.
"""

_GATEWAY = re.compile(r"^/api(?=/v\d)")
"""A prefix that only precedes a version (OpenRouter); Ollama's paths have it too."""

_DEPLOYMENTS = "/deployments/"
"""Precedes the name of the model in Azure's paths.

Source: Azure OpenAI reference, "Chat completions".
"""

_PROVIDER = re.compile(r"^/([A-Za-z0-9][A-Za-z0-9._-]*)(?=/v\d[a-z0-9]*/)")
"""A provider's name, which may precede the path of a service."""

_DEFAULT_VERSION = "/v1beta"
"""The version of Gemini's API for base URLs that lack it."""

_MANAGED = re.compile(r"/(?:v0/management|dashboard|metrics)(?=[/?]|$)")
"""Paths of the management API, the dashboard and the metrics, read as sent, without decoding."""

_SLASHES = re.compile("//+")
_VERSION = re.compile(r"^/v\d[a-z0-9]*+(?=/)")


def find_endpoint(request: http.Request) -> Endpoint | None:
    """Returns the endpoint of a request to the router's own address; None if unknown."""
    if _MANAGED.match(request.path):
        return Endpoint("management", DEFAULT)
    path = request.path.partition("?")[0].rstrip("/") or "/"
    if "//" in path:  # a base URL that ends in a slash, and a client that adds one
        path = _SLASHES.sub("/", path)
    bare = _bare(path)
    if request.method == "POST":
        if (call := _OWN_CALLS.get(bare) or _OWN_CALLS.get(path)) is not None:
            return call
        if (call := _at_deployment(bare) or _service(request, bare)) is not None:
            return call
        # Names of models may contain any character: only percent encoding is undone here.
        path, _, query = request.path.partition("?")
        called = _read_endpoint(unquote(path), query)
        return called or _read_endpoint(_DEFAULT_VERSION + unquote(path), query)
    if request.method in ("GET", "DELETE") and (call := _service(request, bare)) is not None:
        return call
    if request.method not in ("GET", "HEAD"):
        return None
    if (found := _OWN_LOOKUPS.get(bare)) is not None:
        return found
    format = _spoken_by(request)
    if bare == "/models":
        return Endpoint("models", format)
    if bare.startswith("/models/") and bare != path:
        return Endpoint("model", format, model=unquote(bare.removeprefix("/models/")))
    if path == "/v0/health/providers":
        return Endpoint("status", format)
    if path == "/v0/health/ready":
        return Endpoint("ready", format)
    if path == "/v0/usage":
        return Endpoint("usage", format)
    if path == "/v0/me":
        return Endpoint("me", format)
    if bare == "/health":
        return Endpoint("health", format)
    if path == "/" or request.method == "HEAD":
        return Endpoint("greeting", format)
    return None


def find_foreign_endpoint(request: http.Request) -> Endpoint | None:
    """Returns the endpoint of a call to a model at a provider's address, else None."""
    return _at_foreign_path(request) if request.method == "POST" else None


def find_socket_endpoint(request: http.Request, own: bool) -> Endpoint | None:
    """Returns the endpoint of a WebSocket's path, if its format can use WebSockets.

    `own` says whether the path is one at the router's own address.
    """
    if own:
        endpoint = _OWN_CALLS.get(_bare(request.path.partition("?")[0].rstrip("/")))
    else:
        endpoint = _at_foreign_path(request)
    if endpoint is None or endpoint.kind != "generate":
        return None
    return endpoint if endpoint.format.websocket else None


def is_call_path(request: http.Request) -> bool:
    """Whether a path at a provider's own address is that of calls to a model.

    The method does not matter: a GET opens a WebSocket for such calls.
    """
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
    for end, endpoint in _FOREIGN_CALLS.items():
        if low.endswith(end):
            return endpoint
    return _read_endpoint(path, query)


def _at_deployment(bare: str) -> Endpoint | None:
    """Returns the call in an Azure path, which names the model; None if it is none."""
    if not bare.startswith(_DEPLOYMENTS):
        return None
    rest = bare.removeprefix(_DEPLOYMENTS)
    calls = ((end, call) for end, call in _OWN_CALLS.items() if call.kind in ASKS_MODEL)
    for end, call in calls:
        if rest.endswith(end) and (model := rest.removesuffix(end)):
            return replace(call, model=unquote(model))
    for one in DEFAULT.services.paths if DEFAULT.services is not None else ():
        place = rest.find(one)
        if place > 0 and (service := _service_at(DEFAULT, rest[place:])) is not None:
            return replace(service, model=unquote(rest[:place]))
    return None


def _service(request: http.Request, bare: str) -> Endpoint | None:
    """Returns the endpoint of a provider's service that is no call to a model.

    It has the request's format, or else that of the only API that has the service.
    """
    named = _PROVIDER.match(request.path)
    if named is not None:
        bare = _bare(request.path[named.end() :].partition("?")[0].rstrip("/"))
    speaks = _spoken_by(request)
    for format in (speaks, *_SERVICES):
        if (found := _service_at(format, bare)) is not None:
            return replace(found, provider=named[1]) if named is not None else found
    return None


def _service_at(format: Format, bare: str) -> Endpoint | None:
    if format.services is None or not format.services.has(bare) or not is_plain(bare):
        return None
    return Endpoint("service", format, method=bare)


def _by_table(path: str, query: str, call: HostCall) -> Endpoint | None:
    format = CLIENT_FORMATS[call.format]
    if format.model_in_path:
        return format.read_endpoint(path, query)
    return Endpoint(call.kind, format, method=call.path.rpartition("/")[2])


def _read_endpoint(path: str, query: str) -> Endpoint | None:
    """Returns the endpoint of a format whose paths name the model."""
    found = (format.read_endpoint(path, query) for format in _SPOKEN if format.model_in_path)
    return next((endpoint for endpoint in found if endpoint is not None), None)


def format_of_client(request: http.Request) -> Format:
    """Returns the format in which a client expects errors."""
    called = find_foreign_endpoint(request)
    return called.format if called else _spoken_by(request)


def _bare(path: str) -> str:
    """Returns a path at the router's own address without version and prefix."""
    bare = _VERSION.sub("", _GATEWAY.sub("", path, count=1), count=1)
    for prefix in _PREFIXES:
        bare = _VERSION.sub("", bare.removeprefix(prefix), count=1)
    return bare


def _spoken_by(request: http.Request) -> Format:
    """Returns the format of a client whose path does not decide it.

    Three formats have `/v1/models`.
    """
    if (format := _OWN_PATHS.get(request.path.partition("?")[0])) is not None:
        return format
    headers, path = request.headers, request.path
    return next((one for one in _SPOKEN if one.is_client(headers, path)), DEFAULT)
