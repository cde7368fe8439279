"""Shapes of requests that recordings of real clients showed."""

import json
from typing import Any

import pytest

from switchyard.wire.registry import FORMATS
from tests.unit.wire.crossing import dropped
from tests.unit.wire.crossing import sent

type Json = dict[str, Any]
OTHERS = [name for name in FORMATS if name not in ("gemini", "openai-completions")]


def choosing(mode: str, *names: str) -> Json:
    calling = {"mode": mode, **({"allowedFunctionNames": list(names)} if names else {})}
    return {
        "contents": [{"role": "user", "parts": [{"text": "x"}]}],
        "tools": [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}],
        "toolConfig": {"functionCallingConfig": calling},
    }


@pytest.mark.parametrize("mode", ["ANY", "AUTO", "NONE", "VALIDATED"])
@pytest.mark.parametrize("names", [(), ("f",), ("f", "g")])
@pytest.mark.parametrize("target", OTHERS)
def test_a_mode_is_read_in_any_letters(target: str, mode: str, names: tuple[str, ...]) -> None:
    meant = sent("gemini", target, choosing(mode, *names))
    assert sent("gemini", target, choosing(mode.lower(), *names)) == meant
    assert sent("gemini", target, choosing(mode.title(), *names)) == meant


ANSWERED_ITSELF = {
    "contents": [
        {"role": "user", "parts": [{"text": "x"}]},
        {"role": "model", "parts": [
            {"text": "I look."},
            {"functionCall": {"name": "f", "args": {"a": 1}}},
            {"functionResponse": {"name": "f", "response": {"output": "FOUND"}}},
            {"text": "There."}]},
        {"role": "user", "parts": [{"text": "y"}]},
    ]
}  # fmt: skip


@pytest.mark.parametrize("target", OTHERS)
def test_a_result_in_the_models_own_turn_answers_its_call(target: str) -> None:
    body = json.dumps(sent("gemini", target, ANSWERED_ITSELF))
    order = [body.index(words) for words in ("I look.", "FOUND", "There.", '"y"')]
    assert order == sorted(order)
    assert "not answered" not in body
    assert dropped("gemini", target, ANSWERED_ITSELF) == []


@pytest.mark.parametrize(
    ("audio", "data", "media_type"),
    [
        ("UklGRg==", "UklGRg==", "audio/wav"),
        ("data:audio/mp3;base64,SUQz", "SUQz", "audio/mp3"),
        ("SUQzAA==", "SUQzAA==", "audio/mpeg"),
        ({"data": "UklGRg==", "format": "wav"}, "UklGRg==", "audio/wav"),
    ],
)
def test_audio_in_mistrals_shape_is_audio(audio: Any, data: str, media_type: str) -> None:
    body = {"messages": [{"role": "user", "content": [
        {"type": "input_audio", "input_audio": audio}]}]}  # fmt: skip
    (part,) = sent("openai-chat", "gemini", body)["contents"][0]["parts"]
    assert part["inlineData"] == {"mimeType": media_type, "data": data}
    assert dropped("openai-chat", "anthropic", body) == ["audio-input"]
    assert sent("openai-chat", "openai-chat", body)["messages"] == body["messages"]


def test_the_address_of_audio_is_an_address() -> None:
    url = "https://a.example/x.mp3"
    body = {"messages": [{"role": "user", "content": [
        {"type": "input_audio", "input_audio": url}]}]}  # fmt: skip
    (part,) = sent("openai-chat", "gemini", body)["contents"][0]["parts"]
    assert part["fileData"]["fileUri"] == url
