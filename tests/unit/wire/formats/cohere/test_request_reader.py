"""Cohere's v2 chat requests, as providers of other formats get them."""

from typing import Any

import pytest

from switchyard.wire.formats.cohere import CohereChat
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.registry import FORMATS

HERE = CohereChat()
CHAT = FORMATS["openai-chat"]
ASK = {"role": "user", "content": "Well?"}
TOOL = {
    "type": "function",
    "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object"}},
}


def asked(messages: list[dict[str, Any]] | None = None, **members: Any) -> dict[str, Any]:
    """The request of Chat Completions that comes of one of Cohere's."""
    body = {"model": "m", "messages": [ASK] if messages is None else messages, **members}
    return CHAT.write_request(HERE.read_request(body))


def test_settings_have_their_names_in_chat_completions() -> None:
    written = asked(
        p=0.5,
        stop_sequences=["END"],
        max_tokens=7,
        temperature=0.25,
        seed=3,
        frequency_penalty=0.5,
        presence_penalty=0.75,
        stream=True,
    )
    assert written["top_p"] == 0.5 and written["stop"] == ["END"] and written["seed"] == 3
    assert written["temperature"] == 0.25 and written["stream"] is True
    assert written["frequency_penalty"] == 0.5 and written["presence_penalty"] == 0.75
    assert 7 in (written.get("max_tokens"), written.get("max_completion_tokens"))
    anthropic = FORMATS["anthropic"]
    assert (
        anthropic.write_request(HERE.read_request({"model": "m", "messages": [ASK], "k": 5}))[
            "top_k"
        ]
        == 5
    )


def test_zero_is_no_choice_among_tokens() -> None:
    assert HERE.read_request({"model": "m", "messages": [ASK], "k": 0}).top_k is None


@pytest.mark.parametrize(
    ("choice", "mode"), [("REQUIRED", "required"), ("NONE", "none"), (None, None)]
)
def test_tools_and_their_choice(choice: str | None, mode: str | None) -> None:
    said = HERE.read_request(
        {"model": "m", "messages": [ASK], "tools": [TOOL], "tool_choice": choice}
    )
    assert [tool.name for tool in said.tools] == ["look"]
    assert (said.tool_choice.mode if said.tool_choice else None) == mode


def test_strict_tools() -> None:
    (tool,) = asked(tools=[TOOL], strict_tools=True)["tools"]
    assert tool["function"]["strict"] is True and tool["function"]["name"] == "look"


def test_a_turn_with_a_plan_calls_and_documents_as_results() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    written = asked(
        [
            {"role": "system", "content": "Be brief."},
            ASK,
            {"role": "assistant", "tool_plan": "I will look.", "tool_calls": [call]},
            {
                "role": "tool",
                "tool_call_id": "c1",
                "content": [
                    {"type": "document", "document": {"id": "d", "data": '{"sun": 1}'}},
                    {"type": "document", "document": {"data": {"rain": 2}}},
                    {"type": "text", "text": "More."},
                ],
            },
        ],
        tools=[TOOL],
    )["messages"]
    assert [one["role"] for one in written] == ["system", "user", "assistant", "tool"]
    assert "I will look." in str(written[2]["content"])
    assert written[2]["tool_calls"][0]["id"] == written[3]["tool_call_id"] == "c1"
    result = str(written[3]["content"])
    assert '{"sun": 1}' in result and '{"rain":2}' in result and "More." in result


def test_documents_precede_the_last_question() -> None:
    earlier = [ASK, {"role": "assistant", "content": "Yes."}, {"role": "user", "content": "Why?"}]
    documents = ["One.", {"id": "d", "data": {"text": "Two."}}]
    said = HERE.read_request({"model": "m", "messages": earlier, "documents": documents})
    texts = [getattr(part, "text", "") for part in said.turns[-1].parts]
    assert texts == ["One.", '{"text":"Two."}', "Why?"] and len(said.turns[0].parts) == 1


def test_the_shape_of_the_answer() -> None:
    assert asked(response_format={"type": "json_object"})["response_format"] == {
        "type": "json_object"
    }
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    shape = asked(response_format={"type": "json_object", "json_schema": schema})
    assert shape["response_format"]["type"] == "json_schema"
    assert shape["response_format"]["json_schema"]["schema"] == schema


def test_thinking() -> None:
    thinking = {"type": "enabled", "token_budget": 2048}
    said = HERE.read_request({"model": "m", "messages": [ASK], "thinking": thinking})
    assert said.reasoning is not None
    assert said.reasoning.enabled is True and said.reasoning.budget == 2048


def test_what_providers_do_not_know_stays_behind() -> None:
    assert asked(safety_mode="STRICT", citation_options={"mode": "FAST"}) == asked()


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": "m"}, "messages"),
        ({"model": "m", "message": "Hi", "chat_history": []}, "message"),
        ({"model": "m", "messages": "Hi"}, "messages"),
        ({"model": "m", "messages": ["Hi"]}, "messages.0"),
        ({"model": "m", "messages": [{"role": "judge", "content": "x"}]}, "messages.0.role"),
        ({"messages": [ASK]}, "model"),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as failure:
        HERE.read_request(body)
    assert failure.value.param == param
