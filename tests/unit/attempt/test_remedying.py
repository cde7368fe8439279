"""A target that cannot read a conversation is asked once more, without what it refused."""

import json
from typing import Any

import pytest
from mitmproxy import http

from switchyard.exchange.exchange import Exchange
from switchyard.failover.attempt import Attempt
from switchyard.management.provider_status import provider_status
from tests.support.runtime import FORMATS
from tests.support.runtime import FakeRuntime
from tests.support.runtime import Pipeline
from tests.support.runtime import call
from tests.support.runtime import client_flow
from tests.support.runtime import error_of
from tests.support.runtime import make_runtime
from tests.support.runtime import reply

CONFIG = """
    providers:
      - name: chat
        base-url: https://chat.example/v1
        api-key-entries: [own-chat-key-1, own-chat-key-2]
        models: [m]
      - {name: claude, format: anthropic, base-url: https://claude.example, models: [c],
         api-key: own-claude-key}
      - {name: codex, format: openai-responses, base-url: https://codex.example/v1, models: [r],
         api-key: own-codex-key}
      - {name: google, format: gemini, base-url: https://google.example, models: [g],
         api-key: own-google-key}
      - {name: spare, base-url: https://spare.example/v1, models: [s], api-key: own-spare-key}
    combos:
      to-chat: [chat/m, spare/s]
      to-claude: [claude/c, spare/s]
      to-codex: [codex/r, spare/s]
      to-google: [google/g, spare/s]
    retry: {request-retry: 0}
"""
COMBO = {
    "openai-chat": "to-chat",
    "anthropic": "to-claude",
    "openai-responses": "to-codex",
    "gemini": "to-google",
}
SIGNATURE = "Invalid `signature` in `thinking` block"
ORPHAN = "No tool call found for function call output with call_id call_9."
ROLES = "roles must alternate between user and assistant"
MISSING = "The `reasoning_content` in the thinking mode must be passed back to the API."

_ARGS = {"type": "function", "function": {"name": "read", "arguments": "{}"}}
_GOOGLE = {"google": {"thought_signature": "U0lHWA=="}}
HISTORIES: dict[str, dict[str, Any]] = {
    "openai-chat": {
        "messages": [
            {"role": "user", "content": "go"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "call_9", **_ARGS, "extra_content": _GOOGLE}],
            },
            {"role": "tool", "tool_call_id": "call_9", "content": "found"},
        ]
    },
    "anthropic": {
        "messages": [
            {"role": "user", "content": "go"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "t", "signature": "U0lHWA=="},
                    {"type": "tool_use", "id": "call_9", "name": "read", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "call_9", "content": "found"}],
            },
        ]
    },
    "openai-responses": {
        "input": [
            {"role": "user", "content": "go"},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "U0lHWA=="},
            {"type": "function_call", "call_id": "call_9", "name": "read", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_9", "output": "found"},
        ]
    },
    "gemini": {
        "contents": [
            {"role": "user", "parts": [{"text": "go"}]},
            {
                "role": "model",
                "parts": [
                    {
                        "functionCall": {"id": "call_9", "name": "read", "args": {}},
                        "thoughtSignature": "U0lHWA==",
                    }
                ],
            },
            {
                "role": "user",
                "parts": [
                    {
                        "functionResponse": {
                            "id": "call_9",
                            "name": "read",
                            "response": {"r": "found"},
                        }
                    }
                ],
            },
        ]
    },
}

pytestmark = pytest.mark.usefixtures("caplog")
formats = pytest.mark.parametrize("client", FORMATS)
upstreams = pytest.mark.parametrize("upstream", FORMATS)
streamed = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])


def asked(
    client: str, model: str, *, stream: bool = False, **more: Any
) -> tuple[FakeRuntime, Pipeline, http.HTTPFlow, Exchange]:
    runtime = make_runtime(CONFIG)
    path, body = call(client, model, stream=stream)
    flow = client_flow(runtime, path, {**body, **HISTORIES[client], **more})
    pipeline = Pipeline(runtime)
    return runtime, pipeline, flow, pipeline.begin(flow)


def refusal(format: str, message: str) -> dict[str, Any]:
    match format:
        case "anthropic":
            return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
        case "gemini":
            return {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return {"error": error}


def sent(attempt: Attempt) -> tuple[str, str]:
    assert attempt.request is not None
    return attempt.request.host.partition(".")[0], (attempt.request.content or b"").decode()


@streamed
@formats
def test_a_refused_proof_is_left_out_at_the_same_target(client: str, stream: bool) -> None:
    runtime, pipeline, flow, exchange = asked(client, COMBO[client], stream=stream)
    first = pipeline.attempt(flow)
    host, body = sent(first)
    assert "U0lHWA==" in body
    pipeline.answer(first, refusal(client, SIGNATURE), 400)
    assert first.again
    second = pipeline.attempt(flow)
    other, told = sent(second)
    assert other == host
    assert "U0lHWA==" not in told
    assert "found" in told and "read" in told and "go" in told
    before, after = json.loads(body), json.loads(told)
    turns = {"messages", "input", "contents"}
    assert {k: v for k, v in before.items() if k not in turns} == {
        k: v for k, v in after.items() if k not in turns
    }
    assert exchange.attempts == 2
    assert exchange.steps()[0].endswith(" 400")
    assert exchange.shortfall.dropped == ("thinking-signature",)
    assert not runtime.state.health.last_failure(exchange.shown.chosen.key)[1]  # type: ignore


WISHES: dict[str, dict[str, Any]] = {
    "openai-chat": {"reasoning_effort": "high"},
    "anthropic": {"thinking": {"type": "enabled", "budget_tokens": 2048}, "max_tokens": 4096},
    "openai-responses": {"reasoning": {"effort": "high"}},
    "gemini": {"generationConfig": {"thinkingConfig": {"thinkingBudget": 2048}}},
}


@upstreams
@formats
def test_a_model_that_does_not_think_is_asked_without_the_wish(client: str, upstream: str) -> None:
    first_turn = {name: turns[:1] for name, turns in HISTORIES[client].items()}
    _, pipeline, flow, exchange = asked(client, COMBO[upstream], **first_turn, **WISHES[client])
    first = pipeline.attempt(flow)
    pipeline.answer(first, refusal(upstream, '"m" does not support thinking'), 400)
    second = pipeline.attempt(flow)
    assert sent(second)[0] == sent(first)[0]
    before, after = json.loads(sent(first)[1]), json.loads(sent(second)[1])
    assert before != after
    assert not after.keys() & {"reasoning_effort", "thinking", "reasoning", "include"}
    assert "thinkingConfig" not in str(after)
    assert "reasoning" in exchange.shortfall.dropped


def test_a_model_that_does_not_think_is_not_asked_to_again() -> None:
    first_turn = {"messages": HISTORIES["openai-chat"]["messages"][:1]}
    wish = {**first_turn, **WISHES["openai-chat"]}
    runtime, pipeline, flow, exchange = asked("openai-chat", COMBO["openai-chat"], **wish)
    refused = pipeline.attempt(flow)
    pipeline.answer(refused, refusal("openai-chat", '"m" does not support thinking'), 400)
    answered = pipeline.attempt(flow)
    pipeline.answer(answered, reply())
    assert answered.receiver is not None
    pipeline.over(flow, answered.receiver.head())
    path, body = call("openai-chat", COMBO["openai-chat"], stream=False)
    later = client_flow(runtime, path, {**body, **wish})
    again = pipeline.begin(later)
    first = pipeline.attempt(later)
    assert sent(first)[0] == sent(refused)[0] and "reasoning_effort" not in sent(first)[1]
    assert again.shown is not None and "reasoning" in again.shown.untranslated.dropped
    told = provider_status(
        runtime.snapshot.config, runtime.state.health, runtime.ledger.windows, runtime.accounts
    )
    targets = [one for provider in told["providers"] for one in provider["targets"]]
    known = [one["asked-without"] for one in targets if "asked-without" in one]
    assert known and all(one == ["reasoning"] for one in known)
    # Without the wish nothing is dropped.
    plain = client_flow(runtime, path, {**body, **first_turn})
    exchange = pipeline.begin(plain)
    pipeline.attempt(plain)
    assert exchange.shown is not None and exchange.shown.untranslated.dropped == ()


@streamed
@formats
def test_a_refusal_that_comes_twice_goes_to_the_next_member(client: str, stream: bool) -> None:
    _, pipeline, flow, exchange = asked(client, COMBO[client], stream=stream)
    hosts = []
    for _ in range(2):
        attempt = pipeline.attempt(flow)
        hosts.append(sent(attempt)[0])
        pipeline.answer(attempt, refusal(client, SIGNATURE), 400)
        assert attempt.again
    last = pipeline.attempt(flow)
    assert hosts[0] == hosts[1]
    assert sent(last)[0] == "spare"
    pipeline.answer(last, reply())
    assert [failure.record.cls for failure in exchange.failures] == ["history", "history"]
    assert exchange.failures[1].record.as_json()["remedy"] == "proofs"


@formats
def test_nothing_cools_down(client: str) -> None:
    runtime, pipeline, flow, _ = asked(client, COMBO[client])
    first = pipeline.attempt(flow)
    key = first.context.chosen.key  # type: ignore[attr-defined]
    pipeline.answer(first, refusal(client, SIGNATURE), 400)
    pipeline.answer(pipeline.attempt(flow), refusal(client, SIGNATURE), 400)
    assert runtime.state.health.state(key, 1e9).state == "open"


@upstreams
@formats
def test_ids_and_places_are_mended_for_every_pair_of_formats(client: str, upstream: str) -> None:
    _, pipeline, flow, _ = asked(client, COMBO[upstream])
    first = pipeline.attempt(flow)
    host, body = sent(first)
    pipeline.answer(first, refusal(upstream, ORPHAN), 400)
    other, told = sent(pipeline.attempt(flow))
    if other == "spare":
        assert "call_9" not in body  # ids that are not sent cannot be mended
        return
    assert other == host
    assert "call_9" not in told and told != body
    assert "found" in told


@upstreams
@formats
def test_an_error_event_before_output_counts_as_well(client: str, upstream: str) -> None:
    _, pipeline, flow, _ = asked(client, COMBO[upstream], stream=True)
    first = pipeline.attempt(flow)
    host, _ = sent(first)
    error = refusal(upstream, ORPHAN)
    kind = {"openai-responses": "event: error\n", "anthropic": "event: error\n"}.get(upstream, "")
    if upstream == "openai-responses":
        error = {"type": "error", **error["error"]}
    assert not pipeline.answer(first, f"{kind}data: {json.dumps(error)}\n\n".encode())
    assert first.again
    assert exchange_of(first).failures[0].record.cls == "history"
    assert sent(pipeline.attempt(flow))[0] in (host, "spare")


def exchange_of(attempt: Attempt) -> Exchange:
    return attempt.context.exchange  # type: ignore[attr-defined]


def test_where_nothing_can_be_changed_the_next_member_is_asked_at_once() -> None:
    runtime = make_runtime(CONFIG)
    path, body = call("anthropic", "to-chat")
    flow = client_flow(runtime, path, body)
    pipeline = Pipeline(runtime)
    pipeline.begin(flow)
    first = pipeline.attempt(flow)
    pipeline.answer(first, refusal("openai-chat", MISSING), 400)
    assert sent(pipeline.attempt(flow))[0] == "spare"


@formats
def test_thinking_that_must_come_back_is_stood_in_for(client: str) -> None:
    _, pipeline, flow, _ = asked(client, "to-chat")
    pipeline.answer(pipeline.attempt(flow), refusal("openai-chat", MISSING), 400)
    host, told = sent(pipeline.attempt(flow))
    assert host == "chat"
    calls = [m for m in json.loads(told)["messages"] if m.get("tool_calls")]
    assert [message["reasoning_content"] for message in calls] == [" "]


def test_a_second_kind_of_refusal_has_a_remedy_of_its_own() -> None:
    _, pipeline, flow, exchange = asked("anthropic", "to-claude")
    pipeline.answer(pipeline.attempt(flow), refusal("anthropic", SIGNATURE), 400)
    pipeline.answer(pipeline.attempt(flow), refusal("anthropic", ORPHAN), 400)
    third = pipeline.attempt(flow)
    host, told = sent(third)
    assert host == "claude"
    assert "U0lHWA==" not in told and "call_9" not in told
    pipeline.answer(third, refusal("anthropic", ORPHAN), 400)
    assert sent(pipeline.attempt(flow))[0] == "spare"
    assert exchange.steps()[:3] == [
        "claude 400",
        "claude 400 (remedy: proofs)",
        "claude 400 (remedy: proofs, calls)",
    ]


@formats
def test_another_key_of_the_target_gets_the_changed_request_too(client: str) -> None:
    _, pipeline, flow, _ = asked(client, "to-chat")
    pipeline.answer(pipeline.attempt(flow), refusal("openai-chat", MISSING), 400)
    limited = pipeline.attempt(flow)
    pipeline.answer(limited, refusal("openai-chat", "slow down"), 429)
    host, told = sent(pipeline.attempt(flow))
    assert host == "chat"
    assert '"reasoning_content":" "' in told


@formats
def test_where_all_refuse_the_last_error_is_told_with_its_400(client: str) -> None:
    _, pipeline, flow, _ = asked(client, "to-claude")
    for _ in range(2):
        attempt = pipeline.attempt(flow)
        if sent(attempt)[0] != "claude":
            break
        pipeline.answer(attempt, refusal("anthropic", SIGNATURE), 400)
    else:
        attempt = pipeline.attempt(flow)
    while attempt.request is not None:
        pipeline.answer(attempt, refusal("openai-chat", f"{ORPHAN} The last."), 400)
        attempt = pipeline.attempt(flow)
    _, message = error_of(attempt.answer, client, 400)
    assert message == f"{ORPHAN} The last."


def test_an_error_inside_a_200_is_told_as_a_wrong_request() -> None:
    runtime = make_runtime(CONFIG)
    path, body = call("anthropic", "spare/s")
    flow = client_flow(runtime, path, body)
    pipeline = Pipeline(runtime)
    pipeline.begin(flow)
    pipeline.answer(pipeline.attempt(flow), {"error": {"message": MISSING, "code": "x"}})
    last = pipeline.attempt(flow)
    assert error_of(last.answer, "anthropic", 400) == ("invalid_request_error", MISSING)


def test_a_failure_that_may_pass_is_told_before_a_history() -> None:
    _, pipeline, flow, _ = asked("anthropic", "to-claude")
    attempt = pipeline.attempt(flow)
    while sent(attempt)[0] == "claude":
        pipeline.answer(attempt, refusal("anthropic", SIGNATURE), 400)
        attempt = pipeline.attempt(flow)
    pipeline.answer(attempt, refusal("openai-chat", "slow down"), 429)
    last = pipeline.attempt(flow)
    assert last.answer is not None
    assert last.answer.status_code == 429
