import json
import time
from collections.abc import Mapping

import pytest
from mitmproxy import http

from switchyard.pipeline.access import Access
from switchyard.pipeline.management import OLLAMA_VERSION
from switchyard.pipeline.management import Management
from tests.support.runtime import CONFIG
from tests.support.runtime import OWN_KEYS
from tests.support.runtime import FakeRuntime
from tests.support.runtime import Pipeline
from tests.support.runtime import addon_of
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import error_of
from tests.support.runtime import make_runtime
from tests.support.runtime import shown

NAMES = ["stack", "chat/m", "m", "claude/c", "c", "codex/r", "r", "google/g", "g"]


def ask(
    path: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    runtime: FakeRuntime | None = None,
) -> http.Response:
    """What the router itself answers."""
    runtime = runtime or make_runtime()
    flow = client_flow(runtime, path, method=method, headers=headers or {})
    addon_of(runtime, Management).request(flow)
    assert flow.response is not None
    assert not any(key in shown(flow.response) for key in OWN_KEYS)
    return flow.response


def read(response) -> dict:
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    return json.loads(response.content)


def test_health() -> None:
    runtime = make_runtime()
    runtime.state.started = time.monotonic() - 100
    Pipeline(runtime).begin(call_flow(runtime))
    body = read(ask("/health", runtime=runtime))
    assert 100 <= body.pop("uptime") < 160
    assert body == {"status": "ok", "providers": 5, "models": len(NAMES), "running": 1}


def test_readiness_ends_with_draining() -> None:
    runtime = make_runtime()
    assert read(ask("/v0/health/ready", runtime=runtime)) == {"status": "ready"}
    runtime.state.draining = True
    answer = ask("/v0/health/ready", runtime=runtime)
    assert answer.status_code == 503
    assert json.loads(answer.content or b"") == {"status": "draining", "running": 0}
    assert read(ask("/health", runtime=runtime))["status"] == "ok"


def test_a_greeting_is_answered() -> None:
    assert read(ask("/")) == {"name": "switchyard", "status": "ok"}


def test_openais_model_list() -> None:
    body = read(ask("/v1/models"))
    assert body["object"] == "list"
    assert sorted(one["id"] for one in body["data"]) == sorted(NAMES)
    owners = {one["id"]: one["owned_by"] for one in body["data"]}
    assert owners["stack"] == "switchyard"
    assert owners["claude/c"] == "claude"
    assert all(one["object"] == "model" and one["created"] > 1e9 for one in body["data"])


def test_anthropics_model_list() -> None:
    body = read(ask("/v1/models", headers={"anthropic-version": "2023-06-01"}))
    assert sorted(one["id"] for one in body["data"]) == sorted(NAMES)
    assert {one["type"] for one in body["data"]} == {"model"}
    assert body["has_more"] is False


def test_geminis_model_list() -> None:
    for body in (
        read(ask("/v1beta/models")),
        read(ask("/v1/models", headers={"x-goog-api-key": "k"})),
    ):
        assert sorted(one["name"] for one in body["models"]) == sorted(f"models/{n}" for n in NAMES)


def test_ollamas_model_list_and_version() -> None:
    assert sorted(one["model"] for one in read(ask("/api/tags"))["models"]) == sorted(NAMES)
    assert read(ask("/api/version")) == {"version": OLLAMA_VERSION}
    assert read(ask("/api/ps")) == {"models": []}


def test_one_model() -> None:
    assert read(ask("/v1/models/claude/c"))["id"] == "claude/c"
    assert read(ask("/v1/models/claude%2Fc", headers={"anthropic-version": "1"}))["type"] == "model"
    assert read(ask("/v1beta/models/m"))["name"] == "models/m"


@pytest.mark.parametrize(
    ("headers", "format", "type"),
    [
        ({}, "openai-chat", "invalid_request_error"),
        ({"anthropic-version": "1"}, "anthropic", "not_found_error"),
        ({"x-goog-api-key": "k"}, "gemini", "NOT_FOUND"),
    ],
)
def test_a_model_that_is_not_there(headers: dict[str, str], format: str, type: str) -> None:
    answer = ask("/v1/models/none%20such", headers=headers)
    assert error_of(answer, format, 404) == (
        type,
        "There is no model 'none such'. GET /v1/models lists all models.",
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/audio/speech"),
        ("POST", "/"),
        ("GET", "/v1/chat/completions"),
        ("DELETE", "/v1/models/m"),
        ("PUT", "/v1/messages/"),
        ("OPTIONS", "/v1/x"),
        ("GET", "/nope?key=secret-in-query"),
        ("GET", "//v1/nothing"),
        ("GET", "/v1/models/../x\udcff"),
        ("TRACE", "/health"),
    ],
)
def test_all_else_is_a_clear_404(method: str, path: str) -> None:
    answer = ask(path, method)
    if path.startswith("/v1/models/.."):
        assert answer.status_code == 404
        return
    _, message = error_of(answer, "openai-chat", 404)
    assert message.startswith(f"Switchyard serves no {method} {path.partition('?')[0]}. ")
    assert "GET /v1/models; docs/clients.md has all." in message
    assert "secret-in-query" not in shown(answer)


@pytest.mark.parametrize("path", ["/", "/health", "/v1/models", "/api/hello", "/v1/models/none"])
def test_a_head_is_what_get_answers_without_its_body(path: str) -> None:
    head, full = ask(path, "HEAD"), ask(path)
    assert head.raw_content == b""
    assert head.headers["content-type"] == full.headers["content-type"]
    assert int(head.headers["content-length"]) > 0
    if path in ("/", "/v1/models", "/v1/models/none"):
        assert head.status_code == full.status_code
        assert head.headers["content-length"] == full.headers["content-length"]


def test_calls_of_models_and_other_hosts_are_left_alone() -> None:
    runtime = make_runtime()
    flow = call_flow(runtime)
    Pipeline(runtime).begin(flow)
    addon_of(runtime, Management).request(flow)
    assert flow.response is None
    other = client_flow(runtime, "/health", to=("other.example", 443))
    addon_of(runtime, Management).request(other)
    assert other.response is None


def test_what_is_refused_already_stays_refused() -> None:
    runtime = make_runtime(CONFIG + "    clients: {api-keys: [router-key-1]}\n")
    flow = client_flow(runtime, "/v1/models")
    addon_of(runtime, Access).request(flow)
    addon_of(runtime, Management).request(flow)
    error_of(flow.response, "openai-chat", 401)


def test_a_key_sees_only_the_models_it_may_ask_for() -> None:
    limits = 'clients: {api-keys: [{key: router-key-1, models: ["claude/*"]}]}'
    runtime = make_runtime(CONFIG + f"    {limits}\n")
    flow = client_flow(runtime, "/v1/models", headers={"x-api-key": "router-key-1"})
    addon_of(runtime, Access).request(flow)
    addon_of(runtime, Management).request(flow)
    assert [one["id"] for one in read(flow.response)["data"]] == ["claude/c"]
    hidden = client_flow(runtime, "/v1/models/m", headers={"x-api-key": "router-key-1"})
    addon_of(runtime, Access).request(hidden)
    addon_of(runtime, Management).request(hidden)
    error_of(hidden.response, "openai-chat", 404)
