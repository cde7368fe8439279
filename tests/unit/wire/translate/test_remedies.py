"""Conversations that a provider refused to read, rewritten by what it refused."""

import re
from typing import Any

import pytest

from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.registry import FORMATS
from switchyard.wire.translate.remedies import REMEDIES
from switchyard.wire.translate.remedies import remedied_body
from switchyard.wire.translate.remedies import remedied_turns
from switchyard.wire.translate.remedies import with_own_turns_remedied

CHAT = FORMATS["openai-chat"]


def user(*parts: Any) -> Turn:
    return Turn(role="user", parts=parts)


def model(*parts: Any) -> Turn:
    return Turn(role="assistant", parts=parts)


def said(*turns: Turn) -> Conversation:
    return Conversation(format="anthropic", model="m", turns=turns)


CALL = ToolCall(id="functions.read:0", name="read", arguments='{"p": 1}')
RESULT = ToolResult(call_id="functions.read:0", parts=(Text(text="found"),))
GO = user(Text(text="go"))


def test_ids_fit_everybody_and_stay_those_of_one_pair():
    turns = remedied_turns(said(GO, model(CALL), user(RESULT)), ("calls",), "openai-chat").turns
    call, result = turns[1].parts[0], turns[2].parts[0]
    assert isinstance(call, ToolCall) and isinstance(result, ToolResult)
    assert re.fullmatch("[A-Za-z0-9]{9}", call.id)
    assert result.call_id == call.id


def test_an_id_is_renamed_the_same_way_at_every_turn():
    short = remedied_turns(said(GO, model(CALL), user(RESULT)), ("calls",), "anthropic")
    long = remedied_turns(said(GO, model(CALL), user(RESULT), model(Text(text="so"))), ("calls",),
                          "anthropic")  # fmt: skip
    assert long.turns[:3] == short.turns


def test_a_call_without_result_and_a_result_without_call_are_paired():
    orphan = ToolResult(call_id="other", parts=(Text(text="late"),))
    made = remedied_turns(said(GO, model(CALL), user(orphan)), ("calls",), "anthropic")
    calls = [p for turn in made.turns for p in turn.parts if isinstance(p, ToolCall)]
    results = [p for turn in made.turns for p in turn.parts if isinstance(p, ToolResult)]
    assert [result.call_id for result in results] == [call.id for call in calls]
    assert "late" in [p.text for turn in made.turns for p in turn.parts if isinstance(p, Text)]


def test_calls_and_results_become_text():
    made = remedied_turns(said(GO, model(CALL), user(RESULT)), ("results",), "anthropic")
    assert [[p.text for p in turn.parts if isinstance(p, Text)] for turn in made.turns] == [
        ["go"],
        ['[read: {"p": 1}]'],
        ["found"],
    ]


@pytest.mark.parametrize("remedy", REMEDIES)
@pytest.mark.parametrize("format", FORMATS)
def test_what_needs_no_remedy_stays_as_it_is(remedy: str, format: str):
    fine = said(GO)
    assert remedied_turns(fine, (remedy,), format) is fine
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "go"}]}
    assert remedied_body(body, (remedy,), format) is body


def test_all_but_the_turns_stays_as_the_client_wrote_it():
    body: dict[str, Any] = {
        "model": "m",
        "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "a.b", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "a.b", "content": "r"},
        ],
        "unknown": {"to": "us"},
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}, "odd": 1}}],
    }  # fmt: skip
    made = with_own_turns_remedied(body, ("calls",), CHAT)
    assert {**made, "messages": 0} == {**body, "messages": 0}
    _, call, result = made["messages"]
    assert re.fullmatch("[A-Za-z0-9]{9}", result["tool_call_id"])
    assert call["tool_calls"][0]["id"] == result["tool_call_id"]
    assert with_own_turns_remedied(body, ("proofs", "roles"), CHAT) is body
