"""Answers of `/api/chat`: read and written."""

from dataclasses import replace
from typing import Any

import pytest

from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import BadReply
from switchyard.wire.shared.call_ids import is_made_up
from tests.unit.wire import laws
from tests.unit.wire.formats.ollama.support import OLLAMA
from tests.unit.wire.formats.ollama.support import PNG
from tests.unit.wire.formats.ollama.support import answer
from tests.unit.wire.formats.ollama.support import reply_of
from tests.unit.wire.laws import ASKED


def read_answer(body: dict[str, Any]) -> Reply:
    laws.reply_identity(OLLAMA, body)
    return OLLAMA.read_reply(body)


def test_whole_answer():
    reply = read_answer(
        answer(
            {
                "content": "",
                "thinking": "hm",
                "images": [PNG],
                "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}],
            }
        )
    )
    thinking, image, call = reply.choice.parts
    assert thinking == Thinking(text="hm") and isinstance(image, Media)
    assert isinstance(call, ToolCall) and is_made_up(call.id)
    assert reply.choice.stop == Stop(reason="tool_calls", raw="stop")
    assert reply.usage == Usage(input=3, output=4)
    assert reply.created == 1767323045


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"done_reason": "length"}, "length"),
        ({"done_reason": "load"}, "other"),
        ({"done_reason": ""}, "end"),
    ],
)
def test_stop_reasons(members: dict[str, Any], reason: str):
    stop = OLLAMA.read_reply(answer({"content": "x"}, **members)).choice.stop
    assert stop and stop.reason == reason


def test_what_is_no_answer():
    for body in ({}, {"error": "no"}, {"message": "text"}):
        with pytest.raises(BadReply):
            OLLAMA.read_reply(body)


def test_foreign_answer():
    reply = reply_of(
        Thinking(text="hm"),
        Text(text="a"),
        Refusal(text="b"),
        Media(kind="image", data=PNG),
        ToolCall(id="c", name="f"),
        stop="length",
        usage=Usage(input=1, output=2),
        created=1_700_000_000,
    )
    body = OLLAMA.write_reply(reply, ASKED)
    assert body == {
        "model": "m",
        "created_at": "2023-11-14T22:13:20Z",
        "message": {
            "role": "assistant",
            "content": "ab",
            "thinking": "hm",
            "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {}}}],
        },
        "done_reason": "length",
        "done": True,
        "prompt_eval_count": 1,
        "eval_count": 2,
    }


def test_an_answer_without_choices_is_an_empty_one():
    reply = replace(reply_of(Text(text="x")), choices=())
    assert OLLAMA.write_reply(reply, ASKED)["done_reason"] == "stop"
