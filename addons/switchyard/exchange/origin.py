"""Finds the destination that a request would have without the router."""

from mitmproxy import http

from switchyard.config.hosts import CallKind
from switchyard.config.shipped import known_hosts
from switchyard.exchange.client_head import Origin
from switchyard.wire.format import Endpoint


class OriginSearch:
    """Finds a call's destination without the router, on first use."""

    __slots__ = ("_endpoint", "_found", "_path", "_request")

    def __init__(self, request: http.Request, path: str, endpoint: Endpoint | None) -> None:
        """Takes the client's `path` with its query.

        `endpoint` is that of a call to the router's own address; None for a request that came
        through the proxy.
        """
        self._request = request
        self._path = path
        self._endpoint = endpoint
        self._found: tuple[Origin | None] | None = None

    def __call__(self) -> Origin | None:
        """Returns the origin; finds it once."""
        if self._found is None:
            if self._endpoint is None:
                self._found = (addressed_to(self._request, self._path),)
            else:
                self._found = (home_of(self._request, self._path, self._endpoint),)
        return self._found[0]


def addressed_to(request: http.Request, path: str) -> Origin:
    """Returns the destination of a request that came through the proxy.

    `path` is the client's, with its query.
    """
    return Origin(scheme=request.scheme, host=request.pretty_host, port=request.port, path=path)


def home_of(request: http.Request, path: str, endpoint: Endpoint) -> Origin | None:
    """Returns the home of a format, for a call to the router's own address.

    None if the format has no known home. `path` is the client's, with its query.
    """
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
