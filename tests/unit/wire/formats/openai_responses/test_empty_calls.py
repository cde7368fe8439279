"""Calls without arguments have an object, wherever a response or an event states them."""

from typing import Any

import pytest

from switchyard.wire.formats.openai_responses.empty_calls import MARK
from switchyard.wire.formats.openai_responses.empty_calls import mend_event
from switchyard.wire.formats.openai_responses.empty_calls import mend_reply


def call(arguments: Any, **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": "c", "name": "f", "arguments": arguments, **more}


@pytest.mark.parametrize("nothing", ["", " ", "null", "[]", None])
def test_what_says_nothing_becomes_an_object(nothing: Any):
    body = {"output": [{"type": "message"}, call(nothing), call('{"a":1}')]}
    right = {"output": [{"type": "message"}, call("{}"), call('{"a":1}')]}
    assert mend_reply(body) == right
    done = {"type": "response.output_item.done", "item": call(nothing)}
    assert mend_event(done) == {**done, "item": call("{}")}
    whole = {"type": "response.completed", "response": body}
    assert mend_event(whole) == {**whole, "response": right}
    last = {"type": "response.function_call_arguments.done", "arguments": nothing}
    assert mend_event(last) == {**last, "arguments": "{}"}


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.output_item.added", "item": call("")},
        {"type": "response.output_item.done", "item": call('{"a":1}')},
        {"type": "response.output_item.done", "item": {"type": "custom_tool_call", "input": ""}},
        {"type": "response.output_item.done", "item": None},
        {"type": "response.completed", "response": {"output": [call("{}")]}},
        {"type": "response.completed", "response": {"output": None}},
        {"type": "response.completed"},
        {"type": "response.output_item.done", "item": call({"a": 1})},
    ],
)
def test_all_else_stays_as_it_is(event: dict[str, Any]):
    assert mend_event(event) is event


@pytest.mark.parametrize(
    ("data", "marked"),
    [
        (b'{"arguments":""}', True),
        (b'{"arguments" : " "}', True),
        (b'{"arguments": "null"}', True),
        (b'{"arguments":null}', True),
        (b'{"arguments":"{}"}', False),
        (b'{"arguments":"nullable"}', False),
        (rb'{"text":"\"arguments\":\"\""}', False),
    ],
)
def test_the_mark_of_arguments_that_may_be_empty(data: bytes, marked: bool):
    assert bool(MARK.search(data)) is marked
