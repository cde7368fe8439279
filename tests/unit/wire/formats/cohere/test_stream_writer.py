"""Streams in Cohere's events."""

import json
from typing import Any

from switchyard.wire.formats.cohere import CohereChat
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import UsageUpdate
from tests.unit.wire.laws import ASKED
from tests.unit.wire.laws import frames
from tests.unit.wire.laws import write_stream

HERE = CohereChat()
START = Start("msg_1", "m", 1, format="anthropic")
DONE: list[Event] = [Finish(Stop(reason="end")), UsageUpdate(Usage(input=3, output=4)), End()]


def told(*events: Event) -> list[dict[str, Any]]:
    """The events that clients see; each has its type as the name of its SSE event."""
    found = frames(HERE, write_stream(HERE, list(events)))
    read = [json.loads(frame.data) for frame in found]
    assert [frame.event for frame in found] == [one["type"].encode() for one in read]
    return read


def types(events: list[dict[str, Any]]) -> list[str]:
    return [one["type"] for one in events]


def test_a_text() -> None:
    first, begun, one, two, ended, last = told(
        START, PartStart(0, Text(text="Hel")), TextDelta(0, "lo"), PartEnd(0), *DONE
    )
    assert first["id"] == "msg_1" and first["delta"]["message"]["role"] == "assistant"
    assert begun["type"] == "content-start" and begun["index"] == 0
    assert begun["delta"]["message"]["content"] == {"type": "text", "text": ""}
    said = [event["delta"]["message"]["content"]["text"] for event in (one, two)]
    assert said == ["Hel", "lo"] and ended == {"type": "content-end", "index": 0}
    tokens = {"input_tokens": 3, "output_tokens": 4}
    assert last == {
        "type": "message-end",
        "delta": {
            "finish_reason": "COMPLETE",
            "usage": {"billed_units": tokens, "tokens": tokens},
        },
    }


def test_thinking_is_a_block_of_its_own() -> None:
    events = told(
        START,
        PartStart(0, Thinking(text="")),
        TextDelta(0, "Hm."),
        PartEnd(0),
        PartStart(1, Text(text="")),
        TextDelta(1, "Yes."),
        PartEnd(1),
        *DONE,
    )
    deltas = [one for one in events if one["type"] == "content-delta"]
    assert [one["index"] for one in deltas] == [0, 1]
    assert deltas[0]["delta"]["message"]["content"] == {"type": "thinking", "thinking": "Hm."}
    assert deltas[1]["delta"]["message"]["content"] == {"type": "text", "text": "Yes."}


def test_interleaved_calls_come_one_after_another() -> None:
    events = told(
        START,
        PartStart(0, ToolCall(id="a", name="look")),
        PartStart(1, ToolCall(id="b", name="hear", arguments='{"y"')),
        ArgumentsDelta(1, ":2}"),
        ArgumentsDelta(0, '{"x":1}'),
        PartEnd(1),
        PartEnd(0),
        Finish(Stop(reason="tool_calls")),
        End(),
    )
    calls = [one for one in events if one["type"].startswith("tool-call")]
    assert types(calls) == [
        *("tool-call-start", "tool-call-delta", "tool-call-end"),
        *("tool-call-start", "tool-call-delta", "tool-call-delta", "tool-call-end"),
    ]
    assert [one["index"] for one in calls] == [0, 0, 0, 1, 1, 1, 1]
    assert calls[0]["delta"]["message"]["tool_calls"] == {
        "id": "a",
        "type": "function",
        "function": {"name": "look", "arguments": ""},
    }
    pieces = [
        one["delta"]["message"]["tool_calls"]["function"]["arguments"]
        for one in calls
        if one["type"] == "tool-call-delta"
    ]
    assert pieces == ['{"x":1}', '{"y"', ":2}"]
    assert events[-1]["delta"] == {"finish_reason": "TOOL_CALL"}


def test_a_failure_ends_the_stream_with_its_cause() -> None:
    error = ApiError(message="Out of order.")
    events = told(START, PartStart(0, Text(text="Hel")), Failure(error), End())
    assert types(events)[-2:] == ["content-end", "message-end"]
    assert events[-1]["delta"] == {"finish_reason": "ERROR", "error": "Out of order."}


def test_a_stream_without_an_end_is_ended_once() -> None:
    writer = HERE.stream_writer(ASKED)
    writer.feed(START)
    writer.feed(PartStart(0, Text(text="Hel")))
    assert b"message-end" in writer.close() and writer.close() == writer.feed(End()) == b""


def test_other_choices_are_left_out() -> None:
    other = [PartStart(0, Text(text="No"), choice=1), PartEnd(0, choice=1)]
    assert "No" not in json.dumps(told(START, *other, PartStart(0, Text(text="Yes")), *DONE))
