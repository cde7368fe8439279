"""Answers whose calls have an id that another call has, to clients of their own format: each client
can tell the calls apart, and bytes stay where no id is repeated."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.fold import fold
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from switchyard.wire.shared.call_ids import FreshIds
from tests.unit.wire.laws import ASKED
from tests.unit.wire.laws import read_stream

type Json = dict[str, Any]

KNOWN = "call_0"
"""The id of a call in the conversation before."""


def _chat(ids: list[str]) -> tuple[list[Json], Json]:
    calls = [
        {"id": id, "type": "function", "function": {"name": "f", "arguments": f'{{"n":{n}}}'}}
        for n, id in enumerate(ids)
    ]
    top = {"id": "x", "created": 1, "model": "m"}
    deltas = [
        {"role": "assistant"},
        *({"tool_calls": [{"index": n, **c}]} for n, c in enumerate(calls)),
    ]
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "tool_calls"})
    chunks = [{**top, "object": "chat.completion.chunk", "choices": [c]} for c in choices]
    message = {"role": "assistant", "content": "So:", "tool_calls": calls}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    return chunks, {**top, "object": "chat.completion", "choices": [choice]}


def _responses(ids: list[str]) -> tuple[list[Json], Json]:
    items = [
        {"type": "function_call", "id": f"fc{n}", "call_id": id, "name": "f"}
        | {"arguments": f'{{"n":{n}}}', "status": "completed"}
        for n, id in enumerate(ids)
    ]
    whole = {"id": "r1", "object": "response", "created_at": 1, "model": "m", "output": items}
    whole["status"] = "completed"
    events: list[Json] = [
        {"type": "response.created", "response": {**whole, "output": [], "status": "in_progress"}}
    ]
    for n, item in enumerate(items):
        begun = {**item, "arguments": "", "status": "in_progress"}
        events += [
            {"type": "response.output_item.added", "output_index": n, "item": begun},
            {
                "type": "response.function_call_arguments.done",
                "output_index": n,
                "item_id": f"fc{n}",
            }
            | {"arguments": item["arguments"]},
            {"type": "response.output_item.done", "output_index": n, "item": item},
        ]
    events.append({"type": "response.completed", "response": whole})
    return [{**event, "sequence_number": n} for n, event in enumerate(events)], whole


def _anthropic(ids: list[str]) -> tuple[list[Json], Json]:
    calls = [{"type": "tool_use", "id": id, "name": "f", "input": {}} for id in ids]
    message = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": []}
    end = {"stop_reason": "tool_use", "stop_sequence": None}
    usage = {"input_tokens": 1, "output_tokens": 1}
    events: list[Json] = [{"type": "message_start", "message": {**message, "usage": usage}}]
    for n, call in enumerate(calls):
        delta = {"type": "input_json_delta", "partial_json": f'{{"n":{n}}}'}
        events += [
            {"type": "content_block_start", "index": n, "content_block": call},
            {"type": "content_block_delta", "index": n, "delta": delta},
            {"type": "content_block_stop", "index": n},
        ]
    events += [
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]
    content = [call | {"input": {"n": n}} for n, call in enumerate(calls)]
    said = [{"type": "text", "text": "So:"}, *content]
    return events, {**message, **end, "content": said, "usage": usage}


ANSWERS: dict[str, Callable[[list[str]], tuple[list[Json], Json]]] = {
    "openai-chat": _chat,
    "openai-responses": _responses,
    "anthropic": _anthropic,
}


def _stream(format: str, events: list[Json]) -> bytes:
    named = [f"event: {e['type']}\n" if "type" in e else "" for e in events]
    lines = [f"{n}data: {json.dumps(e)}\n\n" for n, e in zip(named, events, strict=True)]
    return "".join(lines).encode() + (b"data: [DONE]\n\n" if format == "openai-chat" else b"")


def _told(name: str, out: bytes) -> list[list[tuple[str, int]]]:
    """Each list of calls that a client reads, with their ids and what they are called with."""
    format = FORMATS[name]
    if out.startswith(b"{"):
        return [_calls(format.read_reply(json.loads(out)))]
    told = [_calls(fold(name, read_stream(format, out)))]
    if name == "openai-responses":
        events = [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: {")]
        told.append(_calls(format.read_reply(events[-1]["response"])))
        for kind in ("added", "done"):
            items = [e["item"] for e in events if e["type"] == f"response.output_item.{kind}"]
            ids = [item["call_id"] for item in items if item["type"] == "function_call"]
            told.append([(id, n) for n, id in enumerate(ids)])
    return told


def _calls(reply: Reply) -> list[tuple[str, int]]:
    calls = [part for part in reply.choice.parts if isinstance(part, ToolCall)]
    return [(call.id, json.loads(call.arguments)["n"]) for call in calls]


@pytest.mark.parametrize("streams", [True, False], ids=["to-stream", "to-json"])
@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "json"])
@pytest.mark.parametrize("format", ANSWERS)
@pytest.mark.parametrize(
    "ids", [["a", "a"], ["a", "b", "a"], [KNOWN], ["a", KNOWN], [KNOWN, KNOWN]]
)
def test_every_call_has_an_id_of_its_own(
    ids: list[str], format: str, streamed: bool, streams: bool
) -> None:
    events, whole = ANSWERS[format](ids)
    asked = replace(ASKED, taken=KNOWN.__eq__)
    relay = Relay(FORMATS[format], FORMATS[format], streams, asked)
    relay.start(200)
    out = relay.feed(_stream(format, events) if streamed else json.dumps(whole).encode())
    out += relay.end()
    assert relay.committed and not relay.failed
    for told in _told(format, out if streams else bytes(relay.body or b"")):
        assert [n for _, n in told] == list(range(len(ids)))
        new = [id for id, _ in told]
        assert len({*new, KNOWN}) == len(ids) + 1
        assert all(
            mine == id
            for n, (mine, id) in enumerate(zip(new, ids, strict=True))
            if id != KNOWN and id not in ids[:n]
        )


@pytest.mark.parametrize("streams", [True, False], ids=["to-stream", "to-json"])
@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "json"])
@pytest.mark.parametrize("client", [*ANSWERS, "gemini"])
@pytest.mark.parametrize("upstream", ANSWERS)
def test_every_call_has_an_id_of_its_own_in_another_format(
    upstream: str, client: str, streamed: bool, streams: bool
) -> None:
    if client == upstream:
        return
    events, whole = ANSWERS[upstream]([KNOWN, "a", "a"])
    stages = [FreshIds(KNOWN.__eq__)]
    relay = Relay(FORMATS[upstream], FORMATS[client], streams, ASKED, stages=stages)
    relay.start(200)
    out = relay.feed(_stream(upstream, events) if streamed else json.dumps(whole).encode())
    out += relay.end()
    for told in _told(client, out if streams else bytes(relay.body or b"")):
        assert [id for id, _ in told][1] == "a" and [n for _, n in told] == [0, 1, 2]
        assert len({KNOWN, *(id for id, _ in told)}) == 4


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("format", ANSWERS)
def test_bytes_stay_where_no_id_is_repeated(format: str, streams: bool) -> None:
    events, whole = ANSWERS[format](["a", "b"])
    data = _stream(format, events) if streams else json.dumps(whole).encode()
    relay = Relay(FORMATS[format], FORMATS[format], streams, replace(ASKED, taken=KNOWN.__eq__))
    relay.start(200)
    out = relay.feed(data) + relay.end()
    assert (out if streams else relay.body) == data
