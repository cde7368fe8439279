"""Answers of Bedrock's Converse API, whole and in AWS' event stream framing."""

import json
from collections.abc import Iterable
from collections.abc import Mapping

from tests.support.event_stream import message

type ServiceEvent = tuple[str, dict[str, object]]

USAGE = {"inputTokens": 7, "outputTokens": 9, "totalTokens": 51, "cacheReadInputTokens": 30,
         "cacheWriteInputTokens": 5}  # fmt: skip


def delta(place: int, said: dict[str, object]) -> ServiceEvent:
    """A piece of a block."""
    return "contentBlockDelta", {"contentBlockIndex": place, "delta": said}


def end(place: int) -> ServiceEvent:
    """The end of a block."""
    return "contentBlockStop", {"contentBlockIndex": place}


RICH: list[ServiceEvent] = [
    ("messageStart", {"role": "assistant"}),
    delta(0, {"reasoningContent": {"text": "Oslo is "}}),
    delta(0, {"reasoningContent": {"text": "meant."}}),
    delta(0, {"reasoningContent": {"signature": "c2ln"}}),
    end(0),
    delta(1, {"text": "I look "}),
    delta(1, {"text": "it up: \u00e6\u00f8\u00e5."}),
    end(1),
    ("contentBlockStart", {"contentBlockIndex": 2, "start": {
        "toolUse": {"toolUseId": "tooluse_1", "name": "weather"}}}),
    delta(2, {"toolUse": {"input": '{"ci'}}),
    delta(2, {"toolUse": {"input": 'ty": "Oslo"}'}}),
    end(2),
    ("messageStop", {"stopReason": "tool_use"}),
    ("metadata", {"usage": USAGE, "metrics": {"latencyMs": 5}}),
]  # fmt: skip
"""An answer with thinking, words and a call."""

WHOLE = {
    "output": {"message": {"role": "assistant", "content": [
        {"reasoningContent": {"reasoningText": {"text": "Oslo is meant.", "signature": "c2ln"}}},
        {"text": "I look it up: \u00e6\u00f8\u00e5."},
        {"toolUse": {"toolUseId": "tooluse_1", "name": "weather", "input": {"city": "Oslo"}}},
    ]}},
    "stopReason": "tool_use", "usage": USAGE, "metrics": {"latencyMs": 5},
}  # fmt: skip
"""The same answer in one piece."""


def event(name: str, body: Mapping[str, object]) -> bytes:
    """One event of a stream, padded as Bedrock pads it."""
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return message(headers, json.dumps({**body, "p": "abcdefgh"}).encode())


def answer(events: Iterable[ServiceEvent] = RICH) -> bytes:
    """A whole stream."""
    return b"".join(event(name, body) for name, body in events)
