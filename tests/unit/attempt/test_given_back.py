"""What reaches a provider of a history, through the addons."""

import json
from typing import Any

import pytest

from switchyard.wire.registry import FORMATS
from tests.support.runtime import FakeRuntime
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import reply
from tests.support.runtime import running

CONFIG = """
    providers:
      - {name: cx, format: anthropic, base-url: https://cx.example, api-key: k}
      - {name: glm, format: anthropic, base-url: https://glm.example, api-key: k}
      - {name: ant, preset: anthropic, api-key: k}
      - {name: oc, base-url: https://oc.example/v1, api-key: k}
      - {name: dsk, preset: deepseek, api-key: k}
      - {name: kimi, preset: moonshot, api-key: k}
      - {name: mini, preset: minimax, api-key: k}
      - {name: ge, format: gemini, base-url: https://ge.example, api-key: k}
      - {name: oai, format: openai-responses, base-url: https://oai.example, api-key: [k1, k2]}
    combos:
      mix: [cx/c, glm/g]
      real: [ant/claude-x, glm/g]
""".replace("api-key: [k1, k2]", "api-key-entries: [k1, k2]")
ENVELOPE = (
    "c3dpdGNoeWFyZDoxeJyrVirOTM9LLVKyUkpPzc3My1TSAYsklpQWpQIFgz3dI4BCyYk5OUAeiIo3VKoFAO9cEW0="
)
"""What the router gave an Anthropic client for Google's signature SIGX of the call `call_1`."""
TOOL = {"name": "read", "input_schema": {"type": "object", "properties": {}}}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "r"}]}
USE = {"type": "tool_use", "id": "t1", "name": "read", "input": {}}
SIGNED = {"type": "thinking", "thinking": "t", "signature": "GLMSIG"}


@pytest.fixture
def runtime() -> FakeRuntime:
    return make_runtime(CONFIG)


def asked(
    runtime: FakeRuntime, format: str, model: str, **more: Any
) -> tuple[Any, tuple[str, ...]]:
    """The body of the first attempt, and what of the request is told as left out."""
    pipeline = Pipeline(runtime)
    exchange = pipeline.begin(call_flow(runtime, format, model, **more))
    attempt = pipeline.attempt(exchange.call.flow)
    assert attempt.request is not None, attempt.answer
    return json.loads(attempt.request.content or b""), running(exchange).dropped


def answered(runtime: FakeRuntime, format: str, model: str, answer: Any, **more: Any) -> Any:
    """What the client gets for an upstream's answer."""
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, format, model, **more)
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    told = pipeline.answer(attempt, answer)
    assert attempt.receiver and not attempt.receiver.failed
    head = attempt.receiver.head()
    pipeline.over(flow, head)
    return json.loads(head.content) if head.content else told


def message(*content: Any) -> dict[str, Any]:
    usage = {"input_tokens": 1, "output_tokens": 1}
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "g", "usage": usage,
            "content": list(content), "stop_reason": "tool_use", "stop_sequence": None}  # fmt: skip


def stream_of(*content: Any) -> bytes:
    """The same as a stream, thinking and calls in one piece each."""
    events: list[Any] = [{"type": "message_start", "message": message() | {"stop_reason": None}}]
    for index, block in enumerate(content):
        deltas: list[Any] = [{"type": "input_json_delta", "partial_json": "{}"}]
        start = {**block, "input": {}}
        if block["type"] == "thinking":
            start = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [
                {"type": "thinking_delta", "thinking": block["thinking"]},
                {"type": "signature_delta", "signature": block["signature"]},
            ]
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        for delta in deltas:
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": "tool_use", "stop_sequence": None}
    events.append({"type": "message_delta", "delta": end, "usage": {"output_tokens": 1}})
    events.append({"type": "message_stop"})
    written = (f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)
    return "".join(written).encode()


def history(*content: Any) -> list[Any]:
    return [{"role": "user", "content": "go"}, {"role": "assistant", "content": [*content]}, RESULT]


@pytest.mark.parametrize("streams", [False, True])
def test_a_signature_of_the_same_format_goes_to_its_maker_alone(
    runtime: FakeRuntime, streams: bool
) -> None:
    answer = stream_of(SIGNED, USE) if streams else message(SIGNED, USE)
    answered(runtime, "anthropic", "glm/g", answer, stream=streams)
    messages = history(SIGNED, USE)
    body, dropped = asked(runtime, "anthropic", "cx/c", messages=messages, tools=[TOOL])
    assert body["messages"][1]["content"] == [USE]
    assert "thinking-signature" in dropped
    body, dropped = asked(runtime, "anthropic", "glm/g", messages=messages, tools=[TOOL])
    assert body["messages"] == messages
    assert dropped == ()


def test_what_nobody_knows_goes_out_as_it_is(runtime: FakeRuntime) -> None:
    messages = history(SIGNED, USE)
    body, _ = asked(runtime, "anthropic", "mix", messages=messages, tools=[TOOL])
    assert body["messages"] == messages


@pytest.mark.parametrize(
    "signature", ["", "0" * 64, "gAAAAABo", "6b1f0a52-0000-4000-8000-00000000000a"]
)
def test_what_only_others_make_is_recognised(runtime: FakeRuntime, signature: str) -> None:
    messages = history({**SIGNED, "signature": signature}, USE)
    body, _ = asked(runtime, "anthropic", "real", messages=messages, tools=[TOOL])
    assert body["messages"][1]["content"] == [USE]
    alone, _ = asked(runtime, "anthropic", "ant/claude-x", messages=messages, tools=[TOOL])
    assert alone["messages"] == messages


def test_an_id_of_another_provider_fits(runtime: FakeRuntime) -> None:
    use, result = {**USE, "id": "functions.read:0"}, {**RESULT["content"][0]}
    result["tool_use_id"] = "functions.read:0"
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result]},
    ]
    body, _ = asked(runtime, "anthropic", "ant/w3", messages=messages, tools=[TOOL])
    given = body["messages"][1]["content"][0]["id"]
    assert given.replace("_", "").replace("-", "").isalnum()
    assert body["messages"][2]["content"][0]["tool_use_id"] == given


def test_googles_signature_comes_back_to_a_chat_provider(runtime: FakeRuntime) -> None:
    proof = {"type": "redacted_thinking", "data": ENVELOPE}
    use = {**USE, "id": "call_1"}
    messages = history(proof, use)
    messages[2] = {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "r"}],
    }
    body, dropped = asked(runtime, "anthropic", "oc/w1", messages=messages, tools=[TOOL])
    (call,) = body["messages"][1]["tool_calls"]
    assert call["extra_content"] == {"google": {"thought_signature": "SIGX"}}
    assert "thinking-signature" not in dropped


@pytest.mark.parametrize("model", ["dsk/w2", "kimi/w2"])
def test_thinking_that_is_demanded_is_stood_in_for(runtime: FakeRuntime, model: str) -> None:
    items = [
        {"role": "user", "content": "go"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"},
        {"type": "function_call", "call_id": "c1", "name": "read", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "r"},
    ]
    body, _ = asked(runtime, "openai-responses", model, input=items)
    if "messages" in body:
        assert body["messages"][1]["reasoning_content"] == " "
    said = {"role": "assistant", "content": [USE]}
    body, _ = asked(runtime, "anthropic", model, messages=[said, RESULT], tools=[TOOL])
    assert body["messages"][0]["content"][0] == {
        "type": "thinking",
        "thinking": " ",
        "signature": "",
    }


def test_thinking_that_a_client_drops_is_remembered(runtime: FakeRuntime) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "read", "arguments": '{"p": 1}'}}
    told = {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "hm"}
    choice = {"index": 0, "message": told, "finish_reason": "tool_calls"}
    answered(runtime, "openai-chat", "dsk/w2", reply(choices=[choice]))
    kept = {"role": "assistant", "content": None, "tool_calls": [call]}
    messages = [
        {"role": "user", "content": "hi"},
        kept,
        {"role": "tool", "tool_call_id": "c1", "content": "r"},
    ]
    body, _ = asked(runtime, "openai-chat", "dsk/w2", messages=messages)
    assert body["messages"][1]["reasoning_content"] == "hm"
    other, _ = asked(runtime, "openai-chat", "oc/w2", messages=messages)
    assert other["messages"][1] == kept


@pytest.mark.parametrize("streams", [False, True])
def test_tagged_thinking_goes_back_into_its_tags(runtime: FakeRuntime, streams: bool) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "read", "arguments": "{}"}}
    told = {
        "role": "assistant",
        "content": "<think>hm</think>\n\nLet me see.",
        "tool_calls": [call],
    }
    choice: Any = {"index": 0, "message": told, "finish_reason": "tool_calls"}
    answer: Any = reply(choices=[choice])
    if streams:
        delta = {**told, "tool_calls": [{"index": 0, **call}]}
        chunks = [{"index": 0, "delta": delta}, {**choice, "delta": {}}]
        answer = b"".join(
            b"data: %b\n\n" % json.dumps(reply(choices=[chunk])).encode() for chunk in chunks
        )
    answered(runtime, "openai-chat", "mini/w2", answer, stream=streams)
    kept = {"role": "assistant", "content": "Let me see.", "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "c1", "content": "r"}
    messages = [{"role": "user", "content": "hi"}, kept, result]
    body, _ = asked(runtime, "openai-chat", "mini/w2", messages=messages)
    assert body["messages"][1]["content"] == "<think>\nhm\n</think>\n\nLet me see."


@pytest.mark.parametrize("late", [False, True])
def test_googles_signatures_through_a_stream(runtime: FakeRuntime, late: bool) -> None:
    """On a call, after its arguments, and on a message that makes none."""
    signed = {"extra_content": {"google": {"thought_signature": "SIGC"}}}
    call = {"index": 0, "id": "c1", "type": "function",
            "function": {"name": "read", "arguments": "{}"}}  # fmt: skip
    deltas: list[Any] = [{"tool_calls": [call | ({} if late else signed)]}]
    deltas += [{"tool_calls": [{"index": 0} | signed]}] if late else []
    chunks = [{"index": 0, "delta": delta} for delta in deltas]
    chunks.append({"index": 0, "delta": {}, "finish_reason": "tool_calls"})  # type: ignore
    answer = b"".join(
        b"data: %b\n\n" % json.dumps(reply(choices=[chunk])).encode() for chunk in chunks
    )
    told = answered(runtime, "anthropic", "oc/w", answer)
    use = next(block for block in told["content"] if block["type"] == "tool_use")
    messages = history(*told["content"])
    messages[2] = {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": use["id"], "content": "r"}],
    }
    body, _ = asked(runtime, "anthropic", "oc/w", messages=messages, tools=[TOOL])
    assert body["messages"][1]["tool_calls"][0]["extra_content"] == signed["extra_content"]


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("format", ["anthropic", "openai-responses"])
def test_googles_signature_of_a_message(runtime: FakeRuntime, format: str, streams: bool) -> None:
    signed = {"extra_content": {"google": {"thought_signature": "SIGM"}}}
    told = {"role": "assistant", "content": "hello", **signed}
    choice: Any = {"index": 0, "message": told, "finish_reason": "stop"}
    answer: Any = reply(choices=[choice])
    if streams:
        chunks = [{"index": 0, "delta": told}, {"index": 0, "delta": {}, "finish_reason": "stop"}]
        answer = b"".join(
            b"data: %b\n\n" % json.dumps(reply(choices=[chunk])).encode() for chunk in chunks
        )
    got = answered(runtime, format, "oc/w", answer)
    if format == "anthropic":
        said = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": got["content"]}]
        more = {"messages": [*said, {"role": "user", "content": "go on"}]}
    else:
        more = {"input": [{"role": "user", "content": "hi"}, *got["output"],
                          {"role": "user", "content": "go on"}]}  # fmt: skip
    body, _ = asked(runtime, format, "oc/w", **more)
    assert body["messages"][1] == {"role": "assistant", "content": "hello", **signed}


def test_a_call_of_another_model_is_marked_for_gemini_3(runtime: FakeRuntime) -> None:
    contents = [
        {"role": "user", "parts": [{"text": "a"}]},
        {"role": "model", "parts": [{"functionCall": {"id": "c1", "name": "read", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"id": "c1", "name": "read"}}]},
    ]

    def signature(model: str) -> Any:
        path = f"/v1beta/models/ge%2F{model}:generateContent"
        pipeline = Pipeline(runtime)
        flow = client_flow(runtime, path, {"contents": contents})
        pipeline.begin(flow)
        request = pipeline.attempt(flow).request
        assert request is not None
        return json.loads(request.content or b"")["contents"][1]["parts"][0].get("thoughtSignature")

    assert signature("gemini-3-pro-preview") == "skip_thought_signature_validator"
    assert signature("gemini-2.5-pro") is None


def test_encrypted_reasoning_and_ids_of_another_maker(runtime: FakeRuntime) -> None:
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA1"}
    call = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "read",
            "arguments": "{}", "status": "completed"}  # fmt: skip
    usage = {"input_tokens": 1, "output_tokens": 1}
    answer = {"id": "resp_1", "object": "response", "status": "completed", "model": "a",
              "output": [reasoning, call], "usage": usage}  # fmt: skip
    answered(runtime, "openai-responses", "oai/a", answer)
    output = {"type": "function_call_output", "call_id": "c1", "output": "r"}
    items = [{"role": "user", "content": "hi"}, reasoning, call, output]
    body, _ = asked(runtime, "openai-responses", "oai/b", input=items)
    assert body["input"] == [items[0], {k: v for k, v in call.items() if k != "id"}, output]
    body, _ = asked(runtime, "openai-responses", "oai/a", input=items)
    assert body["input"] == items


def test_a_refused_proof_is_not_tried_again(runtime: FakeRuntime) -> None:
    """A provider refuses what nobody knew; the next turn does not begin with that."""
    error = {"type": "invalid_request_error", "message": "Invalid `signature` in `thinking` block"}
    messages = history(SIGNED, USE)
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "anthropic", "cx/c", messages=messages, tools=[TOOL])
    pipeline.begin(flow)
    first = pipeline.attempt(flow)
    pipeline.answer(first, {"type": "error", "error": error}, 400)
    second = pipeline.attempt(flow)
    assert second.request is not None
    body = json.loads(second.request.content or b"")
    assert body["messages"][1]["content"] == [USE]
    body, _ = asked(runtime, "anthropic", "cx/c", messages=messages, tools=[TOOL])
    assert body["messages"][1]["content"] == [USE]
    body, _ = asked(runtime, "anthropic", "glm/g", messages=messages, tools=[TOOL])
    assert body["messages"] == messages


def test_clients_without_proofs_pay_nothing(
    runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(runtime, "anthropic", "glm/g", message(SIGNED, USE))

    def looked(body: Any, keeps: Any) -> Any:
        raise AssertionError("the body was looked through")

    monkeypatch.setattr(FORMATS["anthropic"], "with_proofs", looked, raising=False)
    plain = [{"role": "user", "content": "go"}]
    asked(runtime, "anthropic", "cx/c", messages=plain)
    asked(runtime, "anthropic", "glm/g", messages=history(SIGNED, USE), tools=[TOOL])
