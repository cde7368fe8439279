import json

import pytest

from switchyard.attempt.url import auth_header
from switchyard.attempt.url import endpoint_url
from switchyard.attempt.url import timeouts
from switchyard.failover.attempt import Attempt
from switchyard.pipeline.sending import Sending
from switchyard.wire.registry import FORMATS
from tests.support.runtime import CLIENT_KEY
from tests.support.runtime import CONFIG
from tests.support.runtime import FORMATS as NAMES
from tests.support.runtime import HOME
from tests.support.runtime import OWN_KEYS
from tests.support.runtime import Pipeline
from tests.support.runtime import addon_of
from tests.support.runtime import call
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime

CHAT, ANTHROPIC = FORMATS["openai-chat"], FORMATS["anthropic"]


@pytest.mark.parametrize(
    ("format", "base", "url"),
    [
        (CHAT, "https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
        (CHAT, "https://api.openai.com", "https://api.openai.com/v1/chat/completions"),
        (CHAT, "https://openrouter.ai/api/v1/", "https://openrouter.ai/api/v1/chat/completions"),
        (
            CHAT,
            "https://api.z.ai/api/paas/v4",
            "https://api.z.ai/api/paas/v4/chat/completions",
        ),
        (
            CHAT,
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
        ),
        (CHAT, "https://host/openai", "https://host/openai/chat/completions"),
        (ANTHROPIC, "https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
        (ANTHROPIC, "https://api.anthropic.com/v1", "https://api.anthropic.com/v1/messages"),
        (
            ANTHROPIC,
            "https://api.z.ai/api/anthropic",
            "https://api.z.ai/api/anthropic/v1/messages",
        ),
    ],
)
def test_a_base_url_is_taken_as_the_sdk_takes_it(format, base: str, url: str) -> None:
    assert endpoint_url(base, format, format.path("model", False)) == url


def sent(runtime, flow) -> Attempt:
    """The first attempt of a call, which must be one that sends something."""
    pipeline = Pipeline(runtime)
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.answer is None, attempt.answer.content
    assert attempt.request is not None
    return attempt


WHERE = {
    "openai-chat": ("https://chat.example/v1/chat/completions", "authorization", "Bearer own-chat"),
    "anthropic": ("https://claude.example/v1/messages", "x-api-key", "own-claude-key"),
    "openai-responses": (
        "https://codex.example/v1/responses", "authorization", "Bearer own-codex-key"
    ),
    "gemini": (
        "https://google.example/v1beta/models/g:generateContent", "x-goog-api-key", "own-google-key"
    ),
}  # fmt: skip
EVERYWHERE = {
    "authorization": f"Bearer {CLIENT_KEY}",
    "x-api-key": CLIENT_KEY,
    "x-goog-api-key": CLIENT_KEY,
    "api-key": CLIENT_KEY,
    "cookie": f"session={CLIENT_KEY}",
    "proxy-authorization": f"Basic {CLIENT_KEY}",
    "openai-organization": CLIENT_KEY,
    "openai-project": CLIENT_KEY,
    "x-auth-token": CLIENT_KEY,
    "user-agent": "agent/1",
}


@pytest.mark.parametrize("upstream", NAMES)
@pytest.mark.parametrize("client", NAMES)
def test_the_clients_credential_never_goes_to_a_provider_with_own_keys(
    client: str, upstream: str
) -> None:
    runtime = make_runtime()
    path, body = call(client, HOME[upstream])
    path += f"?key={CLIENT_KEY}&alt=sse&x={CLIENT_KEY}"
    flow = client_flow(runtime, path, body, headers=EVERYWHERE)
    request = sent(runtime, flow).request
    assert request is not None
    url, name, value = WHERE[upstream]
    assert request.pretty_url == url
    assert request.headers[name].startswith(value)
    assert CLIENT_KEY not in f"{request.headers.fields!r} {request.path} {request.content!r}"
    assert request.headers["user-agent"] == "agent/1"
    assert request.headers["host"] == url.split("/")[2]
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers.get_all("content-type") == ["application/json"]
    assert request.headers["content-length"] == str(len(request.content or b""))
    credentials = {"authorization", "x-api-key", "x-goog-api-key"} & set(request.headers)
    assert credentials == {name}


@pytest.mark.parametrize("format", NAMES)
def test_the_flow_never_holds_an_upstreams_key(format: str) -> None:
    runtime = make_runtime()
    flow = call_flow(runtime, format)
    before = flow.get_state()["request"]
    sent(runtime, flow)
    assert flow.get_state()["request"] == before
    assert not any(key in repr(flow.get_state()) for key in OWN_KEYS)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("format", NAMES)
def test_a_passthrough_sends_the_clients_bytes(format: str, stream: bool) -> None:
    runtime = make_runtime()
    path, body = call(format, stream=stream)
    odd = json.dumps({**body, "unknown": {"é": 1.10}}, indent=3).replace("1.1", "1.10")
    attempt = sent(runtime, client_flow(runtime, path, odd))
    assert attempt.request is not None
    content = odd.encode()
    if stream and format == "openai-chat":  # which reports no usage unless it is asked to
        content = content.replace(b"{", b'{"stream_options":{"include_usage":true},', 1)
    assert attempt.request.content == content
    assert ("stream" in attempt.request.path) is (stream and format == "gemini")
    accept = FORMATS[format].content_type if stream else "application/json"
    assert attempt.request.headers["accept"] == accept


def test_only_the_model_is_changed_in_the_clients_bytes() -> None:
    runtime = make_runtime()
    body = b'{ "messages":[ ],\t"model" : "chat/m", "n": 12345678901234567890123, "x": 1e400 }'
    attempt = sent(runtime, client_flow(runtime, "/v1/chat/completions", body))
    assert attempt.request is not None
    assert attempt.request.content == body.replace(b'"chat/m"', b'"m"')


def test_a_model_that_is_named_twice_is_sent_as_one() -> None:
    runtime = make_runtime()
    body = b'{"model":"stack","messages":[],"model":"chat/m"}'
    attempt = sent(runtime, client_flow(runtime, "/v1/chat/completions", body))
    assert attempt.request is not None
    content = attempt.request.content or b""
    assert json.loads(content) == {"model": "m", "messages": []}
    assert content.count(b'"model"') == 1


def test_a_body_that_is_nested_deeply_is_sent() -> None:
    runtime = make_runtime()
    deep = b"[" * 600 + b"]" * 600
    body = b'{"model":"chat/m","messages":[],"stream":false,"deep":' + deep + b"}"
    attempt = sent(runtime, client_flow(runtime, "/v1/chat/completions", body))
    assert attempt.request is not None
    assert attempt.request.content == body.replace(b"chat/m", b"m")


@pytest.mark.parametrize(
    ("policy", "asked", "says"),
    [
        ("as-asked", None, None),
        ("as-asked", True, True),
        ("default-off", None, False),
        ("default-off", True, True),
        ("force-on", None, True),
        ("force-on", False, True),
        ("force-off", True, False),
    ],
)
def test_what_the_body_says_of_streaming(
    policy: str, asked: bool | None, says: bool | None
) -> None:
    runtime = make_runtime(f"""
        providers: [{{name: p, base-url: "https://p.example/v1", stream: {policy}, models: [m]}}]
    """)
    path, body = call("openai-chat", "m")
    said = {} if asked is None else {"stream": asked}
    attempt = sent(runtime, client_flow(runtime, path, {**body, **said}))
    assert attempt.request is not None
    assert json.loads(attempt.request.content or b"").get("stream") is says
    wanted = "text/event-stream" if says else "application/json"
    assert attempt.request.headers["accept"] == wanted


def test_the_attempts_address_is_the_models_where_the_path_names_it() -> None:
    runtime = make_runtime("""
        providers: [{name: p, base-url: "https://p.example", format: gemini}]
    """)
    for model, path in [
        ("gemini 3?y#z", "/v1beta/models/gemini%203%3Fy%23z:generateContent"),
        ("模型", "/v1beta/models/%E6%A8%A1%E5%9E%8B:generateContent"),
    ]:
        attempt = sent(runtime, call_flow(runtime, "openai-chat", f"p/{model}"))
        assert attempt.request is not None
        assert attempt.request.host == "p.example"
        assert attempt.request.path == path


def test_header_rules() -> None:
    runtime = make_runtime("""
        providers:
          - name: p
            base-url: https://p.example/v1
            api-key: own-key-123
            models: [m]
            headers: {X-Trace: $X-Trace, X-Fixed: fixed, X-None: $X-Absent,
                      User-Agent: router}
    """)
    client = [("X-TRACE", "t-1"), ("x-trace", "t-2"), ("x-api-key", CLIENT_KEY),
              ("user-agent", "agent/1"), ("x-fixed", "the client's")]  # fmt: skip
    attempt = sent(runtime, call_flow(runtime, "openai-chat", "m", headers=client))
    assert attempt.request is not None
    headers = attempt.request.headers
    assert headers.get_all("x-trace") == ["t-1, t-2"]
    assert headers.get_all("x-fixed") == ["fixed"]
    assert "x-none" not in headers
    assert headers["user-agent"] == "router"
    assert "x-api-key" not in headers
    assert headers["authorization"] == "Bearer own-key-123"


def test_a_header_rule_works_across_formats() -> None:
    runtime = make_runtime("""
        providers:
          - {name: p, base-url: "https://p.example/v1", models: [m], headers: {X-Trace: $X-Trace}}
    """)
    flow = call_flow(runtime, "anthropic", "m", headers={"x-trace": "t", "anthropic-beta": "b"})
    request = sent(runtime, flow).request
    assert request is not None
    assert request.headers["x-trace"] == "t"
    assert "anthropic-beta" not in request.headers


FORWARD = """
    providers:
      - {name: p, base-url: "https://p.example/v1", models: [m], credentials: forward}
      - {name: q, base-url: "https://q.example", format: anthropic, models: [c],
         credentials: forward}
"""


@pytest.mark.parametrize(
    ("client", "model", "header", "value"),
    [
        ("openai-chat", "m", "authorization", f"Bearer {CLIENT_KEY}"),
        ("anthropic", "m", "authorization", f"Bearer {CLIENT_KEY}"),
        ("gemini", "m", "authorization", f"Bearer {CLIENT_KEY}"),
        ("openai-chat", "c", "x-api-key", CLIENT_KEY),
        ("gemini", "c", "x-api-key", CLIENT_KEY),
    ],
)
def test_a_forwarded_key_is_put_where_the_upstream_wants_it(
    client: str, model: str, header: str, value: str
) -> None:
    runtime = make_runtime(FORWARD)
    flow = call_flow(runtime, client, model, headers={"authorization": f"Bearer {CLIENT_KEY}"})
    request = sent(runtime, flow).request
    assert request is not None
    found = [
        name.decode() for name, value in request.headers.fields if CLIENT_KEY.encode() in value
    ]
    assert found == [header]
    assert request.headers[header] == value


def test_a_key_of_the_query_is_forwarded_by_header() -> None:
    runtime = make_runtime(FORWARD)
    path, body = call("gemini", "m")
    request = sent(runtime, client_flow(runtime, f"{path}?key={CLIENT_KEY}", body)).request
    assert request is not None
    assert request.headers["authorization"] == f"Bearer {CLIENT_KEY}"
    assert CLIENT_KEY not in request.path


def test_what_identifies_the_client_goes_along_with_its_key() -> None:
    runtime = make_runtime(FORWARD)
    headers = {"authorization": f"Bearer {CLIENT_KEY}", "openai-organization": "org-1"}
    request = sent(runtime, call_flow(runtime, "openai-chat", "m", headers=headers)).request
    assert request is not None
    assert request.headers["openai-organization"] == "org-1"
    flow = call_flow(runtime, "anthropic", "m", headers=headers)
    request = sent(runtime, flow).request
    assert request is not None
    assert "openai-organization" not in request.headers, "another format's provider"


@pytest.mark.parametrize(
    ("style", "header"),
    [("bearer", ("authorization", "Bearer k")), ("x-api-key", ("x-api-key", "k")),
     ("x-goog-api-key", ("x-goog-api-key", "k"))],
)  # fmt: skip
def test_how_a_key_is_sent(style, header: tuple[str, str]) -> None:
    assert auth_header(style, "k") == header


@pytest.mark.parametrize(
    ("everywhere", "own", "whole"),
    [
        ("", "", 300),
        ("first-output: 3s", "", 60),
        ("first-output: 99s", "", 99),
        ("first-byte: 2s", "", 2),
        ("", "first-byte: 2s", 2),
        ("first-byte: 2s", "first-output: 9s", 2),
    ],
)
def test_first_byte_holds_for_whole_answers_where_it_is_set(
    everywhere: str, own: str, whole: float
) -> None:
    config = CONFIG.replace("- name: chat\n", f"- name: chat\n        timeouts: {{{own}}}\n", 1)
    runtime = make_runtime(config + f"    timeouts: {{{everywhere}}}\n")
    provider = runtime.snapshot.config.providers[0]
    assert timeouts(provider, False).first_byte == whole


def test_timeouts_are_the_providers() -> None:
    runtime = make_runtime(
        CONFIG
        + "    timeouts: {connect: 1s, first-byte: 2s, first-output: 3s, between-chunks: 4s,"
        + " total: 5s}\n"
    )
    provider = runtime.snapshot.config.providers[0]
    t = timeouts(provider, True)
    assert (t.connect, t.first_byte, t.first_output, t.between_chunks, t.total) == (1, 2, 3, 4, 5)
    assert timeouts(provider, False).first_byte == 2, "what is set holds for JSON too"
    assert sent(runtime, call_flow(runtime)).timeouts == timeouts(provider, False)


def test_what_has_no_exchange_is_left_alone() -> None:
    runtime = make_runtime()
    attempt = Attempt(flow=client_flow(runtime, "/health"), number=1)
    addon_of(runtime, Sending).attempt(attempt)
    assert attempt.request is None
    assert attempt.answer is None


@pytest.mark.parametrize("own_keys", [False, True])
def test_the_routers_own_key_is_never_forwarded(own_keys: bool) -> None:
    keys = "clients: {api-keys: [sk-router-key-1]}\n" if own_keys else ""
    runtime = make_runtime(
        keys + "providers: [{name: p, base-url: 'http://127.0.0.1:9/v1', credentials: forward}]"
    )
    pipeline = Pipeline(runtime)
    flow = call_flow(
        runtime, "openai-chat", "p/m", headers={"authorization": "Bearer sk-router-key-1"}
    )
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.request is not None
    sent = str(attempt.request.headers.fields)
    assert ("sk-router-key-1" in sent) is not own_keys
