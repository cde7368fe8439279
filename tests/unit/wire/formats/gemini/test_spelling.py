"""Member names of Gemini's messages in both spellings."""

import json
import re
from typing import Any

import pytest

from switchyard.wire.encoding.sse import Frame
from switchyard.wire.formats.gemini.reply import read_reply
from switchyard.wire.formats.gemini.spelling import is_snake
from switchyard.wire.formats.gemini.stream_reader import GeminiStreamReader

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
