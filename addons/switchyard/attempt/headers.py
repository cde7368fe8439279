"""Selects the headers that go upstream, and those that return to the client."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache

from mitmproxy import http

from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import Call
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.http_messages import HOP_BY_HOP
from switchyard.exchange.http_messages import lower_items
from switchyard.exchange.http_messages import lower_name
from switchyard.policy.records import AttemptRecord
from switchyard.redaction.headers import MOST_NAMES
from switchyard.redaction.headers import is_credential
from switchyard.values.remembering import remembering
from switchyard.wire.format import Format

_REWRITTEN = {
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "accept",
    "accept-encoding",
    "expect",
}
_OF_THE_WAY = {"forwarded", "via", "x-real-ip", "cf-connecting-ip", "true-client-ip"}

_LONGEST_NAME = 64
"""Bytes of a name that is remembered, and of any that travels by an allow-list."""

_ASKED = (
    "user-agent",
    "accept-language",
    "idempotency-key",
    "x-idempotency-key",
    "x-request-id",
    "x-client-request-id",
    "traceparent",
    "tracestate",
    "x-stainless-*",
    "session_id",
    "session-id",
    "x-session-id",
    "x-session-affinity",
    "conversation_id",
    "conversation-id",
    "x-conversation-id",
    "thread_id",
    "thread-id",
    "x-thread-id",
    "x-title",
    "http-referer",
    "originator",
    "version",
    "x-app",
    "x-initiator",
)
"""Headers of requests that every provider of the client's format may have: what clients say of
themselves and of the conversation."""

_ANSWERED = (
    "request-id",
    "x-request-id",
    "x-client-request-id",
    "x-generation-id",
    "x-correlation-id",
    "*-correlation-id",
    "x-amzn-requestid",
    "apim-request-id",
    "x-ms-request-id",
    "x-ms-client-request-id",
    "x-ms-region",
    "x-goog-request-id",
    "cf-ray",
    "traceparent",
    "date",
    "server-timing",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "ratelimit",
    "ratelimit-*",
    "x-ratelimit-*",
    "x-rate-limit-*",
    "*-ratelimit-*",
    "openai-model",
    "openai-processing-ms",
    "openai-version",
    "x-models-etag",
    "x-reasoning-included",
    "x-codex-*",
    "x-openai-*",
    "x-oai-*",
    "x-groq-region",
    "x-gemini-*",
    "x-amzn-bedrock-*",
    "x-envoy-upstream-service-time",
    "x-inference-time",
    "x-total-time",
    "x-time-per-token",
    "x-compute-*",
    "deprecation",
    "sunset",
    "link",
    "warning",
)
"""Headers of answers that clients read: limits, when to come back, ids to ask a provider about, how
long it took, what will be gone (RFC 9745, RFC 8594). Of all others nobody knows what an upstream
tells by them."""
_REQUEST_IDS = ("request-id", "x-request-id")

_OWN_WORDS = ("x-switchyard-", "access-control-")
"""How headers begin that only the router says: which pages may read an answer that was given with
its keys is not for a provider to decide."""

MOST_ANSWERED = 16384
"""Bytes of an upstream's headers that go on: clients refuse heads that are much larger (h11's and
Node's limits are 16 KiB and more)."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
"""A header's name (RFC 9110, section 5.6.2)."""
_NO_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def request_headers(state: AttemptState, with_credential: bool) -> Iterator[tuple[str, str]]:
    """Returns the client's headers that go upstream, with names in lower case.

    A provider of the client's own format gets the headers that are known to describe the request
    (betas, versions, session ids), and every header if the client's credential is meant for it. A
    provider of another format gets `user-agent` alone: the others have no meaning there.
    """
    if not state.passes_through:
        agent = state.call.head.headers.get("user-agent")
        if agent:
            yield "user-agent", agent
        return
    headers, format = state.call.head.headers, state.call.format
    connection = headers.get("connection")
    named = {name.strip().lower() for name in connection.split(",")} if connection else ()
    for name, value in lower_items(headers, _asked_name).items():
        if name in named:
            continue
        if with_credential or (may_travel(name, format) and not is_credential(name)):
            yield name, value


@remembering
def _asked_name(field: bytes) -> str:
    """Returns the lower-case name of a request header that may go upstream, else ""."""
    if len(field) > _LONGEST_NAME:
        return ""
    name = lower_name(field)
    if name in HOP_BY_HOP or name in _REWRITTEN or name in _OF_THE_WAY:
        return ""
    return "" if name.startswith(("x-forwarded-", "x-switchyard-", ":")) else name


@lru_cache(MOST_NAMES)
def may_travel(name: str, format: Format) -> bool:
    """Whether a client's header may go to a provider of another format.

    `name` is in lower case.
    """
    return any(fnmatchcase(name, one) for one in (*_ASKED, *format.client_headers))


@remembering
def _answered_name(field: bytes) -> str:
    """Returns the lower-case name of a response header that may go on, else ""."""
    if len(field) > _LONGEST_NAME:
        return ""
    name = lower_name(field)
    if name.startswith(_OWN_WORDS) or not _NAME.fullmatch(name):
        return ""
    if not any(fnmatchcase(name, one) for one in _ANSWERED):
        return ""
    return name


def _is_value(value: str) -> bool:
    """Whether a client can read a header with this value (RFC 9110, section 5.5)."""
    return value.isprintable() or _NO_VALUE.search(value) is None


def answer_headers(state: AttemptState, upstream: http.Headers) -> Iterator[tuple[str, str]]:
    """Returns the headers of a response, without its content type.

    An upstream of the client's format contributes its own headers, any other its request id. The
    router adds its own.
    """
    same, left = state.passes_through, MOST_ANSWERED
    for name, value in lower_items(upstream, _answered_name).items():
        if same or name in _REQUEST_IDS:
            left -= len(name) + len(value)
            if left > 0 and _is_value(value):
                yield name, value
    yield from route_headers(state.exchange, state)


def stream_head(call: Call) -> Iterator[tuple[str, str]]:
    """Returns the headers that every streamed response has."""
    yield "content-type", "application/json" if call.asked.array else call.format.content_type
    yield "cache-control", "no-cache"


def route_headers(
    exchange: Exchange, state: AttemptState | None = None, failed: AttemptRecord | None = None
) -> Iterator[tuple[str, str]]:
    """Returns the headers that report the route of a response.

    They describe the attempt `state`, or else the attempt that stands for the exchange. For an
    error, `failed` is the attempt whose error the client receives.
    """
    provider = model = None
    state = state or exchange.shown
    if failed is not None:
        provider, model = failed.provider, failed.model
    elif state is not None:
        provider, model = state.target.provider.name, state.target.model
    if provider is not None and model is not None:
        yield "x-switchyard-provider", provider
        yield "x-switchyard-model", _header_text(model)
    yield "x-switchyard-attempts", str(exchange.attempts)
    shortfall = state.shortfall if state is not None else exchange.shortfall
    if shortfall.dropped:
        yield "x-switchyard-dropped", ", ".join(shortfall.dropped)
    if shortfall.instructed:
        yield "x-switchyard-instructed", "schema"


def _header_text(text: str) -> str:
    """Returns a model's name in a form that a header can carry."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if " " <= char <= "~" else "?" for char in text)
