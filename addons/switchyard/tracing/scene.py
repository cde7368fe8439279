"""What a span shows of a request besides its record; taken when the request ends."""

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from urllib.parse import quote

from mitmproxy import http

from switchyard.config.provider import Provider
from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import Exchange
from switchyard.tracing.request_settings import Setting
from switchyard.tracing.request_settings import settings_of
from switchyard.tracing.trace_context import TraceContext
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Conversation

type UrlOf = Callable[[Provider, str], str]
"""Where a provider speaks a format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptScene:
    """An attempt."""

    url: str
    streams: bool
    settings: Mapping[str, Setting]
    finish: str
    """Why the answer ended, in the provider's word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenContent:
    """What was said, where the configuration wants it in the spans."""

    asked: Conversation | None
    format: Format
    answer: bytes
    """As the client got it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestScene:
    """A request."""

    context: TraceContext
    method: str
    path: str
    route: str
    scheme: str
    agent: str
    attempts: Mapping[int, AttemptScene] = field(default_factory=dict)
    """By their numbers."""
    content: SpokenContent | None = None


def scene_of(
    exchange: Exchange,
    context: TraceContext,
    url_of: UrlOf,
    content: SpokenContent | None = None,
) -> RequestScene:
    """Return the scene of a request that became an exchange."""
    call = exchange.call
    path = call.head.path.partition("?")[0]
    route = path
    if call.endpoint.model:
        for name in (call.endpoint.model, quote(call.endpoint.model, safe="")):
            route = route.replace(name, "{model}")
    return RequestScene(
        context=context,
        method=call.flow.request.method,
        path=path,
        route=route,
        scheme=call.flow.request.scheme,
        agent=call.head.headers.get("user-agent", ""),
        attempts={one.number: _attempt(one, url_of) for one in exchange.tries},
        content=content,
    )


def scene_of_refusal(
    request: http.Request, headers: http.Headers, context: TraceContext
) -> RequestScene:
    """Return the scene of a request that the router refused by its head or body."""
    path = request.path.partition("?")[0]
    return RequestScene(
        context=context,
        method=request.method,
        path=path,
        route="",
        scheme=request.scheme,
        agent=headers.get("user-agent", ""),
    )


def _attempt(state: AttemptState, url_of: UrlOf) -> AttemptScene:
    relay, format = state.relay, state.upstream_format
    stop = getattr(relay.outcome, "stop", None) if relay is not None else None
    url = url_of(state.target.provider, format.name if format is not None else "")
    if not url:
        request = state.call.flow.request
        url = f"{request.scheme}://{request.host}:{request.port}"
    return AttemptScene(
        url=url,
        streams=state.upstream_streams,
        settings=settings_of(state.upstream_body or state.call.parsed),
        finish=(stop.raw or stop.reason) if stop is not None else "",
    )
