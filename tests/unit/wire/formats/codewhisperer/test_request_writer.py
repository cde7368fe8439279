"""Requests of every other format, written for the CodeWhisperer streaming API."""

import json
from typing import Any

import pytest

from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.registry import FORMATS
from switchyard.wire.registry import PROVIDER_FORMATS
from switchyard.wire.shared.call_ids import distinct
from switchyard.wire.shared.placing import lasting
from switchyard.wire.shared.tool_choice import choosable
from switchyard.wire.translate.documents import readable
from switchyard.wire.translate.losses import lost
from switchyard.wire.translate.merge_turns import joined
from switchyard.wire.translate.pair_results import paired
from switchyard.wire.translate.rename_tools import renamed
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import records

SERVICE = PROVIDER_FORMATS["codewhisperer"]
PNG = "iVBORw0KGgo="
TOOL = {"name": "weather", "description": "Tells the weather.",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}},
                         "required": [], "additionalProperties": False}}  # fmt: skip
CALL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Rain."}
TALK = [
    {"role": "user", "content": "How is Oslo?"},
    {"role": "assistant", "content": [{"type": "text", "text": "I look."}, CALL]},
    {"role": "user", "content": [RESULT]},
]


def conversation(client: str, body: dict[str, Any]) -> Conversation:
    said = FORMATS[client].read_request({"model": "m", "max_tokens": 9, **body})
    read = distinct(joined(readable(said, "codewhisperer")))
    return choosable(renamed(paired(lasting(read))), "codewhisperer")


def sent(messages: list[Any], client: str = "anthropic", **more: Any) -> dict[str, Any]:
    body = SERVICE.write_request(conversation(client, {"messages": messages, **more}))
    check(body)
    return body["conversationState"]


def check(body: dict[str, Any]) -> None:
    """What the service refuses a request for."""
    state = body["conversationState"]
    messages = [*state["history"], state["currentMessage"]]
    called: set[str] = set()
    tools = state["currentMessage"]["userInputMessage"].get("userInputMessageContext", {})
    for place, message in enumerate(messages):
        (kind,) = message
        assert kind == ("assistantResponseMessage" if place % 2 else "userInputMessage")
        said = message[kind]
        assert said["content"].strip()
        results = said.get("userInputMessageContext", {}).get("toolResults", [])
        assert {result["toolUseId"] for result in results} == called
        called = {call["toolUseId"] for call in said.get("toolUses", [])}
        assert all(isinstance(call["input"], dict) for call in said.get("toolUses", []))
        if results or called:
            assert tools.get("tools")
    assert len(messages) % 2
    for tool in tools.get("tools", []):
        said = tool["toolSpecification"]
        assert 0 < len(said["name"]) <= 64 and 0 < len(said["description"]) <= 10_000


def test_history_tools_and_results() -> None:
    state = sent(TALK, tools=[TOOL], system="Be brief.")
    first, second = state["history"]
    asked = {"content": "Be brief.\n\nHow is Oslo?", "origin": "CLI"}
    assert first == {"userInputMessage": asked}
    use = {"toolUseId": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
    assert second == {"assistantResponseMessage": {"content": "I look.", "toolUses": [use]}}
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    specified = {"name": "weather", "description": "Tells the weather.",
                 "inputSchema": {"json": schema}}  # fmt: skip
    result = {"toolUseId": "toolu_1", "status": "success", "content": [{"text": "Rain."}]}
    assert state["currentMessage"]["userInputMessage"] == {
        "content": ".", "origin": "CLI", "modelId": "m",
        "userInputMessageContext": {
            "toolResults": [result], "tools": [{"toolSpecification": specified}],
        },
    }  # fmt: skip
    assert state["chatTriggerType"] == "MANUAL"


def test_a_request_is_read_as_it_was_written() -> None:
    body = SERVICE.write_request(conversation("anthropic", {"messages": TALK, "tools": [TOOL]}))
    again = SERVICE.read_request(body)
    assert again.model == "m" and [turn.role for turn in again.turns] == [
        "user", "assistant", "user",
    ]  # fmt: skip
    calls = [part for part in again.parts() if isinstance(part, ToolCall)]
    assert [(c.id, c.name, json.loads(c.arguments)) for c in calls] == [
        ("toolu_1", "weather", {"city": "Oslo"})
    ]
    (result,) = (part for part in again.parts() if isinstance(part, ToolResult))
    assert (result.call_id, result.text, result.is_error) == ("toolu_1", "Rain.", None)
    written = SERVICE.write_request(again)["conversationState"]
    assert written["history"] == body["conversationState"]["history"]
    assert written["currentMessage"] == body["conversationState"]["currentMessage"]


def test_without_tools_calls_and_results_are_text() -> None:
    state = sent(TALK)
    assert "toolUses" not in json.dumps(state) and "toolResults" not in json.dumps(state)
    answer = state["history"][1]["assistantResponseMessage"]["content"]
    assert answer.startswith("I look.\n\n[weather: ")
    assert state["currentMessage"]["userInputMessage"]["content"] == "Rain."


def test_turns_begin_and_end_with_the_user() -> None:
    said = [("assistant", "Hello."), ("user", "Hi."), ("user", "Well?"), ("assistant", "It")]
    state = sent([{"role": role, "content": text} for role, text in said])
    contents = [next(iter(message.values()))["content"] for message in state["history"]]
    assert contents == [".", "Hello.", "Hi.\n\nWell?", "It"]
    assert state["currentMessage"]["userInputMessage"]["content"] == "Continue."


def test_a_failed_call_and_images_of_the_user_and_of_results() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    remote = {"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}}
    result = {**RESULT, "content": [{"type": "text", "text": "No."}, image], "is_error": True}
    talk = [*TALK[:2], {"role": "user", "content": [result, image, remote]}]
    asked = sent(talk, tools=[TOOL])["currentMessage"]["userInputMessage"]
    assert asked["images"] == [{"format": "png", "source": {"bytes": PNG}}] * 2
    assert asked["userInputMessageContext"]["toolResults"][0]["status"] == "error"


def test_long_and_missing_descriptions() -> None:
    long = {**TOOL, "description": "x" * 10_001}
    bare = {"name": "bare", "input_schema": {"type": "object", "properties": {}}}
    state = sent(TALK[:1], tools=[long, bare])
    asked = state["currentMessage"]["userInputMessage"]
    first, second = asked["userInputMessageContext"]["tools"]
    assert first["toolSpecification"]["description"] == "The instructions describe it."
    assert f"The tool weather:\n{'x' * 10_001}" in asked["content"]
    assert second["toolSpecification"]["description"] == "bare"
    assert second["toolSpecification"]["inputSchema"] == {"json": {"type": "object"}}


def test_a_property_may_have_the_name_of_a_word_of_schemas() -> None:
    schema = {"type": "object", "$schema": "x", "properties": {
        "required": {"type": "string", "enum": ["$schema"]},
        "additionalProperties": {"type": "object", "additionalProperties": False}}}  # fmt: skip
    state = sent(TALK[:1], tools=[{**TOOL, "input_schema": schema}])
    asked = state["currentMessage"]["userInputMessage"]
    (tool,) = asked["userInputMessageContext"]["tools"]
    assert tool["toolSpecification"]["inputSchema"]["json"] == {
        "type": "object",
        "properties": {
            "required": {"type": "string", "enum": ["$schema"]},
            "additionalProperties": {"type": "object"},
        },
    }


@pytest.mark.parametrize(
    ("choice", "offered"),
    [({"type": "none"}, []), ({"type": "tool", "name": "b"}, ["b"]), ({"type": "any"}, ["a", "b"])],
)
def test_only_what_may_be_called_is_offered(choice: dict[str, str], offered: list[str]) -> None:
    tools = [{**TOOL, "name": name} for name in "ab"]
    asked = sent(TALK[:1], tools=tools, tool_choice=choice)["currentMessage"]["userInputMessage"]
    found = asked.get("userInputMessageContext", {}).get("tools", [])
    assert [tool["toolSpecification"]["name"] for tool in found] == offered


def test_a_conversation_keeps_its_id_as_it_goes_on() -> None:
    first, later = sent(TALK[:1]), sent(TALK)
    other = sent([{"role": "user", "content": "How is Rome?"}])
    assert first["conversationId"] == later["conversationId"] != other["conversationId"]


def test_words_may_end_within_a_character() -> None:
    state = sent([{"role": "user", "content": "How is \ud83d"}])
    assert state["currentMessage"]["userInputMessage"]["content"] == "How is \ud83d"


def test_the_shape_of_the_answer_is_asked_for_in_words() -> None:
    shape = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    asked = sent(TALK[:1], "openai-chat", response_format=shape)["currentMessage"]
    assert '{"type":"object"}' in asked["userInputMessage"]["content"]


def test_what_is_left_out_is_told() -> None:
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    talk = [*TALK[:1], {"role": "assistant", "content": [thinking, CALL]}, TALK[2]]
    read = conversation("anthropic", {"messages": talk, "tools": [TOOL], "top_k": 3})
    assert lost(read, "codewhisperer") == ["thinking", "thinking-signature", "top_k"]
    assert "Hm." not in json.dumps(SERVICE.write_request(read))


@needs_corpus
@pytest.mark.parametrize("client", FORMATS)
def test_recorded_requests_keep_the_services_rules(client: str) -> None:
    tried = 0
    for record in records(client)[::23]:
        if record.request and record.status < 400:
            read = FORMATS[client].read_request({"model": "m", **record.request})
            read = distinct(joined(readable(read, "codewhisperer")))
            read = choosable(renamed(paired(lasting(read))), "codewhisperer")
            check(SERVICE.write_request(read))
            tried += 1
    assert tried or not records(client)
