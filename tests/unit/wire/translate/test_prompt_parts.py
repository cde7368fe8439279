"""Which part of a prompt changed first."""

from typing import Any

import pytest

from switchyard.wire.translate.prompt_parts import changed_part

type Json = dict[str, Any]

MARK = {"cache_control": {"type": "ephemeral"}}


def text(said: str, **more: Any) -> Json:
    return {"type": "text", "text": said, **more}


def user(*blocks: Json) -> Json:
    return {"role": "user", "content": list(blocks)}


ANSWER = {"role": "assistant", "content": [text("Well.")]}
BODY: Json = {
    "model": "c",
    "tools": [{"name": "a"}, {"name": "b"}],
    "system": [text("x-anthropic-billing-header: cch=1"), text("one"), text("two")],
    "messages": [user(text("hi", **MARK)), ANSWER, user(text("go on"))],
}


def body(**changes: Any) -> Json:
    return {**BODY, **changes}


def test_a_conversation_that_goes_on_has_all_of_it() -> None:
    grown = [user(text("hi")), *BODY["messages"][1:], ANSWER, user(text("more", **MARK))]
    assert changed_part(BODY, body(messages=grown)) is None
    assert changed_part(BODY, body(messages=grown, max_tokens=7, temperature=1)) is None
    plain = [{"role": "user", "content": "hi"}, *BODY["messages"][1:]]
    assert changed_part(BODY, body(messages=plain)) is None


def test_the_billing_line_is_no_part() -> None:
    system = [text("x-anthropic-billing-header: cch=2"), *BODY["system"][1:]]
    assert changed_part(BODY, body(system=system)) is None


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"tools": [{"name": "b"}, {"name": "a"}]}, "tool list"),
        ({"tools": []}, "tool list"),
        ({"system": [*BODY["system"][:2], text("2")]}, "system block 3"),
        ({"system": BODY["system"][:2]}, "number of system blocks"),
        ({"thinking": {"type": "enabled"}}, "thinking settings"),
        ({"tool_choice": {"type": "any"}}, "tool choice"),
        ({"messages": [user(text("ho")), *BODY["messages"][1:]]}, "message 1"),
        ({"messages": BODY["messages"][:2]}, "message 3"),
        ({"tools": [], "messages": []}, "tool list"),
    ],
)
def test_the_first_part_that_changed(changes: Json, part: str) -> None:
    assert changed_part(BODY, body(**changes)) == part


def test_parts_of_other_formats() -> None:
    responses = {"instructions": "one", "input": [{"role": "user", "content": "hi"}]}
    assert changed_part(responses, {**responses, "instructions": "two"}) == "instructions"
    assert changed_part(responses, {**responses, "input": ["?"]}) == "input item 1"
    assert changed_part(responses, {**responses, "input": "odd"}) == "input item 1"
    gemini = {"systemInstruction": {"parts": [{"text": "one"}]}, "contents": [{"parts": []}]}
    assert changed_part(gemini, {**gemini, "systemInstruction": None}) == "system block 1"
    assert changed_part(gemini, {**gemini, "contents": [{}]}) == "content 1"


def test_the_order_of_members_is_part_of_the_bytes() -> None:
    before = {"messages": [{"role": "user", "content": [{"type": "x", "a": 1}]}]}
    after = {"messages": [{"role": "user", "content": [{"a": 1, "type": "x"}]}]}
    assert changed_part(before, after) == "message 1"
