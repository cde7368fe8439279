"""Member names of Gemini's messages in both spellings."""

import json
import re
from typing import Any

import pytest

from switchyard.wire.encoding.sse import Frame
from switchyard.wire.formats.gemini.code_assist import CodeAssist
from switchyard.wire.formats.gemini.counting import GeminiCount
from switchyard.wire.formats.gemini.embeddings import GeminiEmbeddings
from switchyard.wire.formats.gemini.reply import read_reply
from switchyard.wire.formats.gemini.spelling import is_snake
from switchyard.wire.formats.gemini.stream_reader import GeminiStreamReader
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.embedding import EmbeddingCall
from switchyard.wire.model.embedding import EmbeddingWish
from switchyard.wire.model.errors import BadReply

CALL = {"name": "look", "args": {"fileName": "a", "inner": [{"finishReason": 1}]}}
ANSWER: dict[str, Any] = {
    "candidates": [
        {
            "content": {
                "role": "model",
                "parts": [
                    {"text": 'it says "usage_metadata": 1', "thoughtSignature": "c2ln"},
                    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                    {"functionCall": CALL},
                ],
            },
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 9,
        "candidatesTokenCount": 4,
        "thoughtsTokenCount": 2,
        "promptTokensDetails": [{"modality": "IMAGE", "tokenCount": 3}],
    },
    "modelVersion": "gemini-x",
    "responseId": "r-1",
}


REQUEST: dict[str, Any] = {
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "contents": [
        {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]},
        {"role": "model", "parts": [{"functionCall": CALL, "thoughtSignature": "c2ln"}]},
    ],
    "generationConfig": {"maxOutputTokens": 9, "thinkingConfig": {"thinkingBudget": 128}},
    "tools": [{"functionDeclarations": [{"name": "look"}], "googleSearch": {}}],
}


def snake(node: Any) -> Any:
    """As protocol buffers print them with preserved field names; arguments are a struct."""
    if isinstance(node, list):
        return [snake(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {
        re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", name): value
        if name == "args"
        else snake(value)
        for name, value in node.items()
    }


def test_whole_answers() -> None:
    assert snake(ANSWER)["usage_metadata"]["prompt_tokens_details"][0]["token_count"] == 3
    assert read_reply(snake(ANSWER)) == read_reply(ANSWER)


def test_streams() -> None:
    def read(answer: dict[str, Any]) -> list[Any]:
        reader = GeminiStreamReader()
        return [*reader.feed(Frame(json.dumps(answer).encode())), *reader.close()]

    assert read(snake(ANSWER)) == read(ANSWER)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'{"usage_metadata" : {}}', True),
        (b'{"candidates":[{"finish_reason":"STOP"}]}', True),
        (b'{"text": "my_name and \\"usage_metadata\\": 1"}', False),
        (b'{"responseId": "a_b", "usageMetadata": {}}', False),
    ],
)
def test_ordinary_answers_are_left_alone(data: bytes, found: bool) -> None:
    assert is_snake(data) is found


def test_answers_in_the_envelope() -> None:
    format = CodeAssist()
    whole = {"response": ANSWER, "traceId": "t"}
    assert format.read_reply(snake(whole)) == format.read_reply(whole)

    def read(answer: dict[str, Any]) -> list[Any]:
        reader = format.stream_reader()
        return [*reader.feed(Frame(json.dumps(answer).encode())), *reader.close()]

    assert read(snake(whole)) == read(whole)


def test_requests_in_the_envelope() -> None:
    format = CodeAssist()

    def read(request: dict[str, Any]) -> Conversation:
        return format.read_request({"model": "g", "project": "p", "request": request})

    said, plain = read(snake(REQUEST)), read(REQUEST)
    assert (said.turns, said.tools, said.max_tokens) == (plain.turns, plain.tools, 9)
    assert said.reasoning == plain.reasoning


@pytest.mark.parametrize("inside", [False, True], ids=["contents", "request"])
def test_requests_to_count(inside: bool) -> None:
    body = {"generateContentRequest": {"model": "models/a", **REQUEST}} if inside else REQUEST
    count = GeminiCount()
    said, plain = count.read_request(snake(body), "g"), count.read_request(body, "g")
    assert said.turns == plain.turns and said.tools == plain.tools and said.turns
    written = count.write(snake(body), "g")
    if inside:
        assert written["generate_content_request"]["model"] == "models/g"
    assert written == snake(count.write(body, "g"))


def test_counts() -> None:
    count = GeminiCount()
    for zero in ({}, {"totalTokens": 0}, {"total_tokens": 0}):
        count.check(zero)
    count.check(snake({"totalTokens": 4, "promptTokensDetails": [{"tokenCount": 4}]}))
    with pytest.raises(BadReply):
        count.check(snake({"promptTokensDetails": [{"tokenCount": 4}]}))


TEXT = {"parts": [{"text": "a"}]}
WISH = {"taskType": "CLUSTERING", "outputDimensionality": 7, "title": "t"}


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("embedContent", {"content": TEXT, **WISH}),
        ("embedContent", {"content": TEXT, "embedContentConfig": WISH}),
        ("batchEmbedContents", {"requests": [{"model": "models/e", "content": TEXT, **WISH}]}),
    ],
)
def test_requests_to_embed(method: str, body: dict[str, Any]) -> None:
    def read(body: dict[str, Any]) -> EmbeddingWish:
        return GeminiEmbeddings().read_request(EmbeddingCall(body=body, method=method, model="e"))

    wish = read(snake(body))
    assert wish == read(body)
    assert (wish.dimensions, wish.task, wish.title) == (7, "CLUSTERING", "t")


@pytest.mark.parametrize(
    "held", [{"embedding": {"values": [1, 2]}}, {"embeddings": [{"values": [1]}]}]
)
def test_embeddings(held: dict[str, Any]) -> None:
    body = {**held, "usageMetadata": {"promptTokenCount": 5}}
    form = GeminiEmbeddings()
    found = form.read_reply(snake(body))
    assert found == form.read_reply(body) and found.usage is not None and found.usage.input == 5
