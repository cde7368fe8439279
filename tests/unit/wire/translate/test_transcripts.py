"""What a model says aloud is text for clients that expect no sound."""

import json
from typing import Any

import pytest

from switchyard.wire.registry import CLIENT_FORMATS
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from switchyard.wire.translate.transcripts import Transcripts
from switchyard.wire.translate.transcripts import are_wanted
from tests.unit.wire.laws import ASKED

CHAT = FORMATS["openai-chat"]
WORDS = ["Rain ", "in June."]
CLIENTS = ["anthropic", "ollama", "gemini"]


def relay(client: str, streams: bool) -> Relay:
    return Relay(CHAT, FORMATS[client], streams, ASKED, stages=[Transcripts()])


def chunk(finish: str | None = None, **delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    said = {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}
    return b"data: %s\n\n" % json.dumps(said).encode()


@pytest.mark.parametrize("client", CLIENTS)
def test_whole_answers(client: str) -> None:
    audio = {"id": "a", "data": "AAAA", "transcript": "".join(WORDS), "expires_at": 1}
    message = {"role": "assistant", "content": None, "audio": audio}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice]}
    one = relay(client, False)
    one.start(200, "application/json")
    one.feed(json.dumps(body).encode())
    one.end()
    assert not one.failed
    assert "".join(WORDS) in one.body.decode()


@pytest.mark.parametrize("client", CLIENTS)
def test_streams(client: str) -> None:
    pieces = [{"id": "a", "transcript": WORDS[0]}, {"data": "AAAA"}, {"transcript": WORDS[1]}]
    one = relay(client, True)
    one.start(200, "text/event-stream")
    sent = [chunk(role="assistant"), *(chunk(audio=piece) for piece in pieces), chunk("stop")]
    out = b"".join(map(one.feed, [*sent, b"data: [DONE]\n\n"])) + one.end()
    assert not one.failed
    assert all(json.dumps(words)[1:-1].encode() in out for words in WORDS)
    assert b"AAAA" not in out


SPOKEN = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
TEXT_ALONE: list[list[str]] = [[], ["TEXT"], ["TEXT", "IMAGE"]]


@pytest.mark.parametrize("client", ["anthropic", "ollama"])
@pytest.mark.parametrize("body", [SPOKEN, {"modalities": ["text"]}, {"modalities": None}, {}])
def test_formats_without_sound(client: str, body: dict[str, Any]) -> None:
    assert are_wanted(FORMATS[client], (), body) is (body is SPOKEN)


@pytest.mark.parametrize("client", ["openai-chat", "openai-responses"])
def test_formats_with_sound(client: str) -> None:
    assert not are_wanted(FORMATS[client], (), SPOKEN)


@pytest.mark.parametrize("given", [None, *TEXT_ALONE, ["AUDIO"], ["TEXT", "AUDIO"]], ids=repr)
@pytest.mark.parametrize("client", ["gemini", "gemini-code-assist"])
def test_gemini_clients_get_the_modalities_that_they_ask_for(
    client: str, given: list[str] | None
) -> None:
    format = CLIENT_FORMATS[client]
    config = {} if given is None else {"responseModalities": given}
    said = {"contents": [{"parts": [{"text": "Say it."}]}], "generationConfig": config}
    body = {"model": "m", "request": said} if client != "gemini" else {"model": "m", **said}
    asked = format.read_request(body).modalities
    assert are_wanted(format, asked, SPOKEN) is ("AUDIO" not in (given or ()))
    assert not are_wanted(format, asked, {})
