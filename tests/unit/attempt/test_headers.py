import time
import tracemalloc
from dataclasses import replace

import pytest
from mitmproxy import http

from switchyard.attempt.headers import answer_headers
from switchyard.attempt.headers import request_headers
from switchyard.attempt.headers import route_headers
from switchyard.attempt.headers import stream_head
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.http_messages import lower_items
from switchyard.exchange.http_messages import own_headers
from switchyard.exchange.shortfall import Shortfall
from switchyard.pipeline.intake import Intake
from switchyard.pipeline.routing import Routing
from switchyard.policy.records import AttemptRecord
from tests.support.runtime import CLIENT_KEY
from tests.support.runtime import CONFIG
from tests.support.runtime import FORMATS
from tests.support.runtime import HOME
from tests.support.runtime import Pipeline
from tests.support.runtime import addon_of
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import running

CREDENTIALS = [
    "authorization",
    "Authorization",
    "x-api-key",
    "x-goog-api-key",
    "api-key",
    "cookie",
    "openai-organization",
    "openai-project",
    "chatgpt-account-id",
    "x-goog-user-project",
    "x-litellm-api-key",
    "ocp-apim-subscription-key",
    "x-auth-token",
    "x-amz-security-token",
    "x-access-token",
    "cf-aig-authorization",
    "cf-access-client-secret",
    "helicone-auth",
    "x-auth-key",
    "x-functions-key",
    "x-master-key",
    "x-litellm-key",
    "x-license-key",
    "authentication",
    "x-credentials",
    "x-session",
    "x-csrf",
    "x-jwt-assertion",
    "x-user-jwt",
    "x-amzn-oidc-data",
    "cf-access-client-id",
    "x-vercel-protection-bypass",
    "x-signature",
    "x-client-cert",
    "anthropic-secret-token",
    "x-openai-actor-authorization",
    "x-goog-iam-authorization-token",
]
HOP = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
]
OURS = ["host", "content-length", "content-type", "content-encoding", "accept", "accept-encoding",
        "expect"]  # fmt: skip
OF_THE_WAY = ["forwarded", "via", "x-real-ip", "x-forwarded-for", "X-Forwarded-Host",
              "cf-connecting-ip", "true-client-ip", "x-switchyard-provider"]  # fmt: skip


def exchange_to(format: str, model: str, headers=()) -> Exchange:
    """The exchange of a call whose first attempt is prepared."""
    runtime = make_runtime()
    flow = call_flow(runtime, format, model, headers=headers)
    pipeline = Pipeline(runtime)
    exchange = pipeline.begin(flow)
    pipeline.attempt(flow)
    return exchange


@pytest.mark.parametrize("name", [*CREDENTIALS, *HOP, *OURS, *OF_THE_WAY])
def test_what_never_travels_to_a_provider_with_own_keys(name: str) -> None:
    value = "identity" if name == "content-encoding" else CLIENT_KEY
    exchange = exchange_to("openai-chat", "m", [(name, value), ("openai-beta", "kept")])
    sent = dict(request_headers(running(exchange), with_credential=False))
    assert sent == {"openai-beta": "kept"}


@pytest.mark.parametrize("name", ["x-unheard-of", "x-my-company", "referer", "x" * 80, "dnt"])
def test_what_nobody_knows_does_not_travel_either(name: str) -> None:
    exchange = exchange_to("openai-chat", "m", [(name, "something"), ("openai-beta", "kept")])
    assert dict(request_headers(running(exchange), with_credential=False)) == {
        "openai-beta": "kept"
    }


@pytest.mark.parametrize("name", [*HOP, *OURS, *OF_THE_WAY])
def test_what_does_not_travel_even_where_the_credential_is_forwarded(name: str) -> None:
    exchange = exchange_to("openai-chat", "m", [(name, "identity")])
    assert list(request_headers(running(exchange), with_credential=True)) == []


@pytest.mark.parametrize("name", CREDENTIALS)
def test_a_forwarded_credential_travels_as_it_is(name: str) -> None:
    exchange = exchange_to("openai-chat", "m", [(name, CLIENT_KEY)])
    sent = list(request_headers(running(exchange), with_credential=True))
    assert sent == [(name.lower(), CLIENT_KEY)]


def test_headers_that_the_connection_names_stay_on_it() -> None:
    exchange = exchange_to(
        "openai-chat", "m", [("Connection", "close, X-Hop ,x-other"), ("x-hop", "1"),
                             ("X-Other", "2"), ("x-kept", "3")]
    )  # fmt: skip
    assert list(request_headers(running(exchange), with_credential=True)) == [("x-kept", "3")]


@pytest.mark.parametrize(
    "headers",
    [
        [("anthropic-version", "2023-06-01"), ("anthropic-beta", "a,b"), ("user-agent", "cc/2")],
        [("x-claude-code-session-id", "5"), ("x-stainless-lang", "python"), ("session_id", "s")],
        [("idempotency-key", "i-1")],
    ],
)
def test_what_describes_the_request_travels_to_its_own_format(headers) -> None:
    exchange = exchange_to("anthropic", "c", headers)
    assert list(request_headers(running(exchange), with_credential=False)) == headers


def test_a_header_that_was_sent_twice_travels_as_one_list() -> None:
    exchange = exchange_to("anthropic", "c", [("Anthropic-Beta", "a"), ("anthropic-beta", "b")])
    assert list(request_headers(running(exchange), with_credential=False)) == [
        ("anthropic-beta", "a, b")
    ]


@pytest.mark.parametrize("with_credential", [False, True])
def test_only_the_user_agent_travels_to_another_format(with_credential: bool) -> None:
    headers = {"user-agent": "cc/2", "anthropic-beta": "a", "x-api-key": CLIENT_KEY, "cookie": "c"}
    exchange = exchange_to("anthropic", "m", headers)
    sent = list(request_headers(running(exchange), with_credential=with_credential))
    assert sent == [("user-agent", "cc/2")]
    assert list(request_headers(running(exchange_to("anthropic", "m")), with_credential=True)) == []


UPSTREAM = http.Headers(
    [
        (b"Content-Type", b"application/json"),
        (b"content-length", b"12"),
        (b"content-encoding", b"gzip"),
        (b"transfer-encoding", b"chunked"),
        (b"connection", b"close"),
        (b"set-cookie", b"session=upstream"),
        (b"alt-svc", b"h3"),
        (b"strict-transport-security", b"max-age=1"),
        (b"cache-control", b"private"),
        (b"x-switchyard-provider", b"forged"),
        (b"X-Request-Id", b"r-1"),
        (b"request-id", b"r-2"),
        (b"x-ratelimit-remaining", b"7"),
        (b"link", b"a"),
        (b"link", b"b"),
    ]
)


def test_an_answer_in_the_clients_format_keeps_what_describes_it() -> None:
    exchange = exchange_to("openai-chat", "m")
    assert list(answer_headers(running(exchange), UPSTREAM)) == [
        ("x-request-id", "r-1"),
        ("request-id", "r-2"),
        ("x-ratelimit-remaining", "7"),
        ("link", "a, b"),
        ("x-switchyard-provider", "chat"),
        ("x-switchyard-model", "m"),
        ("x-switchyard-attempts", "1"),
    ]


def test_of_unknown_headers_nobody_knows_what_they_tell() -> None:
    exchange = exchange_to("openai-chat", "m")
    names = ["x-echo", "location", "openai-organization", "x-account", "server", "x" * 100]
    upstream = http.Headers([(name.encode(), b"v") for name in names])
    told = [name for name, _ in answer_headers(running(exchange), upstream)]
    assert told == ["x-switchyard-provider", "x-switchyard-model", "x-switchyard-attempts"]


@pytest.mark.parametrize(
    "name",
    ["retry-after", "retry-after-ms", "x-should-retry", "anthropic-ratelimit-unified-status",
     "anthropic-ratelimit-requests-reset", "x-ratelimit-reset-tokens", "ratelimit-policy",
     "x-codex-primary-used-percent", "x-codex-credits-has-credits", "openai-processing-ms",
     "x-models-etag", "x-reasoning-included", "openai-model", "cf-ray", "server-timing"],
)  # fmt: skip
def test_what_tools_rely_on_goes_on(name: str) -> None:
    exchange = exchange_to("openai-chat", "m")
    assert (name, "7") in list(
        answer_headers(running(exchange), http.Headers([(name.encode(), b"7")]))
    )


def test_an_answer_in_another_format_keeps_the_request_id() -> None:
    exchange = exchange_to("openai-chat", "c")
    assert list(answer_headers(running(exchange), UPSTREAM)) == [
        ("x-request-id", "r-1"),
        ("request-id", "r-2"),
        ("x-switchyard-provider", "claude"),
        ("x-switchyard-model", "c"),
        ("x-switchyard-attempts", "1"),
    ]


@pytest.mark.parametrize(
    ("format", "kind"),
    [
        ("openai-chat", "text/event-stream"),
        ("anthropic", "text/event-stream"),
        ("openai-responses", "text/event-stream"),
        ("gemini", "text/event-stream"),
    ],
)
def test_the_head_of_a_stream(format: str, kind: str) -> None:
    head = dict(stream_head(exchange_to(format, HOME[format]).call))
    assert head["content-type"].startswith(kind)
    assert head["cache-control"] == "no-cache"
    assert format in FORMATS


def test_the_head_of_geminis_array() -> None:
    runtime = make_runtime()
    flow = call_flow(runtime, "gemini")
    flow.request.path = "/v1beta/models/g:streamGenerateContent"
    exchange = Pipeline(runtime).begin(flow)
    assert dict(stream_head(exchange.call))["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ("qwen/qwen-3:free", "qwen/qwen-3:free"),
        ("a\r\nset-cookie: x", "a??set-cookie: x"),
        ("模型", "??"),
        ("a\x00b\x1b\x7f", "a?b??"),
        ("\ud83d", "?"),
    ],
)
def test_a_models_name_cannot_break_the_head(model: str, shown: str) -> None:
    exchange = exchange_to("openai-chat", "open/m")
    # A configuration may name such a model; a client cannot.
    state = running(exchange)
    state.target = replace(state.target, model=model)
    assert ("x-switchyard-model", shown) in list(route_headers(exchange))


@pytest.mark.parametrize("model", ["a\r\nset-cookie: x", "a\x00b\x1b\x7f", "\ud83d"])
def test_a_client_cannot_name_a_model_so(model: str) -> None:
    runtime = make_runtime()
    flow = call_flow(runtime, "openai-chat", f"open/{model}")
    for addon in (addon_of(runtime, Intake), addon_of(runtime, Routing)):
        addon.request(flow)
    assert flow.response is not None and flow.response.status_code == 404


EVIL = ["b\rTransfer-Encoding: chunked", "b\x00c", "b\r\n c", "b\x0bc", "b\nX-Evil: 1"]


@pytest.mark.parametrize("value", EVIL)
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("model", ["m", "c", "own"])
def test_values_are_clean_whatever_they_come_from(value: str, format: str, model: str) -> None:
    runtime = make_runtime(
        CONFIG
        + """
    payload:
      override: [{models: ["*"], headers: {X-Copied: $X-From}}]
    """.replace("$X-From", "$x-from")
    )
    headers = [("user-agent", value), ("x-a", value), ("x-from", value)]
    flow = call_flow(runtime, format, "m" if model == "own" else model, headers=headers)
    pipeline = Pipeline(runtime)
    exchange = pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.request is not None
    fields = list(attempt.request.headers.fields)
    fields += own_headers(exchange.call.head.headers)
    assert len(fields) > 6
    for _, sent in fields:
        assert not set(sent) & {*range(9), *range(10, 32), 127}
    assert attempt.request.headers["user-agent"].startswith("b ")


def test_equal_headers_are_joined_in_linear_time() -> None:
    def steps(count: int) -> int:
        headers = http.Headers([(b"x-a", b"b" * 8)] * count)
        tracemalloc.start()
        joined = lower_items(headers)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(joined["x-a"]) == 10 * count - 2
        return peak

    assert steps(40_000) < 6 * steps(10_000)
    began = time.process_time()
    lower_items(http.Headers([(b"x-a", b"b" * 8)] * 200_000))
    assert time.process_time() - began < 8  # a quadratic way takes half a minute


def test_an_error_answer_names_the_attempt_it_tells_of() -> None:
    exchange = exchange_to("openai-chat", "stack")
    record = AttemptRecord(provider="claude", model="c", credential="claude#0", cls="quota")
    running(exchange).untranslated = Shortfall(dropped=("seed", "logit_bias"))
    running(exchange).unsent = None
    assert list(route_headers(exchange, failed=record)) == [
        ("x-switchyard-provider", "claude"),
        ("x-switchyard-model", "c"),
        ("x-switchyard-attempts", "1"),
        ("x-switchyard-dropped", "seed, logit_bias"),
    ]


def test_before_any_attempt_no_provider_is_named() -> None:
    runtime = make_runtime()
    exchange = Pipeline(runtime).begin(call_flow(runtime))
    assert list(route_headers(exchange)) == [("x-switchyard-attempts", "0")]
