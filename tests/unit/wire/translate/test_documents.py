"""Documents go on as files, as words, or are told as left out."""

import base64
import json
from typing import Any

import pytest

from switchyard.wire.registry import FORMATS
from switchyard.wire.registry import PROVIDER_FORMATS
from switchyard.wire.translate.documents import readable
from tests.unit.wire.crossing import dropped
from tests.unit.wire.crossing import read
from tests.unit.wire.crossing import sent

WORDS = "a,b\n1,2\n"
DATA = base64.b64encode(WORDS.encode()).decode()
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
TEXTUAL = ["text/csv", "text/markdown", "text/html", "application/json", "application/yaml"]
type Json = dict[str, Any]


def chat(media_type: str, data: str = DATA) -> Json:
    file = {"filename": "a.bin", "file_data": f"data:{media_type};base64,{data}"}
    return {"messages": [{"role": "user", "content": [{"type": "file", "file": file}]}]}


def gemini(media_type: str, data: str = DATA) -> Json:
    return {"contents": [{"parts": [{"inlineData": {"mimeType": media_type, "data": data}}]}]}


CLIENTS = [("openai-chat", chat), ("gemini", gemini)]


@pytest.mark.parametrize("media_type", TEXTUAL)
@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize(("client", "ask"), CLIENTS)
def test_what_is_text_reaches_everybody(
    client: str, ask: Any, target: str, media_type: str
) -> None:
    if client == target:
        assert readable(read(client, ask(media_type)), target) == read(client, ask(media_type))
        return
    body = json.dumps(sent(client, target, ask(media_type)))
    assert DATA in body or json.dumps(WORDS)[1:-1] in body
    assert not {"document-input", "document-types"} & set(dropped(client, target, ask(media_type)))
    if target == "openai-chat":
        assert '"file"' not in body


@pytest.mark.parametrize("target", ["anthropic", "gemini", "openai-chat"])
@pytest.mark.parametrize(("client", "ask"), CLIENTS)
@pytest.mark.parametrize("data", [DATA, base64.b64encode(b"PK\x03\x04\xff").decode()])
def test_what_nobody_reads_is_told(client: str, ask: Any, target: str, data: str) -> None:
    if client == target:
        pytest.skip("the client's own format takes what the client sends")
    body = json.dumps(sent(client, target, ask(DOCX, data)))
    assert data not in body and "is left out" in body
    assert "document-types" in dropped(client, target, ask(DOCX, data))


@pytest.mark.parametrize("target", ["anthropic", "gemini", "openai-chat", "openai-responses"])
def test_a_pdf_stays_a_file(target: str) -> None:
    body = sent("openai-chat", target, chat("application/pdf"))
    assert DATA in json.dumps(body)
    assert "document-types" not in dropped("openai-chat", target, chat("application/pdf"))


def test_bytes_that_are_no_text_are_no_words() -> None:
    body = json.dumps(sent("openai-chat", "anthropic", chat("text/csv", "////")))
    assert "is left out" in body


def test_documents_within_results_are_read_too() -> None:
    source = {"type": "base64", "media_type": "text/csv", "data": DATA}
    result = {"type": "tool_result", "tool_use_id": "t",
              "content": [{"type": "document", "source": source}]}  # fmt: skip
    body = {"max_tokens": 9, "messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
        {"role": "user", "content": [result]}]}  # fmt: skip
    assert json.dumps(WORDS)[1:-1] in json.dumps(sent("anthropic", "openai-chat", body))


def _illustrated(*words: Json) -> Json:
    """A document whose own content has words, and two pictures."""
    pictures = [
        {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
        {"type": "url", "url": "https://pictures.example/1.png"},
    ]
    content = [*words, *({"type": "image", "source": one} for one in pictures)]
    document = {"type": "document", "title": "T", "source": {"type": "content", "content": content}}
    return {"max_tokens": 9, "messages": [{"role": "user", "content": [document]}]}


@pytest.mark.parametrize("words", [(), ({"type": "text", "text": "Page one"},)])
@pytest.mark.parametrize("target", ["openai-chat", "openai-responses", "gemini"])
def test_pictures_within_a_document_go_on_beside_it(target: str, words: tuple[Json, ...]) -> None:
    asked = _illustrated(*words)
    body = json.dumps(sent("anthropic", target, asked))
    assert "iVBORw0KGgo=" in body and "https://pictures.example/1.png" in body
    assert ("Page one" in body or base64.b64encode(b"Page one").decode() in body) is bool(words)
    assert dropped("anthropic", target, asked) == []
    if not words:  # no file without content
        assert "text/plain" not in body


def test_pictures_that_a_format_does_not_take_are_told() -> None:
    asked = _illustrated({"type": "text", "text": "Page one"})
    assert "image-url" in dropped("anthropic", "ollama", asked)
    assert "image-input" in dropped("anthropic", "openai-completions", asked)


def test_a_document_with_pictures_stays_one_block_in_its_own_format() -> None:
    asked = {"model": "m", **_illustrated({"type": "text", "text": "Page one"})}
    assert FORMATS["anthropic"].write_request(read("anthropic", asked)) == asked


PLACES: dict[str, Json] = {
    "video/mp4": {"fileData": {"fileUri": "https://media.example/a.mp4", "mimeType": "video/mp4"}},
    "audio/wav": {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}},
    "image/png": {"fileData": {"fileUri": "https://media.example/a.png", "mimeType": "image/png"}},
    "application/pdf": {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0xLjQK"}},
}
"""Media that some formats lack."""


@pytest.mark.parametrize("target", [name for name in PROVIDER_FORMATS if name != "gemini"])
@pytest.mark.parametrize("media_type", PLACES)
def test_the_last_turn_stays_the_users(media_type: str, target: str) -> None:
    turns = [("user", {"text": "Look."}), ("model", {"text": "Yes."}), ("user", PLACES[media_type])]
    body = {"contents": [{"role": role, "parts": [part]} for role, part in turns]}
    told = json.dumps(sent("gemini", target, body))
    data = next(iter(PLACES[media_type].values()))
    assert ("is left out" in told) != ((data.get("data") or data["fileUri"]) in told)


@pytest.mark.parametrize("target", ["openai-chat", "openai-responses", "gemini", "ollama"])
def test_what_a_result_cannot_hold_is_told_in_its_place(target: str) -> None:
    file = {"type": "document", "source": {"type": "file", "file_id": "file_1"}}
    use = {"type": "tool_use", "id": "t1", "name": "read", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [file]}
    body = {"messages": [{"role": "user", "content": "Look."},
                         {"role": "assistant", "content": [use]},
                         {"role": "user", "content": [result]}]}  # fmt: skip
    told = json.dumps(sent("anthropic", target, body))
    assert ("is left out" in told) != ("file_1" in told)


def test_words_beside_it_are_all_that_is_said() -> None:
    parts = [{"text": "What is this?"}, PLACES["video/mp4"]]
    body = {"contents": [{"role": "user", "parts": parts}]}
    assert "is left out" not in json.dumps(sent("gemini", "anthropic", body))
