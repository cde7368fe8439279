"""Whole tool calls whose arguments are objects, or whose ids and types are missing."""

import json
from typing import Any

import pytest

from switchyard.wire.formats.openai_chat.call_texts import mend_reply
from switchyard.wire.formats.openai_chat.call_texts import with_texts
from switchyard.wire.registry import FORMATS
from tests.unit.wire.crossing import answered
from tests.unit.wire.crossing import sent

type Json = dict[str, Any]
CHAT = FORMATS["openai-chat"]


def reply(**function: Any) -> Json:
    call = {"id": "c1", "type": "function", "function": {"name": "read", **function}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    return {"id": "c1", "object": "chat.completion", "model": "m", "choices": [choice]}


def arguments_in(body: Json) -> Any:
    return body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [({"p": "a"}, '{"p":"a"}'), ({}, "{}"), (None, "{}"), ([], "{}"), ("null", "{}"), ("", "{}"),
     ({"p": 18446744073709551617}, '{"p":18446744073709551617}')],
)  # fmt: skip
def test_a_chat_client_gets_texts(arguments: Any, text: str) -> None:
    body = {"messages": [{"role": "user", "content": "x"}]}
    told = answered("openai-chat", "openai-chat", body, reply(arguments=arguments))
    assert arguments_in(told) == text
    talking = reply(arguments=arguments)
    talking["choices"][0]["message"]["content"] = "I look."
    assert arguments_in(answered("openai-chat", "openai-chat", body, talking)) == text


def test_what_is_right_stays_itself() -> None:
    for body in (reply(arguments='{"p":"a"}'), reply(arguments="{}"), {"choices": None}, {}):
        assert mend_reply(body) is body


def test_ids_and_types_that_are_missing_are_made_up() -> None:
    body = reply(arguments="{}")
    del body["choices"][0]["message"]["tool_calls"][0]["id"]
    del body["choices"][0]["message"]["tool_calls"][0]["type"]
    (call,) = mend_reply(body)["choices"][0]["message"]["tool_calls"]
    assert call["id"].startswith("call_") and call["type"] == "function"
    assert mend_reply(body) == mend_reply(body)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [({"p": "a"}, '{"p":"a"}'), ("", "{}"), ("null", "{}"), ('{"p":', '{"p":')],
)
def test_the_deprecated_call(arguments: Any, text: str) -> None:
    message = {"role": "assistant", "function_call": {"name": "read", "arguments": arguments}}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "function_call"}]}
    assert mend_reply(body)["choices"][0]["message"]["function_call"]["arguments"] == text
    assert with_texts([message])[0]["function_call"]["arguments"] == text
    assert message["function_call"]["arguments"] == arguments


HISTORY = [
    {"role": "user", "content": "x"},
    {"role": "assistant", "content": None, "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "read", "arguments": {"p": "a"}}}]},
    {"role": "tool", "tool_call_id": "c1", "content": "r"},
]  # fmt: skip


def test_a_request_with_objects_is_written_with_texts() -> None:
    mended = CHAT.normalise({"model": "m", "messages": HISTORY})
    assert mended["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"p":"a"}'
    assert mended["messages"][0] is HISTORY[0]
    assert HISTORY[1]["tool_calls"][0]["function"]["arguments"] == {"p": "a"}  # type: ignore[index]
    texts = json.loads(json.dumps(mended["messages"]))
    assert with_texts(texts) is texts


@pytest.mark.parametrize("target", [name for name in FORMATS if name != "openai-completions"])
def test_every_format_gets_the_arguments(target: str) -> None:
    said = json.dumps(sent("openai-chat", target, {"messages": HISTORY}))
    assert '{"p": "a"}' in said or '{\\"p\\":\\"a\\"}' in said
