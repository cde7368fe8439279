"""What a model says aloud is text for clients whose format knows no sound."""

import json
from typing import Any

import pytest

from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from switchyard.wire.translate.transcripts import Transcripts
from switchyard.wire.translate.transcripts import asks_for_sound
from tests.unit.wire.laws import ASKED

CHAT = FORMATS["openai-chat"]
WORDS = ["Rain ", "in June."]
CLIENTS = ["anthropic", "ollama"]


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


@pytest.mark.parametrize(
    ("modalities", "asks"), [(["text", "audio"], True), (["text"], False), (None, False)]
)
def test_who_asks_for_sound(modalities: list[str] | None, asks: bool) -> None:
    assert asks_for_sound({"modalities": modalities}) is asks
