"""The request of one attempt: its address, headers, credential and bytes."""

import re
from functools import lru_cache
from urllib.parse import urlsplit

from addons.adjustments import change_headers
from addons.exchange import Exchange
from addons.failover.attempt import Attempt
from addons.failover.attempt import Timeouts
from addons.guard import Refused
from addons.guard import guarded
from addons.headers import request_headers
from addons.messages import make_request
from addons.passthrough import own_request
from addons.policy.fields import SOCKET_SCHEME
from addons.policy.provider_schema import AuthStyle
from addons.policy.provider_schema import Provider
from addons.runtime import Runtime
from addons.wire.anthropic.client_tools import ToolsetCalls
from addons.wire.callids import FreshIds
from addons.wire.conversation import ToolCall
from addons.wire.errors import ApiError
from addons.wire.errors import BadRequest
from addons.wire.format import Format
from addons.wire.jsonio import JsonObject
from addons.wire.jsonio import dumps
from addons.wire.limits import Enforcer
from addons.wire.members import int_of
from addons.wire.relay import Relay
from addons.wire.served_answers import SHOWING
from addons.wire.served_answers import ServedAnswers
from addons.wire.splice import splice
from addons.wire.stages import Stage
from addons.wire.thinktag import ThinkingTag
from addons.wire.toolnames import GivenNames
from addons.wire.toolnames import new_names

_VERSION_SEGMENT = re.compile(r"^v\d+[a-z0-9]*$")


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
        if exchange.aside is None:
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
        if exchange.aside is not None:
            return exchange.aside.path(upstream.name, model)
        return upstream.path(model, exchange.upstream_streams)
    except BadRequest as e:
        raise Refused(ApiError(message=str(e), kind="invalid_request", param=e.param)) from None


def complete_body(exchange: Exchange, upstream: Format) -> JsonObject:
    """The attempt's body with the upstream's name of the model and whether to stream."""
    assert exchange.target
    if exchange.aside is not None:
        return exchange.upstream_body
    body = upstream.with_model(exchange.upstream_body, exchange.target.model)
    # Where the path says it (Gemini), a body must not; elsewhere a passthrough keeps its silence.
    if exchange.says_stream or not exchange.passes_through or exchange.body is not exchange.parsed:
        body = upstream.with_stream(body, exchange.upstream_streams)
    return body


def write_body(exchange: Exchange, body: JsonObject) -> bytes:
    """The bytes of the attempt's body: the client's own where nothing has to change."""
    if not exchange.passes_through:
        return dumps(body)
    parsed = exchange.parsed
    changes = {key: value for key, value in body.items() if parsed.get(key, body) is not value}
    if parsed.keys() - body.keys():
        return dumps(body)
    if not changes:
        return exchange.raw
    if all(isinstance(value, str | bool) for value in changes.values()):
        return splice(exchange.raw, parsed, changes)
    return dumps(body)


def stages_of(exchange: Exchange, body: JsonObject, tag: str | None) -> list[Stage]:
    """What has to be done to the answer of an attempt that sends `body`; mostly nothing. `tag`:
    that of thinking in the text."""
    stages: list[Stage] = []
    if tag:
        stages.append(ThinkingTag(tag))
    if not exchange.passes_through and (taken := called_before(exchange)):
        stages.append(FreshIds(taken))
    if not exchange.passes_through and (names := new_names(exchange.conversation)):
        stages.append(GivenNames(names))
    if not exchange.passes_through and ToolsetCalls.has_work(exchange.conversation.tools):
        stages.append(ToolsetCalls(exchange.conversation.tools))
    upstream = exchange.upstream_format
    if exchange.served and upstream is not None and exchange.format.name in SHOWING:
        stages.append(ServedAnswers(upstream.name, exchange.format.name, exchange.asked.id))
    if exchange.limits:
        stages.append(Enforcer(exchange.limits, int_of(body.get("n")) or 1))
    return stages


def called_before(exchange: Exchange) -> list[str]:
    """The ids of the tool calls in the conversation so far."""
    parts = exchange.conversation.parts()
    return [part.id for part in parts if isinstance(part, ToolCall) and part.id]


def auth_header(style: AuthStyle, key: str) -> tuple[str, str]:
    """The header that carries a key upstream."""
    return ("authorization", f"Bearer {key}") if style == "bearer" else (style, key)


def endpoint_url(base_url: str, format: Format, path: str) -> str:
    """The URL of a call, given a base URL as the format's official SDK takes it.

    SDKs differ in whether the version segment belongs to the base URL, and users write both, so it
    is added where the URL's path has none: `https://api.anthropic.com` and
    `https://api.anthropic.com/v1` mean the same. A path without any version that is not empty
    (`https://host/openai`) is taken to be complete, except for formats whose SDK adds it itself.
    """
    return _versioned(base_url, format.version, format.sdk_adds_version) + path


@lru_cache(256)
def _versioned(base_url: str, version: str, always: bool) -> str:
    """A base URL with the version segment; `always` adds one after a path without any."""
    base = base_url.rstrip("/")
    segments = [s for s in urlsplit(base).path.split("/") if s]
    if any(_VERSION_SEGMENT.match(segment) or segment == version for segment in segments):
        return base
    if segments and not always:
        return base
    return f"{base}/{version}" if version else base


def url_without_socket(url: str) -> str:
    """The URL that a request to a Unix socket names (the way knows the socket); any other stays."""
    if not url.startswith(SOCKET_SCHEME):
        return url
    _, slash, path = url.removeprefix(SOCKET_SCHEME).partition("/")
    return f"http://localhost{slash}{path}"


def timeouts(provider: Provider, streams: bool) -> Timeouts:
    """The provider's timeouts for one attempt.

    An answer that is not streamed sends its first byte when it is complete, so it gets the time of
    the first output for that.
    """
    t = provider.timeouts
    return Timeouts(
        connect=t.connect,
        first_byte=t.first_byte if streams else max(t.first_byte, t.first_output),
        first_output=t.first_output,
        between_chunks=t.between_chunks,
        total=t.total,
    )
