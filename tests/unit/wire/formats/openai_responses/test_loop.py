"""Whole tool loops of a Responses client at other providers: what a provider signed comes back to
it, and the tools keep the form in which the client declared them."""

import json
from dataclasses import replace

import pytest

from switchyard.wire.formats.openai_responses.history import expand
from switchyard.wire.formats.openai_responses.history import input_items
from switchyard.wire.model.fold import unfold
from switchyard.wire.registry import FORMATS
from tests.unit.wire.formats.openai_responses.request_support import CODE_MODE
from tests.unit.wire.formats.openai_responses.request_support import SCHEMA
from tests.unit.wire.laws import ASKED
from tests.unit.wire.laws import frames
from tests.unit.wire.laws import write_stream

CLIENT = FORMATS["openai-responses"]

REQUEST = {
    "model": "m",
    "input": "weather in Bonn?",
    "reasoning": {"effort": "high"},
    "include": ["reasoning.encrypted_content"],
    "tools": [{"type": "function", "name": "weather", "parameters": SCHEMA}],
}

ANTHROPIC = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-test",
    "content": [
        {"type": "thinking", "thinking": "I have to look", "signature": "c2lnbmVk"},
        {"type": "redacted_thinking", "data": "aGlkZGVu"},
        {"type": "text", "text": "Let me look."},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Bonn"}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 10, "output_tokens": 5},
}

GEMINI = {
    "candidates": [
        {
            "content": {
                "role": "model",
                "parts": [
                    {"text": "I have to look", "thought": True},
                    {
                        "functionCall": {"name": "weather", "args": {"city": "Bonn"}},
                        "thoughtSignature": "c2lnbmVk",
                    },
                ],
            },
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
}

CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "deepseek-test",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Let me look.",
                "reasoning_content": "I have to look",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city": "Bonn"}'},
                    }
                ],
            },
            "finish_reason": "tool_calls",
        }
    ],
}


def answered(provider, answer, request, streamed):
    """The output items that a client gets for a provider's answer."""
    asked = replace(ASKED, conversation=CLIENT.read_request(request))
    reply = FORMATS[provider].read_reply(answer)
    if not streamed:
        return CLIENT.write_reply(reply, asked)["output"]
    data = write_stream(CLIENT, unfold(reply), asked)
    events = [json.loads(frame.data) for frame in frames(CLIENT, data)]
    return [e["item"] for e in events if e["type"] == "response.output_item.done"]


def next_request(request, items):
    """The client's next request: with the results of all its calls."""
    outputs = [
        {"type": f"{item['type']}_output", "call_id": item["call_id"], "output": "sunny"}
        for item in items
        if "call_id" in item
    ]
    assert outputs
    # Clients that store nothing at the provider send items back without ids.
    items = [{k: v for k, v in item.items() if k != "id"} for item in items]
    return {**request, "input": [*input_items(request), *items, *outputs]}


@pytest.mark.parametrize("streamed", [False, True])
def test_signed_thinking_comes_back_to_anthropic(streamed):
    items = answered("anthropic", ANTHROPIC, REQUEST, streamed)
    assert [i["type"] for i in items] == ["reasoning", "reasoning", "message", "function_call"]
    again = CLIENT.read_request(next_request(REQUEST, items))
    written = FORMATS["anthropic"].write_request(again)
    [turn] = [m for m in written["messages"] if m["role"] == "assistant"]
    assert turn["content"] == ANTHROPIC["content"]


@pytest.mark.parametrize("streamed", [False, True])
def test_the_signature_of_a_call_comes_back_to_gemini(streamed):
    items = answered("gemini", GEMINI, REQUEST, streamed)
    again = CLIENT.read_request(next_request(REQUEST, items))
    written = FORMATS["gemini"].write_request(again)
    [turn] = [c for c in written["contents"] if c["role"] == "model"]
    calls = [part for part in turn["parts"] if "functionCall" in part]
    assert [call["thoughtSignature"] for call in calls] == ["c2lnbmVk"]


@pytest.mark.parametrize("streamed", [False, True])
def test_thinking_without_signature_comes_back_as_words(streamed):
    items = answered("openai-chat", CHAT, REQUEST, streamed)
    again = CLIENT.read_request(next_request(REQUEST, items))
    written = FORMATS["openai-chat"].write_request(again)
    [turn] = [m for m in written["messages"] if m["role"] == "assistant"]
    assert turn["reasoning_content"] == "I have to look"
    assert turn["content"] == "Let me look."


def test_what_another_provider_signed_never_reaches_this_format():
    items = answered("anthropic", ANTHROPIC, REQUEST, streamed=False)
    again = CLIENT.read_request(next_request(REQUEST, items))
    types = [item.get("type") for item in CLIENT.write_request(again)["input"]]
    assert types == ["message", "message", "function_call", "function_call_output"]


@pytest.mark.parametrize("provider", ["openai-chat", "anthropic", "gemini"])
def test_code_mode_runs_its_custom_tool(provider):
    """Tools carried in the input, a custom tool in a namespace: the provider sees a function, the
    client its own tool, and the provider its function again."""
    sent = FORMATS[provider].write_request(CLIENT.read_request(CODE_MODE))
    assert '"exec"' in json.dumps(sent)
    answer = json.loads(
        json.dumps({"openai-chat": CHAT, "anthropic": ANTHROPIC, "gemini": GEMINI}[provider])
        .replace("weather", "exec")
        .replace('{\\"city\\": \\"Bonn\\"}', '{\\"input\\": \\"text(1)\\"}')
        .replace('{"city": "Bonn"}', '{"input": "text(1)"}')
    )
    items = answered(provider, answer, CODE_MODE, streamed=True)
    [call] = [item for item in items if item["type"] == "custom_tool_call"]
    assert (call["name"], call["namespace"], call["input"]) == ("exec", "functions", "text(1)")
    again = FORMATS[provider].write_request(CLIENT.read_request(next_request(CODE_MODE, items)))
    assert "text(1)" in json.dumps(again)
    assert "sunny" in json.dumps(again)


def test_a_conversation_kept_here_goes_on_at_any_provider():
    items = answered("anthropic", ANTHROPIC, REQUEST, streamed=False)
    history = [*input_items(REQUEST), *items]
    result = {"type": "function_call_output", "call_id": "toolu_1", "output": "sunny"}
    body = {"model": "m", "previous_response_id": "msg_1", "input": [result]}
    c = CLIENT.read_request(expand(body, history))
    assert [turn.role for turn in c.turns] == ["user", "assistant", "user"]
    assert "previous_response_id" not in c.extra
