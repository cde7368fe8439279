"""Arguments that are no object: what says nothing is an empty one for every client, and any other
value an object where the client's format demands one."""

import json
from typing import Any

import pytest

from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from tests.unit.wire.laws import ASKED

type Json = dict[str, Any]

CLIENTS = ["openai-chat", "openai-responses", "anthropic", "gemini", "ollama"]
NOTHING = ["", "null", "[]", " ", "{}"]


def _chat(arguments: str) -> tuple[list[Json], Json]:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    delta = {"role": "assistant", "tool_calls": [{"index": 0, **call}]}
    top = {"id": "x", "created": 1, "model": "m"}
    chunks = [
        {**top, "object": "chat.completion.chunk", "choices": [{"index": 0, **choice}]}
        for choice in (
            {"delta": delta, "finish_reason": None},
            {"delta": {}, "finish_reason": "tool_calls"},
        )
    ]
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    return chunks, {**top, "object": "chat.completion", "choices": [choice]}


def _responses(arguments: str) -> tuple[list[Json], Json]:
    item = {"type": "function_call", "id": "fc1", "call_id": "c1", "name": "f"}
    begun = {**item, "arguments": "", "status": "in_progress"}
    done = {**item, "arguments": arguments, "status": "completed"}
    whole = {"id": "r1", "object": "response", "created_at": 1, "model": "m", "output": [done]}
    whole["status"] = "completed"
    events = [
        {"type": "response.created", "response": {**whole, "output": [], "status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": begun},
        {"type": "response.function_call_arguments.done", "output_index": 0, "item_id": "fc1"}
        | {"arguments": arguments},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
        {"type": "response.completed", "response": whole},
    ]
    return [{**event, "sequence_number": n} for n, event in enumerate(events)], whole


def _anthropic(arguments: str) -> tuple[list[Json], Json]:
    call = {"type": "tool_use", "id": "c1", "name": "f", "input": {}}
    message = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": []}
    delta = {"type": "input_json_delta", "partial_json": arguments}
    end = {"stop_reason": "tool_use", "stop_sequence": None}
    usage = {"input_tokens": 1, "output_tokens": 1}
    events = [
        {"type": "message_start", "message": {**message, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": call},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]
    return events, {**message, **end, "content": [call], "usage": usage}


UPSTREAMS = {"openai-chat": _chat, "openai-responses": _responses, "anthropic": _anthropic}


def _answer(upstream: str, arguments: str, streamed: bool) -> bytes:
    events, whole = UPSTREAMS[upstream](arguments)
    if not streamed:
        return json.dumps(whole).encode()
    named = [f"event: {e['type']}\n" if "type" in e else "" for e in events]
    lines = [f"{n}data: {json.dumps(e)}\n\n" for n, e in zip(named, events, strict=True)]
    return "".join(lines).encode() + (b"data: [DONE]\n\n" if upstream == "openai-chat" else b"")


def _arguments(client: str, out: bytes, streams: bool) -> list[Any]:
    """What a client parses: each place in which its format states arguments, as JSON."""
    if streams and client != "ollama":
        lines = [line[6:] for line in out.decode().splitlines() if line.startswith("data: {")]
    else:
        lines = out.decode().splitlines()
    events = [json.loads(line) for line in lines]
    match client:
        case "openai-chat":
            choices = [choice for event in events for choice in event["choices"]]
            said = [choice.get("delta") or choice.get("message") or {} for choice in choices]
            calls = [call for one in said for call in one.get("tool_calls") or ()]
            return [json.loads("".join(call["function"].get("arguments") or "" for call in calls))]
        case "openai-responses":
            if not streams:
                return [json.loads(item["arguments"]) for item in events[0]["output"]]
            whole = [e for e in events if e["type"] == "response.function_call_arguments.done"]
            whole += [e["item"] for e in events if e["type"] == "response.output_item.done"]
            whole += events[-1]["response"]["output"]
            return [json.loads(one["arguments"]) for one in whole]
        case "anthropic":
            if not streams:
                return [block["input"] for block in events[0]["content"]]
            said = [e["delta"] for e in events if e["type"] == "content_block_delta"]
            return [json.loads("".join(delta["partial_json"] for delta in said) or "{}")]
        case "gemini":
            parts = [p for e in events for p in e["candidates"][0].get("content", {})["parts"]]
            return [p["functionCall"].get("args", {}) for p in parts if "functionCall" in p]
        case _:
            calls = [call for e in events for call in e["message"].get("tool_calls") or ()]
            return [call["function"]["arguments"] for call in calls]


@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "json"])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("upstream", ["openai-chat", "openai-responses"])
def test_other_values_are_the_same_streamed_and_whole(
    upstream: str, client: str, streamed: bool
) -> None:
    for odd in ("0", "true", '"x"', " [1]"):
        whole = {"arguments": odd} if client in ("anthropic", "gemini", "ollama") else None
        for streams in (True, False):
            relay = Relay(FORMATS[upstream], FORMATS[client], streams, ASKED)
            relay.start(200)
            out = relay.feed(_answer(upstream, odd, streamed)) + relay.end()
            found = _arguments(client, out if streams else bytes(relay.body or b""), streams)
            meant = json.loads(odd) if whole is None else whole
            assert found and all(one == meant for one in found), f"{odd!r}: {found}"


@pytest.mark.parametrize("streams", [True, False], ids=["to-stream", "to-json"])
@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "json"])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_arguments_that_say_nothing_are_an_object(
    upstream: str, client: str, streamed: bool, streams: bool
) -> None:
    for nothing in NOTHING:
        relay = Relay(FORMATS[upstream], FORMATS[client], streams, ASKED)
        relay.start(200)
        out = relay.feed(_answer(upstream, nothing, streamed)) + relay.end()
        assert relay.committed and not relay.failed
        found = _arguments(client, out if streams else bytes(relay.body or b""), streams)
        assert found and all(one == {} for one in found), f"{nothing!r}: {found}"
