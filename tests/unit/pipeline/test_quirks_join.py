"""What profiles say that models take and refuse, through the addons."""

import json

import pytest

from switchyard.attempt.headers import route_headers
from switchyard.wire.translate.limits import StopLimits
from tests.support.runtime import FORMATS
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import running
from tests.unit.pipeline.first_attempts import OPENAI
from tests.unit.pipeline.first_attempts import body_of
from tests.unit.pipeline.first_attempts import openai
from tests.unit.pipeline.first_attempts import sent

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


def test_a_model_that_always_thinks_is_asked_for_little_and_that_is_told() -> None:
    runtime = make_runtime("providers: [{preset: anthropic, name: an, api-key: k}]")
    request, exchange = sent(runtime, "openai-chat", "an/claude-fable-5", reasoning_effort="none")
    body = body_of(request)
    assert "thinking" not in body and body["output_config"] == {"effort": "low"}
    assert "thinking" in running(exchange).dropped
