"""Chunks of Chat Completions streams, made short."""

from typing import Any

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.sse import encode
from switchyard.wire.formats.openai_chat import OpenAIChat
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.events import Event
from switchyard.wire.model.fold import fold
from tests.unit.wire.laws import read_stream

CHAT = OpenAIChat()
DONE = b"data: [DONE]\n\n"
HEAD = {"id": "c1", "object": "chat.completion.chunk", "created": 5, "model": "m"}


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    """One event of a stream; `more` are members of the chunk."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return encode(dumps({**HEAD, "choices": [choice], **more}))


def bare(**members: Any) -> bytes:
    """An event with these members and the usual head."""
    return encode(dumps({**HEAD, **members}))


ROLE = chunk({"role": "assistant", "content": ""})
STOP = chunk({}, "stop")


def calls(*entries: dict[str, Any]) -> bytes:
    """A chunk with these entries of `tool_calls`."""
    return chunk({"tool_calls": list(entries)})


def call(index: int | None = None, id: str | None = None, **function: Any) -> dict[str, Any]:
    """One entry of `tool_calls`."""
    entry: dict[str, Any] = {"function": function}
    if index is not None:
        entry["index"] = index
    if id is not None:
        entry |= {"id": id, "type": "function"}
    return entry


def events(*pieces: bytes) -> list[Event]:
    return read_stream(CHAT, b"".join(pieces))


def reply(*pieces: bytes) -> Reply:
    return fold("openai-chat", events(*pieces))
