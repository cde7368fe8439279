"""What the tests of `reply` have in common."""

import json
from typing import Any

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.formats.gemini import Gemini
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import StopReason
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.events import Event
from switchyard.wire.model.fold import fold
from tests.unit.wire.laws import ASKED

GEMINI = Gemini()


def response(*parts: Any, finish: Any = "STOP", **members: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "responseId": "r1", "modelVersion": "gemini-x", **members}


def read(body: dict[str, Any]) -> Reply:
    """Read, after seeing that nothing is lost."""
    assert GEMINI.write_reply(GEMINI.read_reply(body), ASKED) == body
    return GEMINI.read_reply(body)


def stream(*chunks: Any) -> list[Event]:
    reader = GEMINI.stream_reader()
    events = [e for chunk in chunks for e in reader.feed(Frame(dumps(chunk)))]
    return events + reader.close()


def folded(*chunks: Any) -> Reply:
    return fold("gemini", stream(*chunks))


def chunks_of(data: bytes) -> list[dict[str, Any]]:
    """The chunks of a stream, after seeing that its framing is the one gemini-cli takes."""
    events = data.decode().split("\n\n")
    assert events.pop() == ""
    assert all(event.startswith("data: {") and "\n" not in event for event in events)
    return [json.loads(event[6:]) for event in events]


def parts_of(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]


def reply_of(*parts: Any, stop: StopReason = "end", **members: Any) -> Reply:
    choice = Choice(parts=parts, stop=Stop(reason=stop))
    return Reply(format="anthropic", id="x", model="m", choices=(choice,), **members)


USAGE = {
    "promptTokenCount": 100,
    "cachedContentTokenCount": 40,
    "candidatesTokenCount": 7,
    "thoughtsTokenCount": 5,
    "toolUsePromptTokenCount": 3,
    "totalTokenCount": 115,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 90},
        {"modality": "AUDIO", "tokenCount": 10},
    ],
    "trafficType": "ON_DEMAND",
}


SIGNED = (
    Thinking(text="first", signature="sig-1", signer="anthropic"),
    Thinking(redacted="blob", signer="anthropic"),
    Text(text="Let me "),
    Text(text="see."),
    Thinking(text="then", redacted="enc", signer="openai-responses", id="rs_1", summary=True),
    ToolCall(id="a", name="f", arguments='{"x":1}'),
    Thinking(text="unsigned"),
    ToolCall(id="b", name="g"),
    Thinking(text="late", signature="sig-2", signer="anthropic"),
    ToolCall(id="c", name="h"),
)
