import json
import re
from typing import Any

import pytest

from switchyard.failover.attempt import AttemptFailure
from switchyard.pipeline.translation import choose_format
from switchyard.wire.registry import FORMATS
from tests.support.runtime import FORMATS as NAMES
from tests.support.runtime import HOME
from tests.support.runtime import Pipeline
from tests.support.runtime import call
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import error_of
from tests.support.runtime import make_runtime
from tests.support.runtime import running

WORD = {
    "openai-chat": "invalid_request_error",
    "anthropic": "invalid_request_error",
    "openai-responses": "invalid_request_error",
    "gemini": "INVALID_ARGUMENT",
}
BROKEN = {
    "openai-chat": {"messages": "no list"},
    "anthropic": {"messages": "no list"},
    "openai-responses": {"input": 7},
    "gemini": {"contents": 7},
}


@pytest.mark.parametrize(
    ("client", "offered", "chosen"),
    [
        ("anthropic", ("openai-chat", "anthropic"), "anthropic"),
        ("anthropic", ("openai-chat", "gemini"), "openai-chat"),
        ("gemini", ("anthropic",), "anthropic"),
    ],
)
def test_the_format_of_an_attempt(client: str, offered: tuple[str, ...], chosen: str) -> None:
    assert choose_format(FORMATS[client], offered).name == chosen


@pytest.mark.parametrize("upstream", NAMES)
@pytest.mark.parametrize("client", NAMES)
def test_every_format_reaches_every_other(client: str, upstream: str) -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, client, HOME[upstream])
    exchange = pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert running(exchange).passes_through is (client == upstream)
    assert attempt.request is not None
    body = json.loads(attempt.request.content or b"")
    read = FORMATS[upstream].read_request({"model": "x", **body})
    assert [turn.role for turn in read.turns] == ["user"]
    assert read.turns[0].parts[0].text == "hi"  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("client", NAMES)
def test_a_request_that_cannot_be_read_is_refused_and_not_sent(client: str) -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    upstream = HOME["anthropic" if client != "anthropic" else "openai-chat"]
    path, body = call(client, upstream)
    flow = client_flow(runtime, path, {**body, **BROKEN[client]})
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.request is None
    assert attempt.receiver is None
    assert error_of(attempt.answer, client, 400)[0] == WORD[client]


def test_the_offending_field_is_named() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "c", messages="none")
    pipeline.begin(flow)
    answer = pipeline.attempt(flow).answer
    assert answer is not None
    assert json.loads(answer.content or b"")["error"]["param"] == "messages"


def test_each_attempt_starts_from_the_original() -> None:
    runtime = make_runtime("""
        providers:
          - {name: a, format: anthropic, base-url: "https://a.example", models: [x]}
          - {name: b, base-url: "https://b.example/v1", models: [y]}
        combos: {s: [a/x, b/y]}
    """)
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "s", seed=7, logit_bias={"1": 2})
    exchange = pipeline.begin(flow)
    first = pipeline.attempt(flow)
    assert "seed" in running(exchange).dropped
    assert first.request is not None
    assert "seed" not in json.loads(first.request.content or b"")
    pipeline.answer(first, {"error": {"message": "busy"}}, 529)
    second = pipeline.attempt(flow)
    assert running(exchange).dropped == ()
    assert second.request is not None
    assert json.loads(second.request.content or b"") == {**exchange.call.parsed, "model": "y"}


def test_an_earlier_response_cannot_be_continued_at_another_format() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-responses", "c", previous_response_id="resp_1")
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.request is None
    _, message = error_of(attempt.answer, "openai-responses", 400)
    assert "provider 'claude'" in message
    assert attempt.answer is not None
    error = json.loads(attempt.answer.content or b"")["error"]
    assert error["code"] == "previous_response_not_found"
    assert error["param"] == "previous_response_id"


def test_an_earlier_response_goes_to_its_own_format_as_it_is() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-responses", "r", previous_response_id="resp_1")
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.request is not None
    assert json.loads(attempt.request.content or b"")["previous_response_id"] == "resp_1"


@pytest.mark.parametrize("name", ["cachedContent", "cached_content"])
def test_a_prompt_kept_at_gemini_goes_to_none_that_cannot_read_it(name: str) -> None:
    configuration = """
        providers:
          - {name: a, format: anthropic, base-url: "https://a.example", models: [x]}
          - {name: g, format: gemini, base-url: "https://g.example", models: [y]}
        combos: {s: [a/x, g/y]}
    """
    runtime = make_runtime(configuration)
    pipeline = Pipeline(runtime)
    kept: dict[str, Any] = {name: "cachedContents/1"}
    flow = call_flow(runtime, "gemini", "s", **kept)
    exchange = pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.request is not None
    assert attempt.request.host == "g.example"
    assert json.loads(attempt.request.content or b"")[name] == "cachedContents/1"
    assert running(exchange).dropped == ()
    flow = call_flow(runtime, "gemini", "x", **kept)
    with pytest.raises(AssertionError):
        pipeline.begin(flow)
    _, message = error_of(flow.response, "gemini", 400)
    assert "'cachedContent'" in message
    runtime = make_runtime(configuration)
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "gemini", "s")
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.request is not None
    assert attempt.request.host == "a.example"
    # Nor once the route of the whole combo is known.
    flow = call_flow(runtime, "gemini", "s", **kept)
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.request is not None
    assert attempt.request.host == "g.example"


def test_repeated_ids_of_calls_are_told_apart_at_another_format() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    call = {"id": "call_0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    result = {"role": "tool", "tool_call_id": "call_0", "content": "ok"}
    answer = {"role": "assistant", "content": None, "tool_calls": [call]}
    messages = [{"role": "user", "content": "hi"}, answer, result, answer, result]
    flow = call_flow(runtime, "openai-chat", HOME["openai-responses"], messages=messages)
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.request is not None
    items = json.loads(attempt.request.content or b"")["input"]
    ids = [item["call_id"] for item in items if "call_id" in item]
    assert ids == ["call_0", "call_0", "call_0x2", "call_0x2"]


def test_calls_of_one_answer_that_share_an_id_are_told_apart() -> None:
    pipeline = Pipeline(make_runtime())
    tool = {"name": "f", "input_schema": {"type": "object"}}
    flow = call_flow(pipeline.runtime, "anthropic", HOME["openai-chat"], tools=[tool], stream=True)
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    call = {"id": "call_0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    calls = [{**call, "index": number} for number in range(2)]
    choice = {"index": 0, "delta": {"tool_calls": calls}, "finish_reason": "tool_calls"}
    told = pipeline.answer(attempt, b"data: %b\n\n" % json.dumps({"choices": [choice]}).encode())
    assert re.findall(rb'"tool_use","id":"(\w+)"', told) == [b"call_0", b"call_0x2"]


@pytest.mark.parametrize("client", NAMES)
def test_an_effort_that_is_none_is_refused(client: str) -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, client, "chat/m(very much)")
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.request is None
    assert error_of(attempt.answer, client, 400)[0] == WORD[client]


def test_an_effort_by_name_reaches_both_its_own_and_another_format() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    for client in ("openai-chat", "anthropic"):
        flow = call_flow(runtime, client, "chat/m(high)")
        pipeline.begin(flow)
        attempt = pipeline.attempt(flow)
        assert attempt.request is not None
        body = json.loads(attempt.request.content or b"")
        assert (body["model"], body["reasoning_effort"]) == ("m", "high")
        pipeline.over(flow)


def test_a_stream_that_broke_off_is_gone_on_with() -> None:
    runtime = make_runtime("""
        providers:
          - {name: a, base-url: "https://a.example/v1", models: [x]}
          - {name: b, format: anthropic, base-url: "https://b.example", models: [y]}
        combos: {s: {members: [a/x, b/y], continue-streams: true}}
    """)
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "s", stream=True)
    pipeline.begin(flow)
    first = pipeline.attempt(flow)
    said = {"index": 0, "delta": {"role": "assistant", "content": "Once upon a"}}
    told = pipeline.answer(first, b"data: " + json.dumps({"choices": [said]}).encode() + b"\n\n")
    assert b"Once upon a" in told
    assert b"error" not in told
    pipeline.fail(first, AttemptFailure("reset", "the connection broke"))
    second = pipeline.attempt(flow)
    assert second.request is not None
    turns = json.loads(second.request.content or b"")["messages"]
    assert [turn["role"] for turn in turns][:2] == ["user", "assistant"]
    assert "Once upon a" in json.dumps(turns[1])


LINE = {
    "type": "text",
    "text": "x-anthropic-billing-header: cc_version=2.1; cc_entrypoint=cli; cch=a1b2c;",
}
PROMPT = {"type": "text", "text": "You are Claude Code."}
FOREIGN = """
    providers:
      - {name: chat, base-url: "https://chat.example/v1", api-key: k-1, models: [m]}
      - {name: glm, format: anthropic, base-url: "https://glm.example", api-key: k-2, models: [g]}
      - {name: claude, format: anthropic, base-url: "https://api.anthropic.com", api-key: k-3,
         models: [c]}
      - {name: resp, format: openai-responses, base-url: "https://r.example/v1", api-key: k-4,
         models: [r]}
      - {name: gem, format: gemini, base-url: "https://g.example", api-key: k-5, models: [e]}
      - {name: oll, format: ollama, base-url: "http://o.example", models: [o]}
"""


@pytest.mark.parametrize("model", ["m", "g", "r", "e", "o"])
def test_the_line_for_anthropics_billing_goes_to_nobody_else(model: str) -> None:
    pipeline = Pipeline(make_runtime(FOREIGN))
    flow = call_flow(pipeline.runtime, "anthropic", model, system=[LINE, PROMPT])
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.request is not None and attempt.request.content is not None
    assert b"billing-header" not in attempt.request.content
    assert b"You are Claude Code." in attempt.request.content
    exchange = pipeline.runtime.exchanges.get(flow)
    assert exchange is not None and not running(exchange).shortfall.dropped


def test_anthropic_gets_the_line_as_it_was() -> None:
    pipeline = Pipeline(make_runtime(FOREIGN))
    flow = call_flow(pipeline.runtime, "anthropic", "c", system=[LINE, PROMPT])
    sent = flow.request.content
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.request is not None and attempt.request.content == sent
