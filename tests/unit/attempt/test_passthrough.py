"""What goes to a client's own destination, where that is, and for whom."""

import json
from typing import Any

import pytest
import zstandard
from mitmproxy import http
from mitmproxy.test import tflow
from mitmproxy.test import tutils

from switchyard.attempt.passthrough import is_renewable
from switchyard.clients.keys import proxy_credentials
from switchyard.exchange.exchange import Exchange
from switchyard.failover.attempt import Attempt
from switchyard.pipeline.access import Access
from switchyard.pipeline.intake import Intake
from switchyard.pipeline.routing import Routing
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.shared.envelope import seal
from tests.support.runtime import FakeRuntime
from tests.support.runtime import Pipeline
from tests.support.runtime import addon_of
from tests.support.runtime import client_flow
from tests.support.runtime import error_of
from tests.support.runtime import forwarding
from tests.support.runtime import make_runtime
from tests.support.runtime import running

CLAUDE = "api.anthropic.com"
CODEX = "chatgpt.com"
CONFIG = f"""
    providers:
      - {{name: glm, base-url: "https://glm.example/v1", api-key: own-glm-key-1}}
    combos: {{net: [passthrough, glm/x], own: passthrough}}
    intercept:
      {CLAUDE}: {{members: [passthrough, glm/m], models: {{"*haiku*": [glm/flash]}}}}
      {CODEX}: [passthrough]
      llm.corp.example:8443: [passthrough, glm/m]
"""
WITH_KEYS = f"{CONFIG}    clients: {{api-keys: [router-key-1]}}\n"
BODY: dict[str, Any] = {"model": "claude-x", "max_tokens": 9, "messages": []}


def begun(
    runtime: FakeRuntime,
    path: str,
    body: dict[str, Any] | bytes | None = None,
    *,
    to: tuple[str, int] | None = (CLAUDE, 443),
    headers: dict[str, str] | None = None,
) -> tuple[Attempt, Exchange]:
    pipeline = Pipeline(runtime)
    flow = client_flow(runtime, path, body or BODY, to=to, headers=headers or {})
    exchange = pipeline.begin(flow)
    return pipeline.attempt(flow), exchange


def sent(attempt: Attempt) -> http.Request:
    assert attempt.request is not None
    return attempt.request


def test_the_connections_headers_stay_behind() -> None:
    headers = {
        "connection": "keep-alive, x-hop",
        "x-hop": "1",
        "proxy-authorization": "Basic eDp5",
        "te": "trailers",
        "expect": "100-continue",
        "x-switchyard-x": "1",
        "X-Api-Key": "sk-mine-1",
        "Cookie": "a=b",
        "accept-encoding": "br",
    }
    attempt, _ = begun(make_runtime(CONFIG), "/v1/messages?beta=true", headers=headers)
    request = sent(attempt)
    assert (request.scheme, request.host, request.port) == ("https", CLAUDE, 443)
    assert request.path == "/v1/messages?beta=true"
    names = [name.decode() for name, _ in request.headers.fields]
    assert names == ["host", "X-Api-Key", "Cookie", "accept-encoding", "content-length"]
    assert json.loads(request.content or b"") == BODY


@pytest.mark.parametrize(
    ("path", "headers", "host", "where"),
    [
        ("/v1/messages?beta=true", {}, CLAUDE, "/v1/messages?beta=true"),
        ("/messages", {}, CLAUDE, "/v1/messages"),
        ("/v1/responses", {}, "api.openai.com", "/v1/responses"),
        ("/codex/responses", {"chatgpt-account-id": "a"}, CODEX, "/backend-api/codex/responses"),
        ("/v1/chat/completions", {}, "api.openai.com", "/v1/chat/completions"),
    ],
)
def test_the_home_of_a_format(path: str, headers: dict[str, str], host: str, where: str) -> None:
    body = {**BODY, "model": "net", "input": "x"}
    attempt, exchange = begun(make_runtime(CONFIG), path, body, to=None, headers=headers)
    request = sent(attempt)
    assert (request.host, request.port, request.path) == (host, 443, where)
    assert request.headers["host"] == host
    assert running(exchange).target.provider.name == f"passthrough:{host}"


def test_gemini_goes_home_by_its_own_path() -> None:
    path = "/v1beta/models/own:generateContent?key=AIzaX"
    attempt, _ = begun(make_runtime(CONFIG), path, {"contents": []}, to=None)
    request = sent(attempt)
    assert (request.host, request.path) == ("generativelanguage.googleapis.com", path)


def test_a_name_that_is_nobodys_is_meant_for_the_formats_home() -> None:
    attempt, exchange = begun(make_runtime(CONFIG), "/v1/messages", BODY, to=None)
    assert sent(attempt).host == CLAUDE
    assert exchange.plan and [pool.name for pool in exchange.plan.members] == [
        "passthrough",
        "glm/m",
    ]


@pytest.mark.parametrize(
    ("config", "path", "model", "said"),
    [
        (CONFIG, "/api/chat", "own", "knows no host for format"),
        (WITH_KEYS, "/v1/messages", "own", "HTTPS_PROXY=http://any:KEY@host:port"),
    ],
)
def test_without_a_destination_it_is_said_why(
    config: str, path: str, model: str, said: str
) -> None:
    runtime = make_runtime(config)
    bearer = {"authorization": "Bearer router-key-1"}
    said_before = [{"role": "user", "content": "x"}]
    body = {**BODY, "model": model, "messages": said_before}
    flow = client_flow(runtime, path, body, headers=bearer)
    for addon in (addon_of(runtime, Access), addon_of(runtime, Intake), addon_of(runtime, Routing)):
        addon.request(flow)
    format = "ollama" if path == "/api/chat" else "anthropic"
    assert said in error_of(flow.response, format, 400)[1]


def test_without_a_destination_the_others_answer() -> None:
    """What a client came with is the router's key: it goes nowhere."""
    runtime = make_runtime(WITH_KEYS)
    headers = {"authorization": "Bearer router-key-1"}
    flow = client_flow(runtime, "/v1/messages", BODY, to=(CLAUDE, 443), headers=headers)
    addon_of(runtime, Access).request(flow)
    pipeline = Pipeline(runtime)
    exchange = pipeline.begin(flow)
    request = sent(pipeline.attempt(flow))
    assert exchange.call.origin is None and request.host == "glm.example"
    assert "router-key-1" not in str(request.headers)


def test_a_compressed_body_is_written_anew_only_where_it_must_be() -> None:
    sealed = seal(Thinking(text="Hm.", signature="s", signer="openai-chat"))
    block = {"type": "thinking", "thinking": "Hm.", "signature": sealed}
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": [block]}]
    pack = zstandard.ZstdCompressor().compress
    headers = {"content-encoding": "zstd"}
    for messages, same in (([], True), (turns, False)):
        raw = pack(json.dumps({**BODY, "messages": messages}).encode())
        attempt, _ = begun(make_runtime(CONFIG), "/v1/messages", raw, headers=headers)
        request = sent(attempt)
        assert (request.raw_content == raw) == same
        assert ("content-encoding" in request.headers) == same
        assert request.headers["content-length"] == str(len(request.raw_content or b""))
        assert same or sealed not in (request.text or "")


@pytest.mark.parametrize(
    ("host", "headers", "expected"),
    [
        (CLAUDE, {"authorization": "Bearer sk-ant-oat01-x"}, True),
        (CLAUDE, {"authorization": "Bearer sk-ant-api03-x"}, False),
        (CLAUDE, {"x-api-key": "sk-ant-oat01-x"}, False),
        (CODEX, {"authorization": "Bearer eyJx"}, True),
        ("llm.corp.example", {"authorization": "Bearer eyJx"}, False),
    ],
)
def test_whose_credential_can_be_renewed(
    host: str, headers: dict[str, str], expected: bool
) -> None:
    path = "/backend-api/codex/responses" if host == CODEX else "/v1/messages"
    port = 8443 if host == "llm.corp.example" else 443
    body = {**BODY, "input": "x"}
    _, exchange = begun(make_runtime(CONFIG), path, body, to=(host, port), headers=headers)
    assert is_renewable(exchange.call) is expected


def test_other_ports_are_other_hosts() -> None:
    attempt, _ = begun(make_runtime(CONFIG), "/x/v1/messages", to=("llm.corp.example", 8443))
    assert sent(attempt).headers["host"] == "llm.corp.example"
    runtime = make_runtime(CONFIG)
    assert not runtime.snapshot.served.serves("llm.corp.example", 443)


def test_a_clients_failures_are_its_own() -> None:
    runtime = make_runtime(CONFIG)
    spent = {"type": "error", "error": {"type": "rate_limit_error", "message": "used up"}}

    def first_host(token: str, fails: bool) -> str:
        pipeline = Pipeline(runtime)
        headers = {"authorization": f"Bearer {token}"}
        flow = client_flow(runtime, "/v1/messages", BODY, to=(CLAUDE, 443), headers=headers)
        pipeline.begin(flow)
        attempt = pipeline.attempt(flow)
        host = sent(attempt).host
        if fails:
            pipeline.answer(attempt, spent, 429, {"retry-after": "600"})
        pipeline.over(flow)
        return host

    assert first_host("login-a", fails=True) == CLAUDE
    assert first_host("login-a", fails=False) == "glm.example"
    assert first_host("login-b", fails=False) == CLAUDE


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Basic YW55OmtleS0x", ["key-1", "any"]),
        ("basic a2V5LTE6", ["key-1"]),
        ("Bearer key-1", ["key-1"]),
        ("Basic ???", []),
        ("Basic /w==", []),
        ("Digest x", []),
        ("", []),
    ],
)
def test_what_may_be_a_key_for_the_proxy(header: str, found: list[str]) -> None:
    assert proxy_credentials(header) == found


def test_a_key_shown_to_the_proxy_is_for_the_connection() -> None:
    runtime = make_runtime(WITH_KEYS)
    access = addon_of(runtime, Access)
    connect = tflow.tflow(req=tutils.treq(method=b"CONNECT", host=CLAUDE, port=443))
    connect.request.headers["proxy-authorization"] = "Basic YW55OnJvdXRlci1rZXktMQ=="
    access.http_connect(connect)

    flow = client_flow(runtime, "/v1/messages", BODY, to=(CLAUDE, 443))
    flow.client_conn = connect.client_conn
    access.request(flow)
    assert flow.response is None and runtime.clients.has_own_login(flow)
    assert runtime.clients.client_of(flow) is not None

    access.client_disconnected(connect.client_conn)
    later = client_flow(runtime, "/v1/messages", BODY, to=(CLAUDE, 443))
    later.client_conn = connect.client_conn
    access.request(later)
    assert later.response is not None and later.response.status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "host", "streams"),
    [
        ("GET", "/api/oauth/profile", CLAUDE, True),
        ("POST", "/v1/files", CLAUDE, True),
        ("POST", "/v1/messages", CLAUDE, False),
        ("GET", "/page", "other.example", True),
    ],
)
def test_what_is_no_call_is_streamed(method: str, path: str, host: str, streams: bool) -> None:
    runtime = make_runtime(CONFIG)
    flow = client_flow(runtime, path, b"", method=method, to=(host, 443))
    flow.client_conn.peername = ("127.0.0.1", 50000)
    passing = forwarding(runtime)
    passing.requestheaders(flow)
    assert callable(flow.request.stream) is streams
    flow.response = http.Response.make(200)
    passing.responseheaders(flow)
    assert callable(flow.response.stream) is streams


@pytest.mark.parametrize(
    ("peer", "host", "shown", "may"),
    [
        ("127.0.0.1", "other.example", False, True),
        ("203.0.113.7", CLAUDE, False, False),
        ("203.0.113.7", CLAUDE, True, True),
        ("203.0.113.7", "other.example", True, False),
    ],
)
def test_who_is_taken_where_a_request_goes_by_itself(
    peer: str, host: str, shown: bool, may: bool
) -> None:
    runtime = make_runtime(WITH_KEYS)
    flow = client_flow(runtime, "/v1/files", b"", to=(host, 443))
    flow.client_conn.peername = (peer, 50000)
    if shown:
        key = runtime.snapshot.config.clients.api_keys[0]
        runtime.clients.admit_connection(flow.client_conn.id, key)
    assert addon_of(runtime, Intake).may_forward(flow) is may
