"""What a Chat model says aloud, for a Gemini client, through the real proxy."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.integration.e2e.stage import KEY
from tests.support.answers import CHAT
from tests.support.router import Router
from tests.support.steps import whole
from tests.support.upstream import Upstream

WORDS = "Rain in June."
SPEECH = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}


@pytest.fixture
def router(upstream: Upstream, start_router: Callable[..., Router]) -> Router:
    entry = {"name": "chat", "format": "openai-chat", "base-url": f"{upstream.url}/v1"}
    rules = [{"models": ["*"], "params": SPEECH}]
    return start_router(
        {"providers": [{**entry, "api-key-entries": [KEY]}], "payload": {"override": rules}}
    )


@pytest.mark.parametrize("asked", [None, ["AUDIO"]], ids=["text", "sound"])
def test_the_client_gets_the_modality_that_it_asks_for(
    router: Router, upstream: Upstream, asked: list[str] | None
) -> None:
    audio = {"id": "a", "data": "AAAA", "transcript": WORDS, "expires_at": 1}
    message = {"role": "assistant", "content": None, "audio": audio}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer = {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice]}
    plan = upstream.on("said", whole(json.dumps(answer).encode()), path=CHAT.path)
    config: dict[str, Any] = {} if asked is None else {"responseModalities": asked}
    body = {"contents": [{"parts": [{"text": "Well?"}]}], "generationConfig": config}
    url = f"{router.url}/v1beta/models/chat%2Fsaid:generateContent"
    told = httpx2.post(url, json=body, timeout=30).json()
    (part,) = told["candidates"][0]["content"]["parts"]
    assert json.loads(plan.requests[0].body)["modalities"] == SPEECH["modalities"]
    if asked is None:
        assert part == {"text": WORDS}
    else:
        assert part["inlineData"]["data"] == "AAAA"
