"""GitHub Copilot's thinking: words and proof come back to it from clients of every format.

The shapes are those that opencode's provider reads and writes
(packages/opencode/src/provider/sdk/copilot/chat).
"""

import json
from typing import Any

import pytest

from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from tests.unit.wire import anthropic_sdk as sdk
from tests.unit.wire import laws
from tests.unit.wire.crossing import sent
from tests.unit.wire.formats.openai_chat.request_support import CHAT
from tests.unit.wire.laws import ASKED

type Json = dict[str, Any]

CLIENTS = ["openai-chat", "openai-responses", "anthropic", "gemini"]

ARGUMENTS = '{"path":"a"}'
FUNCTION = {"name": "read", "arguments": ARGUMENTS}
CALL: Json = {"index": 0, "id": "call_1", "type": "function", "function": FUNCTION}
SECOND: Json = {**CALL, "index": 1, "id": "call_2"}
OPAQUE = "b3BhcXVlIHByb29mIG9mIHRoaW5raW5n"


def stream(*deltas: Json, end: str = "tool_calls") -> bytes:
    """The stream that has these deltas."""
    choices = [{"index": 0, "delta": delta} for delta in deltas]
    choices.append({"index": 0, "delta": {"content": None}, "finish_reason": end})
    top = {"id": "c1", "created": 1, "model": "gemini-3-pro", "object": "chat.completion.chunk"}
    chunks = (json.dumps({**top, "choices": [choice]}) for choice in choices)
    return "".join(f"data: {chunk}\n\n" for chunk in chunks).encode() + b"data: [DONE]\n\n"


THINKING = [{"role": "assistant", "reasoning_text": "Let me "}, {"reasoning_text": "look."}]
STREAMS = {
    "with-the-call": stream(
        *THINKING, {"content": None, "reasoning_opaque": OPAQUE, "tool_calls": [CALL]}
    ),
    "alone": stream(*THINKING, {"reasoning_opaque": OPAQUE}, {"tool_calls": [CALL]}),
    "in-pieces": stream(
        *THINKING,
        {"reasoning_opaque": OPAQUE[:9]},
        {"reasoning_opaque": OPAQUE[9:], "tool_calls": [CALL]},
    ),
    "before-words": stream(
        *THINKING, {"content": "So: ", "reasoning_opaque": OPAQUE}, {"tool_calls": [CALL]}
    ),
}


def body(data: bytes) -> Json:
    """The whole answer that a Chat stream adds up to."""
    message: Json = {"role": "assistant", "content": None}
    calls: dict[int, Json] = {}
    for line in data.splitlines():
        if not line.startswith(b"data: {"):
            continue
        delta = json.loads(line[6:])["choices"][0]["delta"]
        for name in ("reasoning_text", "reasoning_opaque", "content"):
            if delta.get(name):
                message[name] = (message.get(name) or "") + delta[name]
        for call in delta.get("tool_calls", ()):
            if "id" in call:
                calls[call["index"]] = call
            else:
                calls[call["index"]]["function"]["arguments"] += call["function"]["arguments"]
    message["tool_calls"] = [{k: v for k, v in c.items() if k != "index"} for c in calls.values()]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    top = {"id": "c1", "created": 1, "model": "gemini-3-pro", "object": "chat.completion"}
    return {**top, "choices": [choice]}


def told(client: str, data: bytes, streams: bool) -> Json:
    """The whole answer that a client of a format has in the end."""
    relay = Relay(CHAT, FORMATS[client], streams, ASKED)
    relay.start(200)
    out = relay.feed(data) + relay.end()
    assert relay.committed and not relay.failed
    if not streams:
        return json.loads(relay.body or b"")
    events = [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: {")]
    match client:
        case "openai-chat":
            return body(out)
        case "openai-responses":
            return events[-1]["response"]
        case "anthropic":
            return sdk.checked(sdk.streamed(out))
    parts = [part for e in events for part in e["candidates"][0].get("content", {})["parts"]]
    return {"candidates": [{"content": {"parts": parts}}]}


def given_back(client: str, answer: Json, *results: str) -> Json:
    """The next request of a client, whose history has the answer and results of its calls."""
    match client:
        case "openai-chat":
            said = [{"role": "tool", "tool_call_id": id, "content": "x"} for id in results]
            first = {"role": "user", "content": "Go"}
            return {"messages": [first, answer["choices"][0]["message"], *said]}
        case "openai-responses":
            told = [{"type": "function_call_output", "call_id": i, "output": "x"} for i in results]
            return {"input": [{"role": "user", "content": "Go"}, *answer["output"], *told]}
        case "anthropic":
            blocks = [{"type": "tool_result", "tool_use_id": i, "content": "x"} for i in results]
            return {
                "max_tokens": 99,
                "messages": [
                    {"role": "user", "content": "Go"},
                    {"role": "assistant", "content": answer["content"]},
                    {"role": "user", "content": blocks or "Go on"},
                ],
            }
    parts = answer["candidates"][0]["content"]["parts"]
    # Gemini's clients drop thoughts.
    parts = [part for part in parts if not part.get("thought")]
    named = {"name": "read", "response": {"output": "x"}}
    return {
        "contents": [
            {"role": "user", "parts": [{"text": "Go"}]},
            {"role": "model", "parts": parts},
            {"role": "user", "parts": [{"functionResponse": {**named, "id": i}} for i in results]},
        ]
    }


@pytest.mark.parametrize("streams", [True, False], ids=["to-stream", "to-json"])
@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "json"])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("shape", STREAMS)
def test_words_and_proof_come_back(shape: str, client: str, streamed: bool, streams: bool) -> None:
    data = STREAMS[shape]
    whole = body(data)
    answer = told(client, data if streamed else json.dumps(whole).encode(), streams)
    message = sent(client, "openai-chat", given_back(client, answer, "call_1"))["messages"][1]
    assert message["reasoning_text"] == "Let me look."
    assert message["reasoning_opaque"] == OPAQUE
    assert len(message["tool_calls"]) == 1
    assert not {"reasoning_content", "reasoning_details"} & message.keys()


@pytest.mark.parametrize("client", ["openai-chat", "openai-responses", "anthropic"])
def test_a_proof_split_over_calls_is_whole_again(client: str) -> None:
    data = stream(
        *THINKING,
        {"reasoning_opaque": OPAQUE[:9], "tool_calls": [CALL]},
        {"reasoning_opaque": OPAQUE[9:], "tool_calls": [SECOND]},
    )
    answer = told(client, data, streams=True)
    asked = given_back(client, answer, "call_1", "call_2")
    message = sent(client, "openai-chat", asked)["messages"][1]
    assert (message["reasoning_text"], message["reasoning_opaque"]) == ("Let me look.", OPAQUE)
    assert [call["id"] for call in message["tool_calls"]] == ["call_1", "call_2"]


def test_what_passes_through_is_read_without_loss() -> None:
    for data in STREAMS.values():
        assert laws.mend_stream(CHAT, data) == data
        laws.stream_survives_writing(CHAT, laws.read_stream(CHAT, data))
        laws.reply_identity(CHAT, body(data))
        asked = given_back("openai-chat", body(data), "call_1")
        laws.request_identity(CHAT, {"model": "m", **asked})


def test_a_proof_without_words() -> None:
    data = stream({"content": "Hi", "reasoning_opaque": OPAQUE}, {"content": " there"}, end="stop")
    answer = told("anthropic", data, streams=True)
    assert "".join(block.get("text", "") for block in answer["content"]) == "Hi there"
    message = sent("anthropic", "openai-chat", given_back("anthropic", answer))["messages"][1]
    assert message == {"role": "assistant", "content": "Hi there", "reasoning_opaque": OPAQUE}
