"""Titles and contexts of documents reach formats that have no words for them."""

from typing import Any

import pytest

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.registry import FORMATS
from tests.unit.wire.crossing import sent

TEXT = {"type": "text", "media_type": "text/plain", "data": "Rain in June."}
CONTENT = {"type": "content", "content": [{"type": "text", "text": "Rain in June."}]}
TITLED = "Title: Weather\nContext: Of the last year\n\nRain in June."


PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQK"}
AT = {"type": "url", "url": "https://a.test/d.pdf"}
CSV = {"type": "base64", "media_type": "text/csv", "data": "YSxiCg=="}


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


@pytest.mark.parametrize(
    ("target", "source", "beside"),
    [
        ("openai-chat", PDF, "Context: Wet"),
        ("openai-responses", PDF, "Context: Wet"),
        ("openai-responses", AT, "Context: Wet"),
        ("gemini", PDF, "Title: Weather\nContext: Wet"),
        ("gemini", AT, "Title: Weather\nContext: Wet"),
        ("gemini", TEXT, "Title: Weather\nContext: Wet"),
        ("gemini", CSV, "Title: Weather\nContext: Wet"),
        ("openai-responses", TEXT, "Context: Wet"),
    ],
)
@pytest.mark.parametrize("inside", [False, True], ids=["turn", "result"])
def test_those_of_a_file_are_said_once_before_it(
    target: str, source: dict[str, Any], beside: str, inside: bool
) -> None:
    body = request(source, title="Weather", context="Wet")
    if inside:
        body = as_result(body)
    out = dumps(sent("anthropic", target, body))
    assert out.count(dumps(beside)[1:-1]) == 1
    assert (out.count(b"Context"), out.count(b"Weather")) == (1, 1)
    assert dumps(sent("anthropic", target, body)) == out


@pytest.mark.parametrize("target", ["openai-chat", "openai-responses", "gemini"])
def test_a_file_without_them_stands_alone(target: str) -> None:
    out = dumps(sent("anthropic", target, request(PDF)))
    assert b"Title" not in out and b"Context" not in out


@pytest.mark.parametrize("client", ["openai-chat", "openai-responses"])
def test_the_name_of_a_file_is_no_title(client: str) -> None:
    file = {"filename": "d.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjQK"}
    if client == "openai-chat":
        part = {"type": "file", "file": file}
        body = {"messages": [{"role": "user", "content": [part]}]}
    else:
        body = {"input": [{"role": "user", "content": [{"type": "input_file", **file}]}]}
    [content] = sent(client, "gemini", body)["contents"]
    assert [list(part) for part in content["parts"]] == [["inlineData"]]


@pytest.mark.parametrize("target", ["openai-chat", "ollama", "codewhisperer", "converse"])
def test_those_of_a_text_that_a_tool_returned_stand_above_it(target: str) -> None:
    body = as_result(request(TEXT, title="Weather", context="Of the last year"))
    assert dumps(TITLED)[1:-1] in dumps(sent("anthropic", target, body))


def test_a_text_that_a_failed_tool_returned_reaches_gemini_once() -> None:
    body = as_result(request(TEXT), is_error=True)
    result = sent("anthropic", "gemini", body)["contents"][2]["parts"][0]["functionResponse"]
    assert "Rain" not in dumps(result["response"]).decode()
    assert result["parts"][0]["inlineData"]["mimeType"] == "text/plain"


def as_result(body: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The same content as the result of a call."""
    content = body["messages"][0]["content"]
    call = {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": content, **more}
    messages = [
        {"role": "user", "content": "Go."},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]
    tool = {"name": "read", "input_schema": {"type": "object"}}
    return {**body, "messages": messages, "tools": [tool]}
