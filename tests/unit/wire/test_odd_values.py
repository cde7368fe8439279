"""Values that JSON can say and nobody expects: numbers that are none, halves of characters."""

import json
from typing import Any
from typing import get_args

import pytest

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.format import Asked
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import StopReason
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.fold import unfold
from switchyard.wire.registry import CLIENT_FORMATS
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
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hi"},
            "logprobs": {"content": [{"token": "Hi", "top_logprobs": [{"token": None}]}]},
        }
    ],
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


@pytest.mark.parametrize("client", sorted(CLIENT_FORMATS))
@pytest.mark.parametrize("reason", get_args(StopReason.__value__))
def test_every_end_can_be_told(reason: StopReason, client: str) -> None:
    choice = Choice(parts=(Text(text="Hi"),), stop=Stop(reason=reason))
    reply = Reply(format="else", choices=(choice,))
    assert "Hi" in str(CLIENT_FORMATS[client].write_reply(reply, ASKED))
    writer = CLIENT_FORMATS[client].stream_writer(ASKED)
    assert b"Hi" in b"".join([*map(writer.feed, unfold(reply)), writer.close()])
