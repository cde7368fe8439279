"""Whole responses in Cohere's shape."""

from dataclasses import replace

import pytest

from switchyard.wire.formats.cohere import CohereChat
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import BadReply
from tests.unit.wire.laws import ASKED

HERE = CohereChat()
CALL = ToolCall(id="c1", name="look", arguments='{"at":"sky"}')
REPLY = Reply(
    format="anthropic",
    id="msg_1",
    model="m",
    choices=(
        Choice(
            parts=(Thinking(text="Hm."), Text(text="Hello")),
            stop=Stop(reason="end"),
        ),
    ),
    usage=Usage(input=3, output=4, cache_read=2),
)


def test_texts_and_thinking() -> None:
    tokens = {"input_tokens": 3, "output_tokens": 4}
    assert HERE.write_reply(REPLY, ASKED) == {
        "id": "msg_1",
        "finish_reason": "COMPLETE",
        "message": {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm."},
                {"type": "text", "text": "Hello"},
            ],
        },
        "usage": {"billed_units": tokens, "tokens": tokens, "cached_tokens": 2},
    }


def test_calls() -> None:
    choice = Choice(
        parts=(CALL, replace(CALL, id="c2", arguments="")), stop=Stop(reason="tool_calls")
    )
    written = HERE.write_reply(Reply(format="gemini", choices=(choice,)), ASKED)
    assert written["finish_reason"] == "TOOL_CALL" and written["id"] == ASKED.id
    message = written["message"]
    assert "content" not in message and "usage" not in written
    assert message["tool_calls"][0] == {
        "id": "c1",
        "type": "function",
        "function": {"name": "look", "arguments": '{"at":"sky"}'},
    }
    assert message["tool_calls"][1]["function"]["arguments"] == "{}"


def test_an_answer_without_words_has_an_empty_content() -> None:
    written = HERE.write_reply(Reply(format="gemini", choices=(Choice(),)), ASKED)
    assert written["message"] == {"role": "assistant", "content": []}


def test_what_is_written_reads_the_same() -> None:
    choice = replace(
        REPLY.choice, parts=(*REPLY.choice.parts, CALL), stop=Stop(reason="tool_calls")
    )
    read = HERE.read_reply(HERE.write_reply(replace(REPLY, choices=(choice,)), ASKED))
    assert read.id == "msg_1" and read.usage is not None
    assert (read.usage.input, read.usage.output, read.usage.cache_read) == (3, 4, 2)
    thinking, text, call = read.choice.parts
    assert isinstance(thinking, Thinking) and thinking.text == "Hm."
    assert isinstance(text, Text) and text.text == "Hello"
    assert isinstance(call, ToolCall) and call.arguments == CALL.arguments
    assert read.choice.stop is not None and read.choice.stop.reason == "tool_calls"


def test_an_error_is_no_reply() -> None:
    with pytest.raises(BadReply):
        HERE.read_reply({"message": "invalid api token"})
