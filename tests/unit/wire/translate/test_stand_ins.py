"""What stands in place of thinking that a provider asks for."""

from typing import Any

import pytest

from switchyard.wire.formats.gemini.names import NO_SIGNATURE
from switchyard.wire.translate.stand_ins import with_signatures_stood_in
from switchyard.wire.translate.stand_ins import with_thinking_stood_in
from switchyard.wire.translate.stand_ins import without_thinking

CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
OTHER = {**CALL, "id": "d"}


def test_geminis_first_call_of_a_turn_gets_the_word():
    calls = [{"functionCall": {"name": "f"}}, {"functionCall": {"name": "g"}}]
    signed = [{"functionCall": {"name": "h"}, "thoughtSignature": "S"}]
    body: dict[str, Any] = {
        "contents": [
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": calls},
            {"role": "model", "parts": signed},
        ]
    }
    made = with_signatures_stood_in(body, "gemini")
    assert made["contents"][1]["parts"] == [
        {**calls[0], "thoughtSignature": NO_SIGNATURE},
        calls[1],
    ]
    assert made["contents"][2]["parts"] is signed
    assert with_signatures_stood_in(made, "gemini") is made


def test_chats_first_call_of_a_turn_gets_the_word():
    body: dict[str, Any] = {"messages": [{"role": "assistant", "tool_calls": [CALL, OTHER]}]}
    made = with_signatures_stood_in(body, "openai-chat")
    first, second = made["messages"][0]["tool_calls"]
    assert first["extra_content"]["google"]["thought_signature"] == NO_SIGNATURE
    assert second is OTHER
    assert with_signatures_stood_in(made, "openai-chat") is made


@pytest.mark.parametrize("empty", [{}, {"reasoning_content": ""}, {"reasoning_content": None}])
def test_a_space_stands_for_thinking_in_chat(empty: dict[str, Any]):
    bare = {"role": "assistant", "content": "x", **empty}
    known = {"role": "assistant", "content": "y", "reasoning": "so"}
    body: dict[str, Any] = {"messages": [{"role": "user", "content": "go"}, bare, known]}
    made = with_thinking_stood_in(body, "openai-chat")
    assert made["messages"][1]["reasoning_content"] == " "
    assert made["messages"][2] is known
    assert with_thinking_stood_in(made, "openai-chat") is made


def test_each_call_of_responses_gets_a_reasoning_item():
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    thought = {"type": "reasoning", "summary": [], "encrypted_content": "x"}
    body: dict[str, Any] = {"input": [{"role": "user", "content": "go"}, thought, call, call]}
    made = with_thinking_stood_in(body, "openai-responses")
    kinds = [item.get("type") for item in made["input"]]
    assert kinds == [None, "reasoning", "function_call", "reasoning", "function_call"]
    assert with_thinking_stood_in(made, "openai-responses") is made


@pytest.mark.parametrize(
    ("model", "thinking"), [("claude-opus-4-5", None), ("deepseek-v4", {"type": "disabled"})]
)
def test_anthropics_format_asks_for_no_thinking(model: str, thinking: Any):
    blocks = [
        {"type": "thinking", "thinking": "t", "signature": "s"},
        {"type": "text", "text": "x"},
    ]
    body: dict[str, Any] = {
        "model": model,
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "messages": [{"role": "user", "content": "go"}, {"role": "assistant", "content": blocks}],
    }
    made = with_thinking_stood_in(body, "anthropic")
    assert made.get("thinking") == thinking
    assert made["messages"][1]["content"] == [{"type": "text", "text": "x"}]


THOUGHTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "openai-chat": (
        {"messages": [{"role": "assistant", "content": "x", "reasoning": "t"}]},
        {"messages": [{"role": "assistant", "content": "x"}]},
    ),
    "openai-responses": (
        {"input": [{"type": "reasoning", "summary": []}, {"role": "user", "content": "x"}]},
        {"input": [{"role": "user", "content": "x"}]},
    ),
    "anthropic": (
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": [{"type": "redacted_thinking", "data": "x"}, {"type": "text"}],
                }
            ]
        },
        {"messages": [{"role": "assistant", "content": [{"type": "text"}]}]},
    ),
    "gemini": (
        {"contents": [{"role": "model", "parts": [{"text": "t", "thought": True}, {"text": "x"}]}]},
        {"contents": [{"role": "model", "parts": [{"text": "x"}]}]},
    ),
}


@pytest.mark.parametrize("format", THOUGHTS)
def test_thinking_of_any_kind_is_left_out(format: str):
    body, expected = THOUGHTS[format]
    assert without_thinking(body, format) == expected
    assert without_thinking(expected, format) is expected


@pytest.mark.parametrize("format", ["openai-chat", "openai-responses", "anthropic", "gemini"])
def test_where_the_model_has_said_nothing_nothing_changes(format: str):
    member = {"openai-responses": "input", "gemini": "contents"}.get(format, "messages")
    body: dict[str, Any] = {"model": "claude-x", member: [{"role": "user", "content": "go"}]}
    assert with_thinking_stood_in(body, format) is body
    assert with_signatures_stood_in(body, format) is body
