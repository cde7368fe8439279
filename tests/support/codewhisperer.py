"""Writes answers of the CodeWhisperer streaming API, in AWS' event stream framing."""

import json
from collections.abc import Iterable
from collections.abc import Mapping

from tests.support.event_stream import message

type ServiceEvent = tuple[str, dict[str, object]]

RICH: list[ServiceEvent] = [
    ("messageMetadataEvent", {"conversationId": "c", "utteranceId": "u-1"}),
    ("reasoningContentEvent", {"text": "Oslo is "}),
    ("reasoningContentEvent", {"text": "meant."}),
    ("reasoningContentEvent", {"signature": "c2ln"}),
    ("assistantResponseEvent", {"content": "I look ", "modelId": "claude-sonnet-4.6"}),
    ("assistantResponseEvent", {"content": "it up: \u00e6\u00f8\u00e5."}),
    ("toolUseEvent", {"toolUseId": "tooluse_1", "name": "weather"}),
    ("toolUseEvent", {"toolUseId": "tooluse_1", "name": "weather", "input": '{"ci'}),
    ("toolUseEvent", {"toolUseId": "tooluse_1", "name": "weather", "input": 'ty": "Oslo"}'}),
    ("toolUseEvent", {"toolUseId": "tooluse_1", "name": "weather", "stop": True}),
    ("meteringEvent", {"unit": "credit", "usage": 0.1}),
    ("metadataEvent", {"tokenUsage": {"uncachedInputTokens": 7, "cacheReadInputTokens": 30,
                                      "cacheWriteInputTokens": 5, "outputTokens": 9,
                                      "totalTokens": 51}}),
]  # fmt: skip
"""An answer with thinking, words and a call."""


def event(name: str, body: Mapping[str, object]) -> bytes:
    """One event of an answer."""
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return message(headers, json.dumps(body).encode())


def answer(events: Iterable[ServiceEvent] = RICH) -> bytes:
    """A whole answer."""
    return b"".join(event(name, body) for name, body in events)


def refusal(name: str, text: str, reason: str = "") -> bytes:
    """An exception within an answer."""
    headers = {":exception-type": name, ":content-type": "application/json",
               ":message-type": "exception"}  # fmt: skip
    body = {"message": text, **({"reason": reason} if reason else {})}
    return message(headers, json.dumps(body).encode())
