"""Arguments that say nothing are an empty object for everybody."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.format import Asked
from switchyard.wire.model.fold import fold
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from switchyard.wire.shared.arguments import Settling
from switchyard.wire.shared.arguments import as_object
from switchyard.wire.shared.arguments import settled
from tests.unit.wire import laws

NOTHING = ["null", "[]", '""', " null ", "[ ]", "{}", ""]
SOMETHING = ['{"a":1}', "[1]", '"x"', "nul", "[", "nullify", '{"a":', "12", '""x']
CLIENTS = list(FORMATS)
type Json = dict[str, Any]


@given(st.sampled_from([*NOTHING, *SOMETHING]) | st.text(), st.data())
def test_streamed_arguments_are_what_whole_ones_are(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    settling = Settling()
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    said = "".join([settling.feed(piece) for piece in pieces] + [settling.close()])
    assert (said or "{}") == settled(text) or said.lstrip() == said.strip() == "{}"


@pytest.mark.parametrize("text", NOTHING)
def test_a_word_for_none_is_an_empty_object(text: str) -> None:
    assert settled(text) == "{}"
    assert as_object(text) == {}


@pytest.mark.parametrize("text", SOMETHING)
def test_all_else_stays(text: str) -> None:
    assert settled(text) == text


def test_integers_beyond_64_bits_stay_whole() -> None:
    assert as_object('{"":-9223372036854775809}') == {"": -9223372036854775809}


def calling(format: str, text: str) -> Json:
    """A whole answer that calls a function with these arguments."""
    match format:
        case "openai-chat":
            function = {"name": "f", "arguments": text}
            call = {"id": "c", "type": "function", "function": function}
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
            choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
            return {"id": "x", "object": "chat.completion", "model": "m", "choices": [choice]}
        case "openai-responses":
            item = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f",
                    "status": "completed", "arguments": text}  # fmt: skip
            return {"id": "r", "object": "response", "status": "completed", "model": "m",
                    "output": [item]}  # fmt: skip
    block = {"type": "tool_use", "id": "c", "name": "f", "input": json.loads(text or "null")}
    return {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [block],
            "stop_reason": "tool_use"}  # fmt: skip


def called(client: str, body: Json) -> Any:
    """The arguments as a client of the format parses them."""
    match client:
        case "openai-chat":
            return json.loads(
                body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
            )
        case "openai-responses":
            return json.loads(body["output"][0]["arguments"])
        case "anthropic":
            return body["content"][0]["input"]
        case "gemini":
            return body["candidates"][0]["content"]["parts"][0]["functionCall"]["args"]
    return body["message"]["tool_calls"][0]["function"]["arguments"]


ASKED = Asked(model="m", id="0123456789abcdef", created=1)
CALLERS = [c for c in CLIENTS if c != "openai-completions"]


def relayed(upstream: str, client: str, body: bytes, *, streams: bool, kind: str) -> bytes:
    relay = Relay(FORMATS[upstream], FORMATS[client], streams, ASKED)
    relay.start(200, kind)
    out = relay.feed(body) + relay.end()
    assert relay.committed and not relay.failed, relay.problem
    return out if streams else relay.body


@pytest.mark.parametrize("text", ["null", "[]", '""', "", '{"a":1}'])
@pytest.mark.parametrize("client", CALLERS)
@pytest.mark.parametrize("upstream", ["openai-chat", "openai-responses", "anthropic"])
def test_whole_answers(upstream: str, client: str, text: str) -> None:
    if upstream == client and client != "openai-chat":
        pytest.skip("a whole answer in the client's own format stays as it is")
    body = json.dumps(calling(upstream, text)).encode()
    said = relayed(upstream, client, body, streams=False, kind="application/json")
    assert called(client, json.loads(said)) == (json.loads(text) if text[:1] == "{" else {})


def stream_of(upstream: str, text: str) -> bytes:
    """The stream of a call whose arguments come a character a time."""
    match upstream:
        case "openai-chat":
            first = {"index": 0, "id": "c", "type": "function", "function": {"name": "f"}}
            deltas = [{"tool_calls": [first]}]
            deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": c}}]} for c in text]
            chunks: list[Json] = [{"delta": delta, "finish_reason": None} for delta in deltas]
            chunks.append({"delta": {}, "finish_reason": "tool_calls"})
            events: list[Json] = [{"id": "x", "model": "m", "choices": [{"index": 0, **one}]}
                                  for one in chunks]  # fmt: skip
            return b"".join(b"data: %s\n\n" % json.dumps(e).encode() for e in events) + (
                b"data: [DONE]\n\n"
            )
        case "openai-responses":
            item = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f"}
            place = {"output_index": 0, "item_id": "fc_1"}
            events = [
                {"type": "response.created", "response": {"id": "r", "model": "m"}},
                {"type": "response.output_item.added", "output_index": 0,
                 "item": {**item, "arguments": ""}},
                *({"type": "response.function_call_arguments.delta", **place, "delta": c}
                  for c in text),
                {"type": "response.function_call_arguments.done", **place, "arguments": text},
                {"type": "response.output_item.done", "output_index": 0,
                 "item": {**item, "arguments": text}},
                {"type": "response.completed", "response": {
                    "id": "r", "status": "completed", "output": [{**item, "arguments": text}]}},
            ]  # fmt: skip
        case _:
            block = {"type": "tool_use", "id": "c", "name": "f", "input": {}}
            delta = {"type": "input_json_delta"}
            events = [
                {"type": "message_start", "message": {"id": "m", "role": "assistant"}},
                {"type": "content_block_start", "index": 0, "content_block": block},
                *({"type": "content_block_delta", "index": 0,
                   "delta": {**delta, "partial_json": c}} for c in text),
                {"type": "content_block_stop", "index": 0},
                {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
                {"type": "message_stop"},
            ]  # fmt: skip
    return b"".join(b"event: %s\ndata: %s\n\n" % (e["type"].encode(), json.dumps(e).encode())
                    for e in events)  # fmt: skip


@pytest.mark.parametrize("text", ["null", "[]", '""', "", '{"a":1}', "[1]"])
@pytest.mark.parametrize("client", CALLERS)
@pytest.mark.parametrize("upstream", ["openai-chat", "openai-responses", "anthropic"])
def test_streamed_answers(upstream: str, client: str, text: str) -> None:
    if upstream == client:
        pytest.skip("see the menders' tests")
    out = relayed(
        upstream, client, stream_of(upstream, text), streams=True, kind="text/event-stream"
    )
    reply = fold(client, laws.read_stream(FORMATS[client], out))
    (call,) = reply.choice.parts
    found = json.loads(call.arguments or "{}")  # type: ignore[union-attr]
    if text == "[1]":
        assert found in ([1], {"arguments": "[1]"})
    else:
        assert found == (json.loads(text) if text[:1] == "{" else {})


@pytest.mark.parametrize("text", ["null", "[]", '""', ""])
def test_a_chat_clients_stream_is_mended(text: str) -> None:
    out = relayed("openai-chat", "openai-chat", stream_of("openai-chat", text), streams=True,
                  kind="text/event-stream")  # fmt: skip
    said = ""
    for line in out.splitlines():
        if line[:6] == b"data: " and line[6:] != b"[DONE]":
            for call in json.loads(line[6:])["choices"][0]["delta"].get("tool_calls", ()):
                said += call.get("function", {}).get("arguments") or ""
    assert json.loads(said) == {}
