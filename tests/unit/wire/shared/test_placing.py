"""Later instructions stay where they stand, and never change a conversation's beginning."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.wire.crossing import sent

CHAT, RESPONSES, ANTHROPIC, GEMINI = "openai-chat", "openai-responses", "anthropic", "gemini"

LATER = {
    "instructions": "top",
    "input": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "developer", "content": "mid"},
        {"role": "user", "content": "c"},
    ],
}
REMINDER = "<system-reminder>\nmid\n</system-reminder>"


def words(message: dict[str, Any]) -> list[str]:
    return [block["text"] for block in message["content"]]


def test_a_model_that_takes_system_messages_between_turns_gets_one() -> None:
    body = sent(RESPONSES, ANTHROPIC, LATER, takes_system=True)
    assert body["system"] == [{"type": "text", "text": "top"}]
    said = [(message["role"], words(message)) for message in body["messages"]]
    # It must follow a user's turn directly (guide "Mid-conversation system messages").
    assert said == [("user", ["a"]), ("assistant", ["b"]), ("user", ["c"]), ("system", ["mid"])]


@pytest.mark.parametrize("takes", [False, True])
def test_any_other_model_gets_them_among_the_users_words(takes: bool) -> None:
    lonely = [*LATER["input"][:3], {"role": "assistant", "content": "d"}]
    body = sent(RESPONSES, ANTHROPIC, {**LATER, "input": lonely}, takes_system=takes)
    assert [m["role"] for m in body["messages"]] == ["user", "assistant", "user", "assistant"]
    assert words(body["messages"][2]) == [REMINDER]
    assert body["system"] == [{"type": "text", "text": "top"}]


def test_results_of_tools_come_before_an_instruction() -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c1", "output": "r"}
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object"}}]
    said = [{"role": "user", "content": "a"}, call, {"role": "developer", "content": "mid"}, output]
    body = sent(RESPONSES, ANTHROPIC, {"input": said, "tools": tools})
    assert [b["type"] for b in body["messages"][-1]["content"]] == ["tool_result", "text"]
    body = sent(RESPONSES, ANTHROPIC, {"input": said, "tools": tools}, takes_system=True)
    assert [m["role"] for m in body["messages"]] == ["user", "assistant", "user", "system"]


def test_gemini_gets_them_in_the_contents() -> None:
    body = sent(RESPONSES, GEMINI, LATER)
    assert body["systemInstruction"] == {"parts": [{"text": "top"}]}
    assert body["contents"][-1]["parts"] == [{"text": REMINDER}, {"text": "c"}]


def test_neighbouring_system_messages_are_one() -> None:
    said = [{"role": "developer", "content": "permissions"}, *LATER["input"]]
    body = sent(RESPONSES, CHAT, {**LATER, "input": said})
    told = [(message["role"], message["content"]) for message in body["messages"]]
    assert told == [
        ("system", "top\n\npermissions"),
        ("user", "a"),
        ("assistant", "b"),
        ("system", "mid"),
        ("user", "c"),
    ]


ROLES = st.lists(st.sampled_from(["user", "assistant", "system"]), min_size=1, max_size=8)


def chat(roles: list[str]) -> dict[str, Any]:
    first = [{"role": "system", "content": "top"}, {"role": "user", "content": "begin"}]
    said = [{"role": role, "content": f"word{i}."} for i, role in enumerate(roles)]
    return {"messages": [*first, *said], "max_tokens": 10}


@given(ROLES, ROLES, st.booleans())
def test_what_comes_later_changes_nothing_before_it(
    before: list[str], after: list[str], takes: bool
) -> None:
    """The system prompt stays, and every word is there once; the next turn begins with what was
    sent before."""
    for target, system in ((ANTHROPIC, "system"), (GEMINI, "systemInstruction")):
        short = sent(CHAT, target, chat(before), takes_system=takes)
        long = sent(CHAT, target, chat([*before, "user", "assistant", *after]), takes_system=takes)
        assert short[system] == long[system]
        written = json.dumps(long)
        for place in range(len(before) + 2 + len(after)):
            assert written.count(f"word{place}.") == 1


@given(ROLES)
def test_system_messages_between_turns_are_where_the_api_takes_them(roles: list[str]) -> None:
    said = [m["role"] for m in sent(CHAT, ANTHROPIC, chat(roles), takes_system=True)["messages"]]
    for place, role in enumerate(said):
        if role == "system":
            assert said[place - 1] == "user"
            assert place + 1 == len(said) or said[place + 1] == "assistant"


def test_an_instruction_for_one_turn_is_over_with_the_next() -> None:
    once = {"role": "system", "content": "once", "clear_at": "next_user_message"}
    begun: list[dict[str, Any]] = [{"role": "user", "content": "a"}, once]
    later = [*begun, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    assert "once" in json.dumps(sent(ANTHROPIC, CHAT, {"messages": begun, "max_tokens": 9}))
    assert "once" not in json.dumps(sent(ANTHROPIC, CHAT, {"messages": later, "max_tokens": 9}))
