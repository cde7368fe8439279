"""Requests of every other format, written for Bedrock's Converse API."""

import json
from dataclasses import replace

import pytest

from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.registry import FORMATS
from switchyard.wire.translate.losses import lost
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import requests
from tests.unit.wire.formats.converse.asking import CALL
from tests.unit.wire.formats.converse.asking import LLAMA
from tests.unit.wire.formats.converse.asking import MODELS
from tests.unit.wire.formats.converse.asking import NOVA
from tests.unit.wire.formats.converse.asking import PNG
from tests.unit.wire.formats.converse.asking import RESULT
from tests.unit.wire.formats.converse.asking import SERVICE
from tests.unit.wire.formats.converse.asking import TALK
from tests.unit.wire.formats.converse.asking import TOOL
from tests.unit.wire.formats.converse.asking import check
from tests.unit.wire.formats.converse.asking import conversation
from tests.unit.wire.formats.converse.asking import sent


def test_instructions_history_calls_and_results() -> None:
    body = sent(TALK, tools=[TOOL], system="Be brief.")
    assert body["system"] == [{"text": "Be brief."}]
    first, second, third = body["messages"]
    assert first == {"role": "user", "content": [{"text": "How is Oslo?"}]}
    use = {"toolUseId": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
    assert second == {"role": "assistant", "content": [{"text": "I look."}, {"toolUse": use}]}
    result = {"toolUseId": "toolu_1", "content": [{"text": "Rain."}]}
    assert third == {"role": "user", "content": [{"toolResult": result}]}
    assert "model" not in body and "stream" not in body


def test_a_request_is_read_as_it_was_written() -> None:
    body = sent(TALK, tools=[TOOL], system="Be brief.", tool_choice={"type": "any"})
    again = SERVICE.read_request(body)
    assert [turn.role for turn in again.turns] == ["system", "user", "assistant", "user"]
    calls = [part for part in again.parts() if isinstance(part, ToolCall)]
    assert [(c.id, c.name, json.loads(c.arguments)) for c in calls] == [
        ("toolu_1", "weather", {"city": "Oslo"})
    ]
    (result,) = (part for part in again.parts() if isinstance(part, ToolResult))
    assert (result.call_id, result.text, result.is_error) == ("toolu_1", "Rain.", None)
    assert SERVICE.write_request(replace(again, model=NOVA)) == body


def test_without_tools_calls_and_results_are_text() -> None:
    for body in (sent(TALK), sent(TALK, tools=[TOOL], tool_choice={"type": "none"})):
        written = json.dumps(body)
        assert "toolUse" not in written and "toolResult" not in written
        assert body["messages"][1]["content"][1]["text"].startswith("[weather: ")
        assert body["messages"][2]["content"] == [{"text": "Rain."}]


def test_turns_begin_and_end_with_the_user() -> None:
    said = [("assistant", "Hello."), ("user", "Hi."), ("user", "Well?"), ("assistant", "It")]
    body = sent([{"role": role, "content": text} for role, text in said])
    texts = [[block["text"] for block in one["content"]] for one in body["messages"]]
    assert texts == [["."], ["Hello."], ["Hi.", "Well?"], ["It"], ["Continue."]]


def test_results_come_first_and_blank_words_are_left_out() -> None:
    last = {"role": "user", "content": [{"type": "text", "text": "So?"}, RESULT]}
    blank = {"role": "user", "content": [{"type": "text", "text": " "}]}
    body = sent([*TALK[:2], last], tools=[TOOL])
    assert [*map(next, map(iter, body["messages"][-1]["content"]))] == ["toolResult", "text"]
    assert sent([blank])["messages"] == [{"role": "user", "content": [{"text": "."}]}]


def test_a_failed_call_and_its_image_where_models_take_them() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    result = {**RESULT, "content": [{"type": "text", "text": "No."}, image], "is_error": True}
    talk = [*TALK[:2], {"role": "user", "content": [result]}]
    block = {"image": {"format": "png", "source": {"bytes": PNG}}}
    (told,) = sent(talk, tools=[TOOL])["messages"][-1]["content"]
    assert told["toolResult"]["status"] == "error"
    assert told["toolResult"]["content"] == [{"text": "No."}, block]
    plain, apart = sent(talk, tools=[TOOL], model=LLAMA)["messages"][-1]["content"]
    assert plain["toolResult"] == {"toolUseId": "toolu_1", "content": [{"text": "No."}]}
    assert apart == block


def test_media_of_the_model_are_the_next_users() -> None:
    drawn = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    contents = [{"role": "user", "parts": [{"text": "Draw."}]},
                {"role": "model", "parts": [drawn]},
                {"role": "user", "parts": [{"text": "Again."}]}]  # fmt: skip
    body = SERVICE.write_request(conversation("gemini", {"contents": contents}, NOVA))
    check(body, NOVA)
    assert body["messages"][1]["content"] == [{"text": "."}]
    assert [*body["messages"][2]["content"][0]] == ["image"]


def test_reasoning_of_its_own_goes_back_signed() -> None:
    reasoning = {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}
    hidden = {"redactedContent": "aGlkZGVu"}
    content = [{"reasoningContent": reasoning}, {"reasoningContent": hidden}, {"text": "Fine."}]
    body = {"messages": [{"role": "user", "content": [{"text": "Well?"}]},
                         {"role": "assistant", "content": content},
                         {"role": "user", "content": [{"text": "Sure?"}]}]}  # fmt: skip
    assert SERVICE.write_request(SERVICE.read_request(body))["messages"] == body["messages"]


def test_reasoning_of_others_is_left_out_and_told() -> None:
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    talk = [*TALK[:1], {"role": "assistant", "content": [thinking, CALL]}, TALK[2]]
    read = conversation("anthropic", {"messages": talk, "tools": [TOOL]}, NOVA)
    assert lost(read, "converse") == ["thinking-signature"]
    assert "Hm." not in json.dumps(SERVICE.write_request(read))


def test_ids_that_the_service_refuses_are_others() -> None:
    id = "call|" + "x" * 70
    call = {"id": id, "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    talk = [{"role": "user", "content": "Oslo?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": id, "content": "Rain."}]  # fmt: skip
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    body = sent(talk, "openai-chat", tools=[tool])
    assert body["messages"][1]["content"][0]["toolUse"]["toolUseId"].startswith("call_")


@needs_corpus
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("client", FORMATS)
def test_recorded_requests_keep_the_services_rules(client: str, model: str) -> None:
    tried = 0
    for record in requests(client)[::7]:
        read = conversation(client, record.request or {}, model)
        check(SERVICE.write_request(read), model)
        tried += 1
    assert tried or not requests(client)


def test_turns_of_which_nothing_is_written_leave_no_turn() -> None:
    listed = {"type": "mcp_list_tools", "id": "mcpl_1", "server_label": "s", "tools": []}
    talk = [listed, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"},
            {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True},
            {"role": "assistant", "content": "Well?"},
            {"role": "user", "content": "Go on."}]  # fmt: skip
    body = SERVICE.write_request(conversation("openai-responses", {"input": talk}, NOVA))
    check(body, NOVA)
    said = [[block["text"] for block in message["content"]] for message in body["messages"]]
    assert said == [["Hi"], ["Yes?", "Well?"], ["Go on."]]
