"""A stream that breaks off and is continued by another model reads as one."""

import json
from typing import Any

import pytest

from switchyard.wire.format import Asked
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.fold import fold
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.continuation import INSTRUCTION
from switchyard.wire.relay.continuation import Continuation
from switchyard.wire.relay.continuation import continued
from switchyard.wire.relay.continuation import repeated
from switchyard.wire.relay.relay import Relay
from tests.unit.wire.laws import read_stream
from tests.unit.wire.meaning import reply_meaning

ASKED = Asked(model="asked", id="0123456789abcdef", created=1_700_000_000, include_usage=True)
NAMES = ["openai-chat", "anthropic", "openai-responses", "gemini"]


def events_of(*data: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in data)


def chat(*deltas: dict[str, Any], finish: str | None = None) -> bytes:
    chunks = [{"id": "c", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    if finish:
        chunks.append({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    return events_of(*chunks) + (b"data: [DONE]\n\n" if finish else b"")


def says(*words: str, finish: str | None = None) -> bytes:
    return chat({"role": "assistant"}, *({"content": word} for word in words), finish=finish)


def relays(client: str, *streams: bytes) -> tuple[list[Relay], bytes]:
    continuation, out, made = Continuation(), b"", []
    for data in streams:
        before = next((relay for relay in made if relay.committed), None)
        relay = Relay(FORMATS["openai-chat"], FORMATS[client], True, ASKED, continuation, before)
        made.append(relay)
        relay.start(200)
        out += relay.feed(data) + relay.end()
    return made, out


@pytest.mark.parametrize("client", NAMES)
def test_two_halves_read_as_one_answer(client: str) -> None:
    made, out = relays(client, says("Once upon", " a time"), says(" there was", finish="stop"))
    assert made[0].resumable and made[1].committed and not made[1].failed
    meant = reply_meaning(fold(client, read_stream(FORMATS[client], out)))
    assert (meant["text"], meant["stop"]) == ("Once upon a time there was", "end")
    assert out.count(b"message_start") <= 2 and out.count(b"response.created") <= 2
    if client == "openai-chat":
        assert out.count(b"[DONE]") == 1 and out.count(b'"role"') == 1


@pytest.mark.parametrize("client", NAMES)
def test_what_the_next_one_repeats_is_left_out(client: str) -> None:
    first = says("The quick brown fox", " jumps over")
    _, out = relays(client, first, says("brown fox jumps over the lazy dog", finish="stop"))
    meant = reply_meaning(fold(client, read_stream(FORMATS[client], out)))
    assert meant["text"] == "The quick brown fox jumps over the lazy dog"


@pytest.mark.parametrize("client", NAMES)
def test_a_failed_continuation_leaves_no_trace(client: str) -> None:
    made, out = relays(
        client,
        says("Once upon"),
        chat({"role": "assistant"}, {"reasoning_content": ""}),
        says(" a time", finish="stop"),
    )
    assert made[1].failed and not made[1].committed
    meant = reply_meaning(fold(client, read_stream(FORMATS[client], out)))
    assert meant["text"] == "Once upon a time"


def test_a_continuation_may_call_tools() -> None:
    call = {"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f", "arguments": "{}"}}]}
    second = chat({"role": "assistant", "content": " now."}, call, finish="tool_calls")
    for client in NAMES:
        _, out = relays(client, says("I look"), second)
        meant = reply_meaning(fold(client, read_stream(FORMATS[client], out)))
        assert meant["text"] == "I look now." and len(meant["calls"]) == 1
        assert meant["stop"] == "tool_calls"


def test_a_call_that_began_is_never_continued() -> None:
    call = {"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f", "arguments": '{"a'}}]}
    made, out = relays("anthropic", chat({"role": "assistant", "content": "I look"}, call))
    assert made[0].failed and not made[0].resumable
    assert b"event: error" in out


def test_when_nobody_goes_on_the_failure_is_told() -> None:
    made, out = relays("anthropic", says("Once upon"))
    assert b"error" not in out
    assert made[0].closing().count(b"event: error") == 1


def test_the_next_model_is_told_what_was_said() -> None:
    chat_format = FORMATS["openai-chat"]
    asked = chat_format.read_request(
        {"model": "m", "messages": [{"role": "user", "content": "Tell me"}]}
    )
    turns = continued(asked, "Once upon ", FORMATS["openai-chat"], "m").turns
    assert [turn.role for turn in turns] == ["user", "assistant", "user"]
    assert turns[1].parts == (Text(text="Once upon"),)
    assert turns[2].parts == (Text(text=INSTRUCTION),)
    prefilled = continued(asked, "Once upon ", FORMATS["anthropic"], "claude-3-5-haiku").turns
    assert [turn.role for turn in prefilled] == ["user", "assistant"]
    refusing = continued(asked, "Once upon ", FORMATS["anthropic"], "claude-opus-4-6").turns
    assert [turn.role for turn in refusing] == ["user", "assistant", "user"]


@pytest.mark.parametrize(
    ("before", "after", "count"),
    [
        ("the quick brown fox", "quick brown fox jumps", 15),
        ("the quick brown fox", " jumps", 0),
        ("a b", "a b c", 0),
        ("", "anything", 0),
    ],
)
def test_repeats_are_found_only_where_they_are_long(before: str, after: str, count: int) -> None:
    assert repeated(before, after) == count
