"""Titles and contexts of text documents reach formats that have no words for them."""

from typing import Any

import pytest

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.registry import FORMATS

TEXT = {"type": "text", "media_type": "text/plain", "data": "Rain in June."}
CONTENT = {"type": "content", "content": [{"type": "text", "text": "Rain in June."}]}
TITLED = "Title: Weather\nContext: Of the last year\n\nRain in June."


def request(source: dict[str, Any], **more: str) -> dict[str, Any]:
    document = {"type": "document", "source": source, **more}
    question = {"type": "text", "text": "When?"}
    return {
        "model": "m",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": [document, question]}],
    }


def written(target: str, body: dict[str, Any]) -> bytes:
    conversation = FORMATS["anthropic"].read_request(body)
    return dumps(FORMATS[target].write_request(conversation))


@pytest.mark.parametrize("source", [TEXT, CONTENT], ids=["text", "content"])
@pytest.mark.parametrize("target", ["openai-chat", "ollama"])
def test_they_stand_above_the_text(target: str, source: dict[str, Any]) -> None:
    body = request(source, title="Weather", context="Of the last year")
    out = written(target, body)
    assert dumps(TITLED)[1:-1] in out
    assert written(target, body) == out


@pytest.mark.parametrize("target", ["openai-chat", "ollama"])
def test_each_may_be_missing(target: str) -> None:
    assert b"Title: Weather\\n\\nRain" in written(target, request(TEXT, title="Weather"))
    assert b"Context: Wet\\n\\nRain" in written(target, request(CONTENT, context="Wet"))
    assert b"Title" not in written(target, request(TEXT))
