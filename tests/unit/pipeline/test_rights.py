"""No way round the models of a client's key, nor round what a provider excludes."""

import json
from typing import Any

import pytest
from mitmproxy import http

from switchyard.config.readings import is_odd
from switchyard.config.readings import readings
from switchyard.exchange.endpoints import find_foreign_endpoint
from switchyard.exchange.paths import is_plain
from switchyard.exchange.paths import plain_path
from switchyard.pipeline.access import Access
from switchyard.pipeline.intake import Intake
from switchyard.pipeline.management import Management
from switchyard.pipeline.masking import Masking
from switchyard.pipeline.rights import Rights
from switchyard.pipeline.routing import Routing
from switchyard.wire.shared.model_members import names_in_other_letters
from switchyard.wire.shared.model_members import names_twice
from switchyard.wire.shared.model_members import other_names
from tests.support.runtime import FakeRuntime
from tests.support.runtime import Pipeline
from tests.support.runtime import addon_of
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import shown

CONFIG = """
    providers:
      - {name: l, base-url: "http://local.example:9000/v1", models: [small, big-pro]}
      - {name: o, base-url: "https://open.example/v1", api-key: own-key-1,
         excluded-models: ["secret*", "vault:latest"]}
      - {name: g, base-url: "https://google.example", format: gemini, api-key: own-key-2}
      - {name: ol, base-url: "http://ollama.example:11434", format: ollama}
    clients:
      api-keys:
        - {key: all-of-them-1, name: all}
        - {key: only-some-of-1, name: some, models: ["*small*", "*mini*", "*4*", "*flash*"]}
"""
SOME = {"authorization": "Bearer only-some-of-1"}
ALL = {"authorization": "Bearer all-of-them-1"}
CHAT = {"messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def runtime() -> FakeRuntime:
    return make_runtime(CONFIG)


def asked(runtime: FakeRuntime, flow: http.HTTPFlow) -> http.HTTPFlow:
    """The flow after all that decides where it goes."""
    for addon in (addon_of(runtime, Masking), addon_of(runtime, Rights)):
        addon.requestheaders(flow)
    for addon in (
        addon_of(runtime, Access),
        addon_of(runtime, Intake),
        addon_of(runtime, Management),
        addon_of(runtime, Routing),
    ):
        addon.request(flow)
    return flow


def call(
    runtime: FakeRuntime, path: str, body: Any, headers: dict[str, str], to: Any = None
) -> http.HTTPFlow:
    scheme = "http" if to and to[1] != 443 else "https"
    return asked(runtime, client_flow(runtime, path, body, headers=headers, to=to, scheme=scheme))


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/chat/completions", "l/big-pro(small)"),
        ("/v1/chat/completions", "l/big-pro(4)"),
        ("/v1/chat/completions", "big-pro( mini )"),
        ("/v1/chat/completions", "o/big-pro(mini)(high)"),
        ("/v1/chat/completions", "o/big-pro (mini)"),
        ("/v1/messages", "l/big-pro(4)"),
        ("/v1/messages/count_tokens", "l/big-pro(4)"),
        ("/v1/responses", "l/big-pro(4)"),
        ("/v1/responses/compact", "l/big-pro(4)"),
        ("/v1/embeddings", "l/big-pro(mini)"),
        ("/api/embed", "ol/big-pro(mini)"),
        ("/api/chat", "ol/big-pro(mini)"),
        ("/api/show", "l/big-pro(mini)"),
        ("/api/show", "l/big-pro(mini):latest"),
    ],
)
def test_a_suffix_opens_nothing(runtime: FakeRuntime, path: str, model: str) -> None:
    body = {"model": model, "input": "x", "max_tokens": 9, **CHAT}
    flow = call(runtime, path, body, SOME)
    assert flow.response is not None and flow.response.status_code in (403, 404)
    assert flow.id not in runtime.failover.routed  # pyright: ignore


def test_what_a_key_may_ask_for_keeps_its_suffix(runtime: FakeRuntime) -> None:
    for model in ("l/small(high)", "o/x-mini(low)", "small"):
        flow = call(runtime, "/v1/chat/completions", {"model": model, **CHAT}, SOME)
        assert flow.response is None, shown(flow.response)


@pytest.mark.parametrize(
    "model",
    ["o/secret-mini", "o/ secret-mini", "o/secret-mini ", "o/\u00a0secret-mini", "o/se\u200bcret-x",
     "o/\uff53ecret-mini", "o/SECRET-x", "o/secret-x(high)", "o/secret-x(a)(b)", "o/vault",
     "o/x/../secret-mini", "o/models/secret-mini", "o/\tsecret", "o/secret\x00",
     "o/\ufeffsecret-mini", "o//secret-mini", "o/ secret-x (high)"],
)  # fmt: skip
def test_no_spelling_of_an_excluded_model_is_sent(runtime: FakeRuntime, model: str) -> None:
    flow = call(runtime, "/v1/chat/completions", {"model": model, **CHAT}, ALL)
    assert flow.response is not None and flow.response.status_code == 404


def test_what_is_like_an_excluded_model_is_not_it(runtime: FakeRuntime) -> None:
    for model in ("o/no-secret", "o/a b", "o/模型", "o/vault:7b", "o/a/b.c:d"):
        flow = call(runtime, "/v1/chat/completions", {"model": model, **CHAT}, ALL)
        assert flow.response is None, model


LOCAL, OLLAMA, OPEN = (
    ("local.example", 9000),
    ("ollama.example", 11434),
    ("open.example", 443),
)


@pytest.mark.parametrize(
    "path",
    ["/v1/chat/completions", "/v1/chat/%63ompletions", "/v1/Chat/Completions",
     "/v1/chat/completions/.", "/v1/chat/completions;x", "/v1/chat/completions%20",
     "/v1/chat/completions/", "/v1//chat//completions", "/v1/x/../chat/completions",
     "/v1/chat/%2563ompletions", "/v1/chat%2fcompletions", "/v1/chat\\completions",
     "/v1/chat/completions.", "/v1/chat/completions%00", "/v1/chat;a=b/completions",
     "/v1/chat/completions#x", "/v1/chat/x/%2e%2e/completions", "/V1/CHAT/COMPLETIONS?a=b",
     "/v1/chat/completions%3bx", "/v1/./chat/completions"],
)  # fmt: skip
def test_a_call_is_one_however_its_path_is_spelled(runtime: FakeRuntime, path: str) -> None:
    body = {"model": "big-pro", **CHAT}
    flow = call(runtime, path, body, SOME, to=LOCAL)
    assert find_foreign_endpoint(flow.request) is not None
    assert flow.response is not None and flow.response.status_code == 403
    flow = call(runtime, path, {"model": "small", **CHAT}, SOME, to=LOCAL)
    assert flow.response is None and flow.id in runtime.failover.routed  # pyright: ignore


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ("/v1/images/generations", LOCAL),
        ("/v1/chat/completions.json", LOCAL),
        ("/v1/chat/completions%2525252525", LOCAL),
        ("/api/pull", OLLAMA),
        ("/v1/%69mages", OPEN),
        ("/v1/;/x", OPEN),
    ],
)
def test_what_cannot_be_decided_is_refused(runtime: FakeRuntime, path: str, to: Any) -> None:
    body = {"model": "big-pro", "prompt": "x"}
    flow = call(runtime, path, body, SOME, to=to)
    assert flow.response is not None and flow.response.status_code == 403
    assert call(runtime, path, body, ALL, to=to).response is None


def test_asking_and_other_peoples_business_pass(runtime: FakeRuntime) -> None:
    flow = asked(runtime, client_flow(runtime, "/api/tags", headers=SOME, to=OLLAMA, scheme="http"))
    assert flow.response is None
    flow = call(runtime, "/v1/telemetry", {"a": 1}, SOME, to=OPEN)
    assert flow.response is None


def test_an_upgrade_names_its_model_in_the_query(runtime: FakeRuntime) -> None:
    headers = {**SOME, "upgrade": "websocket", "connection": "upgrade"}
    flow = client_flow(
        runtime, "/v1/realtime?model=big-pro", headers=headers, to=LOCAL, scheme="http"
    )
    addon_of(runtime, Rights).requestheaders(flow)
    assert flow.response is not None and flow.response.status_code == 403


@pytest.mark.parametrize(
    "text",
    [
        '{"model":"l/small","MODEL":"big-pro"}',
        '{"Model":"big-pro","model":"l/small"}',
        '{"model":"l/small","m\\u004fdel":"big-pro"}',
        '{"model":"l/small","\\uff4dodel":"big-pro"}',
        '{"model":"l/small"," model":"big-pro"}',
    ],
)
def test_a_model_is_named_in_its_own_letters(runtime: FakeRuntime, text: str) -> None:
    assert names_in_other_letters(json.loads(text))
    for headers in (SOME, ALL):
        flow = call(runtime, "/v1/chat/completions", text, headers)
        assert flow.response is not None and flow.response.status_code == 400


@pytest.mark.parametrize(
    "text",
    [
        '{"model":"big-pro","model":"small","messages":[]}',
        '{"model":"big-pro" , "model" : "small","messages":[]}',
        '{"mod\\u0065l":"big-pro","model":"small","messages":[]}',
    ],
)
def test_a_model_that_is_named_twice_is_sent_as_it_was_routed(text: str) -> None:
    assert names_twice(text.encode())
    runtime = make_runtime(CONFIG.partition("    clients:")[0])
    pipeline = Pipeline(runtime)
    flow = client_flow(runtime, "/v1/chat/completions", text)
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.request is not None
    assert attempt.request.content == b'{"model":"small","messages":[]}'


@pytest.mark.parametrize(
    "text",
    [
        '{"model":"a","tools":[{"model":"b"}]}',
        '{"model":"a","x":"model"}',
        '{"messages":["\\u0061\\u0062 \\"model\\": "],"model":"a"}',
        '{"modalities":["x"]}',
        '{"x":{"model":1,"y":{"model":2}},"model":"a"}',
    ],
)
def test_a_model_in_other_places_is_no_second_one(text: str) -> None:
    assert not names_twice(text.encode())
    assert not names_in_other_letters(json.loads(text))


@pytest.mark.parametrize(
    "more",
    [{"models": ["big-pro"]}, {"fallbacks": [{"model": "big-pro"}]}, {"fallback": "big-pro"},
     {"model_id": "big-pro"}, {"modelId": "big-pro"}, {"MODEL_ID": "big-pro"},
     {"deployment": "big-pro"}, {"deployment_id": "x"}, {"engine": "big-pro"},
     {"route": "fallback"}, {"preset": "mine"}, {"extra_body": {"models": ["big-pro"]}},
     {"provider": {"fallback_models": ["x"]}}, {"plugins": [{"id": "a", "allowed_models": ["x"]}]},
     {"providerOptions": {"gateway": {"models": ["x"]}}}, {"draft_model": "big-pro"},
     {"adapter_id": "x"}, {"api_base": "http://x"}, {"tools": [{"type": "t", "model": "big-pro"}]}],
)  # fmt: skip
def test_no_other_member_chooses_a_model(runtime: FakeRuntime, more: dict[str, Any]) -> None:
    body = {"model": "l/small", **CHAT, **more}
    flow = call(runtime, "/v1/chat/completions", body, SOME)
    assert flow.response is not None and flow.response.status_code == 403
    assert call(runtime, "/v1/chat/completions", body, ALL).response is None


def test_members_that_choose_nothing_pass(runtime: FakeRuntime) -> None:
    more = {"provider": {"order": ["a"], "allow_fallbacks": True}, "models": [], "route": None,
            "plugins": [{"id": "web"}], "modalities": ["text"], "metadata": {"model": "x"},
            "tools": [{"type": "function", "function": {"name": "model", "parameters": {}}},
                      {"type": "image_generation", "model": "x-mini"}]}  # fmt: skip
    flow = call(runtime, "/v1/chat/completions", {"model": "l/small", **CHAT, **more}, SOME)
    assert flow.response is None, shown(flow.response)


def test_ollamas_name_is_a_model(runtime: FakeRuntime) -> None:
    body = {"model": "ol/x-mini", "name": "big-pro", **CHAT}
    flow = call(runtime, "/api/chat", body, SOME)
    assert flow.response is not None and flow.response.status_code == 403
    assert not list(other_names({"model": "x", "name": "y"}))


@pytest.mark.parametrize(
    "model",
    ["g/flash-x/../../../../v1/secret", "g/flash/x", "g/..", "g/flash/..", "g/flash\\..\\x",
     "g/models/../flash", "g/tunedModels/..", "g/ .. /flash"],
)  # fmt: skip
def test_a_gemini_models_name_leads_nowhere_else(runtime: FakeRuntime, model: str) -> None:
    for headers in (SOME, ALL):
        flow = call(runtime, "/v1/chat/completions", {"model": model, **CHAT}, headers)
        assert flow.response is not None and flow.response.status_code in (403, 404)


@pytest.mark.parametrize("model", ["g/.", "g/", "g/models/.", "g/tunedModels/. ."])
def test_a_gemini_models_name_is_no_dot(model: str) -> None:
    runtime = make_runtime(CONFIG.partition("    clients:")[0])
    flow = client_flow(runtime, "/v1/chat/completions", {"model": model, **CHAT})
    if model == "g/":
        assert asked(runtime, flow).response is not None
        return
    pipeline = Pipeline(runtime)
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.request is None and attempt.answer is not None
    assert attempt.answer.status_code == 400


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("/v1/x", "/v1/x"),
        ("/v1/x/?a=/b", "/v1/x"),
        ("/", ""),
        ("*", "/*"),
        ("/v1beta/models/a.b:generateContent", "/v1beta/models/a.b:generateContent"),
        ("/a/../../b", "/b"),
        ("/a%2f..%2fb", "/b"),
        ("/%252525252541", None),
    ],
)
def test_plain_paths(path: str, plain: str | None) -> None:
    assert plain_path(path) == plain
    assert is_plain(path) == (plain is not None and path.partition("?")[0].rstrip("/") == plain)


def test_names_read_as_they_are() -> None:
    assert readings("o/a-b:c") == ("o/a-b:c",)
    assert "o/x" in readings("o/ｘ (a)(b)")
    assert not is_odd("o/a b (c)") and is_odd("o/a\u200b") and is_odd("o/a /b") and is_odd("../x")
