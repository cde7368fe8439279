"""What real providers and tools write otherwise than their format's reference says."""

import json
from dataclasses import replace
from typing import Any

import pytest

from switchyard.wire.format import Asked
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay

ASKED = Asked(model="m", id="1", created=1, include_usage=True)


def relayed(upstream: str, client: str, data: bytes, streams: bool, sse: bool) -> str:
    home = FORMATS[upstream]
    relay = Relay(home, FORMATS[client], streams, ASKED)
    relay.start(200, home.content_type if sse else "application/json")
    out = relay.feed(data) + relay.end()
    assert not relay.failed, relay.problem
    return (out if streams else relay.body).decode()


def of_chat(client: str, **choice: Any) -> Any:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi."}, **choice}
    body = {"id": "x", "object": "chat.completion", "choices": [choice]}
    return json.loads(relayed("openai-chat", client, json.dumps(body).encode(), False, False))


def translated(source: str, target: str, body: Any) -> tuple[Conversation, Any]:
    conversation = FORMATS[source].read_request(body)
    return conversation, FORMATS[target].write_request(replace(conversation, model="m"))


@pytest.mark.parametrize("streams", [True, False])
def test_arguments_of_a_call_without_any_are_an_object(streams: bool) -> None:
    """Anthropic streams none for them; clients of Chat parse what they are given."""
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "msg_1", "content": []}},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "tool_use", "id": "t", "name": "now", "input": {}},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        {"type": "message_stop"},
    ]
    data = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)
    out = relayed("anthropic", "openai-chat", data, streams, True)
    chunks = [json.loads(line[6:]) for line in out.splitlines() if line[:7] == "data: {"]
    said = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    said = said if streams else [json.loads(out)["choices"][0]["message"]]
    calls = [call for one in said for call in one.get("tool_calls") or ()]
    assert "".join(call["function"]["arguments"] for call in calls) == "{}"


@pytest.mark.parametrize(
    ("word", "anthropic", "gemini"),
    [
        ("content_filter: PROHIBITED_CONTENT", "refusal", "SAFETY"),
        ("SAFETY", "refusal", "SAFETY"),
        ("model_context_window_exceeded", "model_context_window_exceeded", "MAX_TOKENS"),
        ("COMPLETE", "end_turn", "STOP"),
        ("eos_token", "end_turn", "STOP"),
    ],
)
def test_words_for_the_end_of_an_answer(word: str, anthropic: str, gemini: str) -> None:
    assert of_chat("anthropic", finish_reason=word)["stop_reason"] == anthropic
    assert of_chat("gemini", finish_reason=word)["candidates"][0]["finishReason"] == gemini


def test_annotations_as_the_responses_api_writes_them() -> None:
    source = {"type": "url_citation", "url": "https://a.test", "title": "A"}
    message = {"role": "assistant", "content": "Hi.", "annotations": [source]}
    (block,) = of_chat("anthropic", message=message)["content"]
    assert [c["url"] for c in block["citations"]] == ["https://a.test"]


def test_a_schema_as_the_responses_api_writes_it() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    wish = {"type": "json_schema", "name": "a", "schema": schema}
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "response_format": wish}
    _, written = translated("openai-chat", "gemini", body)
    assert written["generationConfig"]["responseJsonSchema"] == schema


IMAGE = "data:image/png;base64,iVBORw0KGgo="


@pytest.mark.parametrize("kind", ["function_call", "custom_tool_call"])
def test_an_image_that_codex_wrote_into_a_text(kind: str) -> None:
    parts = [{"type": "input_text", "text": "seen"}, {"type": "input_image", "image_url": IMAGE}]
    call = {"type": kind, "call_id": "c", "name": "view_image", "arguments": "{}", "input": "a"}
    output = {"type": f"{kind}_output", "call_id": "c", "output": json.dumps(parts)}
    body = {"model": "m", "input": [{"role": "user", "content": "Look."}, call, output]}
    conversation, written = translated("openai-responses", "anthropic", body)
    (result,) = [p for p in conversation.parts() if isinstance(p, ToolResult)]
    assert [type(part) for part in result.parts] == [Text, Media]
    (block,) = written["messages"][-1]["content"]
    assert [part["type"] for part in block["content"]] == ["text", "image"]
    assert FORMATS["openai-responses"].write_request(conversation) == body


@pytest.mark.parametrize(
    "text", ['[{"type":"input_image"', '["input_image"]', '[{"a":"input_image"}]']
)
def test_other_texts_stay_texts(text: str) -> None:
    output = {"type": "function_call_output", "call_id": "c", "output": text}
    conversation = FORMATS["openai-responses"].read_request({"model": "m", "input": [output]})
    (result,) = [p for p in conversation.parts() if isinstance(p, ToolResult)]
    assert result.text == text


@pytest.mark.parametrize("target", ["openai-chat", "openai-responses", "gemini", "ollama"])
def test_pieces_of_a_result_that_have_words_are_told(target: str) -> None:
    found = [
        {
            "type": "search_result",
            "source": "https://a.test",
            "title": "Title",
            "content": [{"type": "text", "text": "Words of the page"}],
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Doc"}},
    ]
    call = {"type": "tool_use", "id": "c", "name": "search", "input": {"query": "web"}}
    body = {
        "model": "m",
        "max_tokens": 9,
        "messages": [
            {"role": "user", "content": "Go."},
            {"role": "assistant", "content": [call]},
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "c", "content": found}],
            },
        ],
    }
    said = json.dumps(translated("anthropic", target, body)[1])
    assert "Words of the page" in said
    # Gemini takes a document as one; Chat and Responses do too.
    assert "Doc" in said or "RG9j" in said
