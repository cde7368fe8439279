"""Sends requests to the client's own destination, with its credential and bytes.

A request that met the router as a proxy names its destination. A request to the router's own
address goes to the home of its wire format (`config/shipped/hosts.yaml`).
"""

from mitmproxy import http

from switchyard.attempt.compaction import own_history
from switchyard.config.fields import PASSTHROUGH
from switchyard.config.provider import Provider
from switchyard.config.schema import Config
from switchyard.config.shipped import known_hosts
from switchyard.egress.table import EgressTable
from switchyard.exchange.client_head import Origin
from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import Call
from switchyard.exchange.http_messages import own_headers
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps


class Passthroughs:
    """Represents the destinations of clients as providers, for one configuration."""

    def __init__(self, config: Config, ways: EgressTable) -> None:
        self._timeouts = config.timeouts
        self._ways = ways
        self._providers: dict[tuple[str, str], Provider] = {}

    def provider(self, origin: Origin, format: str) -> Provider:
        """Returns the provider that stands for a destination."""
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


def own_body(call: Call) -> JsonObject:
    """Returns the body for the client's own destination.

    It is `call.parsed` unless other providers' answers left content in the conversation that the
    destination would refuse.
    """
    if call.compaction is not None and call.compaction.ours:
        return own_history(call)
    said = call.body if call.recalled else call.parsed
    return call.format.without_sealed(said)


def own_request(state: AttemptState) -> http.Request:
    """Returns the client's request as its own destination receives it.

    Headers of the connection and of the proxy are removed; the rest keeps its order and spelling.
    """
    call = state.call
    origin = call.origin
    assert origin
    client = call.flow.request
    # The flow's own head has the client's credential no more.
    request = http.Request(
        host=origin.host,
        port=origin.port,
        method=client.data.method,
        scheme=origin.scheme.encode(),
        authority=client.data.authority,
        path=origin.path.encode("utf-8", "surrogateescape"),
        http_version=client.data.http_version,
        headers=http.Headers(own_headers(call.head.headers)),
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
    if state.upstream_body is not call.parsed:
        request.headers.pop("content-encoding", None)
        request.raw_content = dumps(state.upstream_body)
    elif call.restated:
        request.headers.pop("content-encoding", None)
        request.raw_content = call.raw
    length = str(len(request.raw_content or b""))
    if request.headers.get("content-length") != length:
        request.headers["content-length"] = length
    return request


def is_renewable(call: Call) -> bool:
    """Whether the client sent a login's token to its own destination.

    Such a client refreshes the token after a 401.
    """
    host = known_hosts().get(call.origin.host) if call.origin else None
    scheme, _, token = call.head.headers.get("authorization", "").partition(" ")
    if host is None or host.login is None or scheme.lower() != "bearer":
        return False
    return host.login.match(token.strip()) is not None
