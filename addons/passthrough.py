"""`passthrough`: the request's own destination, with the client's own credential and its bytes.

A request to a provider's own host, met as a proxy, has its destination in itself. One that came to
the router's own address would go to the home of its wire format (`config/hosts.yaml`).
"""

from mitmproxy import http

from addons.endpoints import Endpoint
from addons.exchange import Exchange
from addons.exchange import Origin
from addons.headers import own_headers
from addons.hosts import known_hosts
from addons.outward import Ways
from addons.policy.fields import PASSTHROUGH
from addons.policy.hosts import CallKind
from addons.policy.provider_schema import Provider
from addons.policy.schema import Config
from addons.wire.jsonio import JsonObject
from addons.wire.jsonio import dumps


class Passthroughs:
    """The destinations of clients as providers, of one configuration."""

    def __init__(self, config: Config, ways: Ways) -> None:
        self._timeouts = config.timeouts
        self._ways = ways
        self._providers: dict[tuple[str, str], Provider] = {}

    def provider(self, origin: Origin, format: str) -> Provider:
        """The provider that stands for a destination."""
        netloc = origin.netloc.lower()  # one host, however a client spells it
        place = f"{origin.scheme}://{netloc}", format
        if place not in self._providers:
            provider = self._providers[place] = Provider.model_construct(
                name=f"{PASSTHROUGH}:{netloc}",
                formats=(format,),
                base_url=place[0],
                credentials="forward",
                timeouts=self._timeouts,
            )
            self._ways.add(provider)
        return self._providers[place]


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


def own_body(exchange: Exchange) -> JsonObject:
    """What a request says to its own destination: `exchange.parsed` where nothing has to change.

    What other providers' answers left in the conversation would be refused there.
    """
    said = exchange.body if exchange.recalled else exchange.parsed
    return exchange.format.without_sealed(said)


def own_request(exchange: Exchange) -> http.Request:
    """The client's request as it is to reach its own destination: without what belongs to the
    connection or to the proxy, and with all else in its order and spelling."""
    origin = exchange.origin
    assert origin
    client = exchange.flow.request
    # The flow's own head has the client's credential no more.
    request = http.Request(
        host=origin.host,
        port=origin.port,
        method=client.data.method,
        scheme=origin.scheme.encode(),
        authority=client.data.authority,
        path=origin.path.encode("utf-8", "surrogateescape"),
        http_version=client.data.http_version,
        headers=http.Headers(own_headers(exchange.head.headers)),
        content=client.raw_content,
        trailers=None,
        timestamp_start=client.timestamp_start,
        timestamp_end=client.timestamp_end,
    )
    if origin.renamed:
        if client.authority:
            request.authority = origin.netloc
        if "host" in request.headers:
            request.headers["host"] = origin.netloc
    request.headers.pop("expect", None)  # answered here
    if exchange.upstream_body is not exchange.parsed:
        request.headers.pop("content-encoding", None)
        request.raw_content = dumps(exchange.upstream_body)
    elif exchange.restated:
        request.headers.pop("content-encoding", None)
        request.raw_content = exchange.raw
    length = str(len(request.raw_content or b""))
    if request.headers.get("content-length") != length:
        request.headers["content-length"] = length
    return request


def is_renewable(exchange: Exchange) -> bool:
    """Whether the client came with the token of a login at its own destination, which it renews
    when that refuses it."""
    host = known_hosts().get(exchange.origin.host) if exchange.origin else None
    scheme, _, token = exchange.head.headers.get("authorization", "").partition(" ")
    if host is None or host.login is None or scheme.lower() != "bearer":
        return False
    return host.login.match(token.strip()) is not None


def _call_kind(endpoint: Endpoint) -> CallKind:
    return endpoint.kind if endpoint.kind in ("count", "embed", "compact") else "generate"
