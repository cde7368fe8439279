"""Suffixes, profiles, payload rules and the models of a client key, through the addons."""

import json
from typing import Any

import pytest

from switchyard.attempt.headers import route_headers
from switchyard.pipeline.access import Access
from switchyard.pipeline.intake import Intake
from switchyard.pipeline.management import Management
from switchyard.pipeline.release import Release
from switchyard.pipeline.routing import Routing
from switchyard.wire.translate.limits import StopLimits
from tests.support.runtime import CONFIG
from tests.support.runtime import FORMATS
from tests.support.runtime import FakeRuntime
from tests.support.runtime import Pipeline
from tests.support.runtime import addon_of
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import error_of
from tests.support.runtime import make_runtime
from tests.support.runtime import running

OPENAI = "providers: [{preset: openai}]\n"
CODE = {
    "max_tokens": 1,
    "temperature": 1,
    "stop_sequences": ["END"],
    "thinking": {"type": "adaptive"},
    "output_config": {"effort": "max"},
    "system": [{"type": "text", "text": "You are a coder."}],
    "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}}],
    "metadata": {"user_id": "u" * 90},
}
"""What a coding agent sends, as far as other models refuse it."""


def sent(runtime: FakeRuntime, format: str, model: str, headers: Any = (), **more: Any) -> Any:
    """The first attempt of a call: its request, and the exchange it belongs to."""
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, format, model, headers=headers, **more)
    exchange = pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.answer is None, attempt.answer.content
    return attempt.request, exchange


def body_of(request: Any) -> dict[str, Any]:
    return json.loads(request.content)


def openai(**env: str) -> FakeRuntime:
    return make_runtime(OPENAI, OPENAI_API_KEY="k", **env)


def test_a_coding_agent_may_use_openais_reasoning_models() -> None:
    request, exchange = sent(openai(), "anthropic", "openai/gpt-5", **CODE)
    body = body_of(request)
    assert request.path == "/v1/responses"
    assert body["max_output_tokens"] == 16
    assert body["reasoning"]["effort"] == "high"
    assert not body.keys() & {"temperature", "top_p", "stop", "max_tokens"}
    assert "temperature" in running(exchange).dropped
    assert "stop_sequences" not in running(exchange).dropped
    assert running(exchange).limits == StopLimits(("END",))


def test_openais_chat_refuses_nothing_of_a_translated_request_either() -> None:
    config = OPENAI.replace("openai}", "openai, format: openai-chat}")
    runtime = make_runtime(config, OPENAI_API_KEY="k")
    request, exchange = sent(runtime, "anthropic", "openai/gpt-5", **CODE)
    body = body_of(request)
    assert request.path == "/v1/chat/completions"
    assert (body["max_completion_tokens"], body["reasoning_effort"]) == (16, "high")
    assert not body.keys() & {"temperature", "stop", "max_tokens"}
    assert "temperature" in running(exchange).dropped
    assert "stop" not in running(exchange).dropped
    assert running(exchange).limits == StopLimits(("END",))


NO_SCHEMA = """
providers:
  - {name: p, base-url: "https://p.example/v1", api-key: k, profile: {json-schema: false}}
  - {name: q, base-url: "https://q.example/v1", api-key: k, profile: {drop: [response_format]}}
"""


@pytest.mark.parametrize(("provider", "kept"), [("p", True), ("q", False)])
def test_a_schema_that_is_refused_is_asked_for_in_words(provider: str, kept: bool) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    wish = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    runtime = make_runtime(NO_SCHEMA)
    request, exchange = sent(runtime, "openai-chat", f"{provider}/m", response_format=wish)
    body = body_of(request)
    assert '"city"' in body["messages"][0]["content"]
    assert body.get("response_format") == ({"type": "json_object"} if kept else None)
    assert running(exchange).instructed and running(exchange).dropped == ()
    assert dict(route_headers(exchange))["x-switchyard-instructed"] == "schema"
    request, exchange = sent(runtime, "openai-chat", f"{provider}/m")
    assert not running(exchange).instructed and len(body_of(request)["messages"]) == 1


def test_a_passthrough_is_changed_only_where_it_would_be_refused() -> None:
    raw = b'{"model": "openai/gpt-5", "messages": [ ], "n": 1.0, "reasoning_effort": "xhigh"}'
    pipeline = Pipeline(openai())
    flow = client_flow(pipeline.runtime, "/v1/chat/completions", raw)
    pipeline.begin(flow)
    request = pipeline.attempt(flow).request
    assert request is not None
    assert request.content == raw.replace(b"openai/", b"").replace(b"xhigh", b"high")
    older, _ = sent(
        openai(), "openai-chat", "openai/gpt-4.1", max_tokens=5, temperature=0, stop="x"
    )
    assert {"max_tokens": 5, "temperature": 0, "stop": "x"}.items() <= body_of(older).items()


@pytest.mark.parametrize(
    ("model", "effort", "kept"),
    [
        ("gpt-5.2", None, True),
        ("gpt-5.2", "none", True),
        ("gpt-5.2", "low", False),
        ("gpt-5-mini", None, False),
        ("gpt-5-chat-latest", None, True),
        ("o3", None, False),
        ("gpt-4o", None, True),
    ],
)
def test_openais_temperature(model: str, effort: str | None, kept: bool) -> None:
    said = {} if effort is None else {"reasoning_effort": effort}
    request, _ = sent(openai(), "openai-chat", f"openai/{model}", temperature=0.2, **said)
    assert ("temperature" in body_of(request)) == kept


PROFILED = """
    providers:
      - name: odd
        base-url: https://odd.example/v1
        profile:
          stream-options: false
          tool-id-pattern: "[a-zA-Z0-9]{9}"
          by-model: [{models: [big*], max-tokens-field: max_completion_tokens}]
        models: [plain, big-1, {name: own, profile: {developer-role: false}}]
"""


def test_profiles_of_provider_pattern_and_model_add_up() -> None:
    runtime = make_runtime(PROFILED)
    said = {"max_tokens": 9, "stream": True, "stream_options": {"include_usage": True}}
    developer = {"messages": [{"role": "developer", "content": "x"}]}
    for model, limit, role in (
        ("plain", "max_tokens", "developer"),
        ("big-1", "max_completion_tokens", "developer"),
        ("own", "max_tokens", "system"),
    ):
        body = body_of(sent(runtime, "openai-chat", f"odd/{model}", **said, **developer)[0])
        assert body[limit] == 9 and body["messages"][0]["role"] == role
        assert "stream_options" not in body


def test_what_streaming_adds_is_left_out_again_where_it_is_refused() -> None:
    text = PROFILED.replace("name: odd\n", "name: odd\n        stream: force-on\n")
    request, _ = sent(make_runtime(text), "openai-chat", "plain", stream=False)
    assert body_of(request)["stream"] is True
    assert "stream_options" not in body_of(request)


@pytest.mark.parametrize("format", FORMATS)
def test_a_passthrough_without_anything_to_change_keeps_its_bytes(format: str) -> None:
    runtime = make_runtime()
    flow = call_flow(runtime, format)
    pipeline = Pipeline(runtime)
    pipeline.begin(flow)
    request = pipeline.attempt(flow).request
    assert request is not None
    assert request.content == flow.request.content


@pytest.mark.parametrize("client", FORMATS)
@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("chat/m", {"reasoning_effort": "high"}),
        ("claude/c", {"thinking": {"type": "enabled", "budget_tokens": 24_576}}),
        ("codex/r", {"reasoning": {"effort": "high"}}),
    ],
)
def test_a_suffix_asks_for_effort_in_the_words_of_the_provider(
    client: str, model: str, said: dict[str, Any]
) -> None:
    body = body_of(sent(make_runtime(), client, f"{model}(high)")[0])
    for name, value in said.items():
        given = body[name]
        assert given == value or value.items() <= given.items()
    assert body["model"] == model.partition("/")[2]


def test_a_suffix_for_gemini_is_fitted_to_the_model() -> None:
    text = CONFIG.replace("models: [g]", "models: [g, gemini-2.5-pro, gemini-3-pro]")
    for model, thinking in (
        ("gemini-2.5-pro(max)", {"thinkingBudget": 32_768}),
        ("gemini-2.5-pro(none)", {"thinkingBudget": 128}),
        ("gemini-3-pro(minimal)", {"thinkingLevel": "LOW"}),
    ):
        body = body_of(sent(make_runtime(text), "gemini", model)[0])
        assert body["generationConfig"]["thinkingConfig"] == thinking


def test_the_suffix_beats_the_body_and_a_members_own_beats_the_clients() -> None:
    text = CONFIG + "      fixed: [chat/m(low)]\n"
    runtime = make_runtime(text)
    for model, effort in (("chat/m(high)", "high"), ("fixed(high)", "low"), ("fixed", "low")):
        body = body_of(sent(runtime, "openai-chat", model, reasoning_effort="medium")[0])
        assert body["reasoning_effort"] == effort


@pytest.mark.parametrize("format", FORMATS)
def test_a_wrong_suffix_is_400_in_the_clients_format(format: str) -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, format, "chat/m(hihg)")
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    _type, message = error_of(attempt.answer, format, 400)
    assert "(hihg)" in message and "model(high)" in message
    assert attempt.request is None


def test_a_models_generation_is_known_by_the_providers_name_for_it() -> None:
    text = CONFIG.replace("models: [c]", "models: [{name: claude-opus-4-7, alias: c}]")
    body = body_of(sent(make_runtime(text), "openai-chat", "c", reasoning_effort="high")[0])
    assert body["thinking"]["type"] == "adaptive"
    assert body["output_config"] == {"effort": "high"}


RULES = """
    payload:
      default:
        - {models: [m], params: {top_p: 0.5}, headers: {X-A: mine, X-Old: new}}
      override:
        - models: [{name: stack, protocol: openai, from-protocol: claude}]
          params: {temperature: 0.1, max_tokens: 77}
          headers: {X-B: $X-Session}
        - {models: [{name: "*", headers: {x-tier: pro}}], params: {service_tier: priority}}
      filter:
        - {models: [m], params: [user], headers: [x-old]}
"""


def test_payload_rules_come_last() -> None:
    runtime = make_runtime(CONFIG + RULES)
    headers = {"x-session": "s-1", "x-tier": "pro"}
    request, _ = sent(runtime, "anthropic", "stack", headers, metadata={"user_id": "u"})
    body = body_of(request)
    assert (body["top_p"], body["temperature"], body["max_tokens"]) == (0.5, 0.1, 77)
    assert body["service_tier"] == "priority" and "user" not in body
    assert request.headers["x-a"] == "mine" and request.headers["x-b"] == "s-1"
    assert "x-old" not in request.headers


def test_payload_rules_leave_other_requests_alone() -> None:
    runtime = make_runtime(CONFIG + RULES)
    flow = call_flow(runtime, "anthropic")
    pipeline = Pipeline(runtime)
    pipeline.begin(flow)
    request = pipeline.attempt(flow).request
    assert request is not None
    assert request.content == flow.request.content
    assert "x-a" not in request.headers


def test_a_rule_never_changes_what_the_next_attempt_starts_from() -> None:
    text = CONFIG + RULES.replace("models: [m], params: [user]", "models: [m], params: [messages]")
    runtime = make_runtime(text)
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "stack")
    exchange = pipeline.begin(flow)
    first = pipeline.attempt(flow)
    assert first.request is not None and "messages" not in body_of(first.request)
    last = first
    while exchange.shown is not None and exchange.shown.target.model == "m":
        pipeline.fail(last)
        last = pipeline.attempt(flow)
    assert last.request is not None
    assert body_of(last.request)["messages"][0]["role"] == "user"


KEYED = CONFIG + "    clients: {api-keys: [all-1, {key: few-1, models: [stack, 'claude/*']}]}\n"


def asked(runtime: FakeRuntime, key: str, format: str, model: str):
    flow = call_flow(runtime, format, model, headers={"x-api-key": key})
    for addon in (addon_of(runtime, Access), addon_of(runtime, Intake), addon_of(runtime, Routing)):
        addon.request(flow)
    return flow


@pytest.mark.parametrize("format", FORMATS)
def test_a_key_may_ask_for_its_models_only(format: str) -> None:
    runtime = make_runtime(KEYED)
    for model in ("stack", "claude/c", "claude/c(high)"):
        assert asked(runtime, "few-1", format, model).response is None
    flow = asked(runtime, "few-1", format, "chat/m")
    _type, message = error_of(flow.response, format, 403)
    assert "may not use the model 'chat/m'" in message
    assert asked(runtime, "all-1", format, "chat/m").response is None


@pytest.mark.parametrize("path", ["/v1/models", "/v1beta/models", "/api/tags"])
def test_a_key_sees_its_models_only(path: str) -> None:
    runtime = make_runtime(KEYED)
    listed = {}
    for key in ("all-1", "few-1"):
        flow = client_flow(runtime, path, headers={"x-api-key": key})
        for addon in (
            addon_of(runtime, Access),
            addon_of(runtime, Intake),
            addon_of(runtime, Management),
        ):
            addon.request(flow)
        assert flow.response is not None
        listed[key] = flow.response.content or b""
    assert b"stack" in listed["few-1"] and b"claude/c" in listed["few-1"]
    assert b"chat/m" not in listed["few-1"] and b"chat/m" in listed["all-1"]


def test_whose_request_it_was_is_forgotten_with_it() -> None:
    runtime = make_runtime(KEYED)
    flow = asked(runtime, "few-1", "anthropic", "stack")
    assert runtime.clients.client_of(flow) == runtime.snapshot.config.clients.api_keys[1]
    addon_of(runtime, Release).response(flow)
    assert runtime.clients.client_of(flow) is None


LATER = {
    "messages": [
        {"role": "system", "content": "top"},
        {"role": "user", "content": "a"},
        {"role": "system", "content": "mid"},
    ]
}


@pytest.mark.parametrize(
    ("model", "roles"),
    [
        ("claude-fable-5-2", ["user", "system"]),
        ("claude-opus-4-8", ["user", "system"]),
        ("claude-sonnet-5", ["user"]),
        ("claude-haiku-4-5", ["user"]),
    ],
)
def test_claude_models_get_later_instructions_where_they_take_them(
    model: str, roles: list[str]
) -> None:
    runtime = make_runtime("providers: [{preset: anthropic}]\n", ANTHROPIC_API_KEY="k")
    body = body_of(sent(runtime, "openai-chat", f"anthropic/{model}", **LATER)[0])
    assert [message["role"] for message in body["messages"]] == roles
    assert body["system"] == [{"type": "text", "text": "top"}]
    assert "mid" in json.dumps(body["messages"])
    own = {"max_tokens": 9, "system": "top", "messages": LATER["messages"][1:]}
    body = body_of(sent(runtime, "anthropic", f"anthropic/{model}", **own)[0])
    assert [message["role"] for message in body["messages"]] == roles


def test_a_local_models_template_gets_one_system_message() -> None:
    runtime = make_runtime("providers: [{preset: vllm}]\n")
    body = body_of(sent(runtime, "openai-chat", "vllm/Qwen3.5-8B", **LATER)[0])
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


SEARCH = {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}


def test_a_search_is_asked_of_a_provider_that_has_one_and_told_of_one_that_has_none() -> None:
    said = {"max_tokens": 9, "messages": [{"role": "user", "content": "x"}], **SEARCH}
    request, exchange = sent(openai(), "anthropic", "openai/gpt-5", **said)
    assert body_of(request)["tools"] == [{"type": "web_search"}]
    assert (running(exchange).dropped, running(exchange).served) == ((), True)
    router = make_runtime("providers: [{preset: openrouter}]\n", OPENROUTER_API_KEY="k")
    chat = {"tools": [{"type": "web_search"}], "input": "x"}
    gemini = {"contents": [{"parts": [{"text": "x"}]}], "tools": [{"googleSearch": {}}]}
    request, exchange = sent(router, "gemini", "openrouter/m", **gemini)
    assert body_of(request)["tools"] == [{"type": "openrouter:web_search"}]
    local = make_runtime("providers: [{preset: lmstudio}]\n")
    request, exchange = sent(local, "openai-responses", "lmstudio/m", **chat)
    assert "tools" not in body_of(request)
    assert running(exchange).dropped == ("server-tools",)


def test_what_a_search_did_is_shown_as_the_client_knows_it() -> None:
    runtime = make_runtime(CONFIG)
    pipeline = Pipeline(runtime)
    said = {"max_tokens": 9, "messages": [{"role": "user", "content": "x"}], **SEARCH}
    flow = call_flow(runtime, "anthropic", "google/g", **said)
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert body_of(attempt.request)["tools"] == [{"googleSearch": {}}]
    found = {"webSearchQueries": ["tides"], "groundingChunks": [{"web": {"uri": "https://a.test"}}]}
    content = {"role": "model", "parts": [{"text": "High."}]}
    candidate = {"content": content, "finishReason": "STOP", "groundingMetadata": found}
    pipeline.answer(attempt, {"candidates": [candidate]})
    assert attempt.receiver is not None
    told = json.loads(attempt.receiver.head().content or b"{}")
    kinds = [block["type"] for block in told["content"]]
    assert kinds == ["text", "server_tool_use", "web_search_tool_result"]


SHELL = {
    "tools": [{"type": "local_shell"}],
    "input": [
        {"role": "user", "content": "x"},
        {
            "type": "local_shell_call",
            "call_id": "ls1",
            "status": "completed",
            "action": {"type": "exec", "command": ["ls"], "env": {}},
        },
        {"type": "local_shell_call_output", "id": "ls1", "output": "file.txt"},
    ],
}


def test_a_shell_of_the_client_is_called_as_the_client_declared_it() -> None:
    runtime = make_runtime(CONFIG)
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-responses", "chat/m", **SHELL)
    exchange = pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert running(exchange).dropped == ()
    assert [m["content"] for m in body_of(attempt.request)["messages"]] == ["x", None, "file.txt"]
    call = {"id": "ls1", "type": "function"}
    call["function"] = {"name": "local_shell", "arguments": '{"command":["pwd"]}'}  # type: ignore[assignment]
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    pipeline.answer(attempt, {"id": "c", "object": "chat.completion", "choices": [choice]})
    assert attempt.receiver is not None
    (item,) = json.loads(attempt.receiver.head().content or b"{}")["output"]
    assert item["type"] == "local_shell_call"
    assert item["call_id"] != "ls1"
    assert item["action"] == {"type": "exec", "command": ["pwd"], "env": {}}


def test_a_provider_that_knows_functions_alone_is_offered_functions_alone() -> None:
    runtime = make_runtime(
        """
        providers:
          - name: p
            format: anthropic
            base-url: https://p.example
            api-key: k
            profile: {typed-tools: false, server-tools: none}
        """
    )
    bash = {"type": "bash_20250124", "name": "bash"}
    said = {"max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    tools = [*SEARCH["tools"], bash]
    request, exchange = sent(runtime, "anthropic", "p/m", **said, tools=tools)
    (tool,) = body_of(request)["tools"]
    assert (tool["name"], running(exchange).dropped) == ("bash", ("server-tools",))
    assert "command" in tool["input_schema"]["properties"]
    chosen = {"type": "tool", "name": "bash"}
    request, _ = sent(runtime, "anthropic", "p/m", **said, tools=tools, tool_choice=chosen)
    assert body_of(request)["tool_choice"] == chosen
    choice = {"type": "tool", "name": "web_search"}
    request, _ = sent(runtime, "anthropic", "p/m", **said, **SEARCH, tool_choice=choice)
    assert body_of(request).keys().isdisjoint({"tools", "tool_choice"})


def test_a_search_goes_to_google_in_the_format_that_has_one() -> None:
    runtime = make_runtime("providers: [{preset: gemini}]\n", GEMINI_API_KEY="k")
    said = {"max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    request, exchange = sent(runtime, "anthropic", "gemini/gemini-3-pro", **said, **SEARCH)
    assert body_of(request)["tools"] == [{"googleSearch": {}}]
    assert (running(exchange).dropped, request.path.startswith("/v1beta/models/")) == ((), True)
    request, _ = sent(runtime, "anthropic", "gemini/gemini-3-pro", **said)
    assert request.path == "/v1beta/openai/chat/completions"


LOCAL = """
    providers:
      - name: local
        base-url: http://local.example/v1
        profile: {tool-calls-as-text: true, thinking-tag: think, thinking-opened: true}
        models: [m]
"""
LOOK = {"tools": [{"name": "look", "input_schema": {"type": "object", "properties": {}}}]}


@pytest.mark.parametrize(("more", "kinds"), [(LOOK, ["thinking", "tool_use"]),
                                             ({}, ["thinking", "text"])])  # fmt: skip
def test_calls_in_the_text_are_calls_where_tools_were_offered(more: Any, kinds: list[str]) -> None:
    runtime = make_runtime(LOCAL)
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "anthropic", "local/m", **more)
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    said = 'Hm.\n</think>\n\n<tool_call>{"name": "look", "arguments": {}}</tool_call>'
    message = {"role": "assistant", "content": said}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    pipeline.answer(attempt, {"id": "c", "object": "chat.completion", "choices": [choice]})
    assert attempt.receiver is not None
    told = json.loads(attempt.receiver.head().content or b"{}")
    assert [block["type"] for block in told["content"]] == kinds
    assert told["stop_reason"] == ("tool_use" if more else "end_turn")


def test_a_model_that_always_thinks_is_asked_for_little_and_that_is_told() -> None:
    runtime = make_runtime("providers: [{preset: anthropic, name: an, api-key: k}]")
    request, exchange = sent(runtime, "openai-chat", "an/claude-fable-5", reasoning_effort="none")
    body = body_of(request)
    assert "thinking" not in body and body["output_config"] == {"effort": "low"}
    assert "thinking" in running(exchange).dropped
