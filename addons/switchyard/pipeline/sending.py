"""The request of one attempt: its address, headers, credential and bytes."""

from switchyard.attempt.adjustments import change_headers
from switchyard.attempt.body import complete_body
from switchyard.attempt.body import stages_of
from switchyard.attempt.body import write_body
from switchyard.attempt.headers import request_headers
from switchyard.attempt.passthrough import own_request
from switchyard.attempt.url import auth_header
from switchyard.attempt.url import endpoint_url
from switchyard.attempt.url import timeouts
from switchyard.attempt.url import url_without_socket
from switchyard.config.provider import Provider
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.guard import Refused
from switchyard.exchange.guard import guarded
from switchyard.exchange.http_messages import make_request
from switchyard.failover.attempt import Attempt
from switchyard.runtime import Runtime
from switchyard.wire.format import Format
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.relay.relay import Relay


class Sending:
    """Assembles what goes upstream.

    The request is built here and kept in the attempt alone. The flow keeps the client's request,
    so no view, dump, export or log of flows ever holds an upstream key.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @guarded
    def attempt(self, attempt: Attempt) -> None:
        exchange = self._runtime.exchanges.of(attempt)
        if exchange is None or exchange.target is None or attempt.answer:
            return
        upstream, provider = exchange.upstream_format, exchange.target.provider
        assert upstream
        if exchange.target.kind == "passthrough":
            attempt.request = own_request(exchange)
            self._set_out(attempt, exchange)
            return
        path = call_path(exchange, upstream)
        url = endpoint_url(self._runtime.base_url(provider, upstream.name), upstream, path)
        body, changes = complete_body(exchange, upstream), []
        if exchange.operation is None:
            body, changes = self._runtime.adjustments.apply(exchange, body)
            if isinstance(exchange.relay, Relay):
                tag = self._runtime.adjustments.thinking_tag(exchange.target, upstream.name)
                exchange.relay.stages = stages_of(exchange, body, tag)
        url = url_without_socket(url)
        headers = dict(self._headers(exchange, upstream, provider))
        if provider.host_header:
            headers.setdefault("host", provider.host_header)
        request = make_request(url, headers, write_body(exchange, body))
        change_headers(request.headers, changes)
        attempt.request = request
        self._set_out(attempt, exchange)

    def _set_out(self, attempt: Attempt, exchange: Exchange) -> None:
        """The attempt's way and its deadlines."""
        assert exchange.target and exchange.upstream_format
        if exchange.current is not None:
            credential, format = exchange.current.credential.id, exchange.upstream_format.name
            attempt.way = self._runtime.ways.of(credential, format)
        attempt.timeouts = timeouts(exchange.target.provider, exchange.upstream_streams)

    def _headers(self, exchange: Exchange, upstream: Format, provider: Provider):
        # Where the router asks for keys of its own, what a client came with is one of those.
        forwards = provider.credentials == "forward" and not self._runtime.client_keys
        yield "content-type", "application/json"
        yield "accept", upstream.content_type if exchange.upstream_streams else "application/json"
        # What comes compressed would have to be undone before it can be read.
        yield "accept-encoding", "identity"
        yield from upstream.headers().items()
        client = exchange.head.headers
        # A forwarded credential stays as the client put it where the upstream speaks the client's
        # format: an OAuth token is a Bearer and no API key.
        as_it_is = (
            forwards
            and exchange.passes_through
            and ("authorization" in client or "x-api-key" in client)
        )
        yield from request_headers(exchange, with_credential=as_it_is)
        if exchange.key is not None and not as_it_is:
            yield auth_header(provider.auth_for(upstream.name), exchange.key.get_secret_value())
        for rule in provider.headers:
            if not rule.copy_of:
                yield rule.name.lower(), rule.value.get_secret_value()
            elif (value := client.get(rule.copy_of)) is not None:
                yield rule.name.lower(), value


def call_path(exchange: Exchange, upstream: Format) -> str:
    """The path of the attempt's call, below the version segment. Raises Refused if the model's name
    cannot stand in it."""
    assert exchange.target
    model = exchange.target.model
    try:
        if exchange.operation is not None:
            return exchange.operation.path(upstream.name, model)
        return upstream.path(model, exchange.upstream_streams)
    except BadRequest as e:
        raise Refused(ApiError(message=str(e), kind="invalid_request", param=e.param)) from None
