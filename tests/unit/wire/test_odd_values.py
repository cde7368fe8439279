"""Values that JSON can say and nobody expects: numbers that are none, halves of characters."""

import json
from typing import Any

import pytest

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.format import Asked
from switchyard.wire.registry import FORMATS
from switchyard.wire.registry import PROVIDER_FORMATS
from switchyard.wire.relay.relay import Relay
from tests.unit.wire.crossing import sent

ASKED = Asked(model="m", id="0123456789abcdef", created=1)
HALF = "\ud83d"

CHAT = {
    "id": "c",
    "object": "chat.completion",
    "created": float("nan"),
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}}],
    "usage": {"prompt_tokens": float("inf"), "completion_tokens": 2, "total_tokens": 2},
}
RESPONSE = {
    "id": "r",
    "object": "response",
    "created_at": float("nan"),
    "status": "completed",
    "output": [
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}
    ],
    "usage": {"input_tokens": float("nan"), "output_tokens": 2},
}
GEMINI = {
    "candidates": [
        {
            "content": {"role": "model", "parts": [{"text": "Hi"}]},
            "finishReason": "STOP",
            "groundingMetadata": {
                "groundingChunks": [{"web": {"uri": "https://a.example", "title": "A"}}],
                "groundingSupports": [{"segment": {"endIndex": 2}, "groundingChunkIndices": 0}],
            },
        }
    ],
    "usageMetadata": {"promptTokenCount": float("nan"), "candidatesTokenCount": 2},
}


@pytest.mark.parametrize("client", sorted(FORMATS))
@pytest.mark.parametrize(
    ("upstream", "body"),
    [("openai-chat", CHAT), ("openai-responses", RESPONSE), ("gemini", GEMINI)],
)
def test_an_answer_is_read_in_spite_of_values_that_are_none(
    upstream: str, client: str, body: dict[str, Any]
) -> None:
    relay = Relay(FORMATS[upstream], FORMATS[client], False, ASKED)
    relay.start(200, "application/json")
    relay.feed(json.dumps(body).encode())
    relay.end()
    assert relay.committed and not relay.failed, relay.problem
    assert b"Hi" in relay.body


@pytest.mark.parametrize("target", sorted(PROVIDER_FORMATS))
def test_a_request_may_have_halves_of_characters(target: str) -> None:
    call = {"id": HALF, "type": "function", "function": {"name": f"a.{HALF}", "arguments": "{}"}}
    body = {
        "user": HALF * 80,
        "messages": [
            {"role": "user", "content": f"Go {HALF}"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": HALF, "content": HALF},
        ],
        "tools": [{"type": "function", "function": {"name": f"a.{HALF}"}}],
    }
    assert b"Go \\ud83d" in dumps(sent("openai-chat", target, body))
