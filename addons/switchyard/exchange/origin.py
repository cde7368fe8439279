"""Where a request would go without the router."""

from mitmproxy import http

from switchyard.config.hosts import CallKind
from switchyard.config.shipped import known_hosts
from switchyard.exchange.client_head import Origin
from switchyard.wire.format import Endpoint


class OriginSearch:
    """Finds where a call would go without the router, once somebody asks."""

    __slots__ = ("_endpoint", "_found", "_path", "_request")

    def __init__(self, request: http.Request, path: str, endpoint: Endpoint | None) -> None:
        """`path` is the client's, with its query; `endpoint` that of a call to the router's own
        address, None for one that was met as a proxy."""
        self._request = request
        self._path = path
        self._endpoint = endpoint
        self._found: tuple[Origin | None] | None = None

    def __call__(self) -> Origin | None:
        """Return the origin, which is looked for once."""
        if self._found is None:
            if self._endpoint is None:
                self._found = (addressed_to(self._request, self._path),)
            else:
                self._found = (home_of(self._request, self._path, self._endpoint),)
        return self._found[0]


def addressed_to(request: http.Request, path: str) -> Origin:
    """The destination of a request that was met as a proxy; `path` is the client's, with its
    query."""
    return Origin(scheme=request.scheme, host=request.pretty_host, port=request.port, path=path)


def home_of(request: http.Request, path: str, endpoint: Endpoint) -> Origin | None:
    """The destination of a call that came to the router's own address: the home of its format; None
    if it has none that is known. `path` is the client's, with its query."""
    home = known_hosts().home(endpoint.format.name, request.headers)
    call = home.call_of(endpoint.format.name, _call_kind(endpoint)) if home else None
    if home is None or call is None:
        return None
    path, mark, query = path.partition("?")
    if home.call(path) is None:
        if "{" in call.path:
            return None
        path = call.path
    return Origin(
        scheme="https", host=home.name, port=443, path=f"{path}{mark}{query}", renamed=True
    )


def _call_kind(endpoint: Endpoint) -> CallKind:
    return endpoint.kind if endpoint.kind in ("count", "embed", "compact") else "generate"
