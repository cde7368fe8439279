"""What the tests of `stream` have in common."""

import json
from typing import Any

from switchyard.wire.formats.anthropic import Anthropic
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Finish
from tests.unit.wire import laws

FORMAT = Anthropic()


def sse(*payloads: dict[str, Any], named: bool = True) -> bytes:
    lines = []
    for payload in payloads:
        name = f"event: {payload['type']}\n" if named else ""
        lines.append(f"{name}data: {json.dumps(payload)}\n\n")
    return "".join(lines).encode()


def start(usage: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-test",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage or {"input_tokens": 10, "output_tokens": 1},
    }
    return {"type": "message_start", "message": {**message, **members}}


def opens(block: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(kind: str, index: int = 0, **members: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **members}}


def stops(index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def ends(reason: str | None = "end_turn", **members: Any) -> dict[str, Any]:
    usage = {"output_tokens": 7}
    said = {"stop_reason": reason, "stop_sequence": None}
    return {"type": "message_delta", "delta": said, "usage": usage, **members}


STOP = {"type": "message_stop"}


PING = {"type": "ping"}
TEXT = {"type": "text", "text": ""}


HI = delta("text_delta", text="Hi")


CALL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}


def read(*payloads: dict[str, Any], named: bool = True) -> list[Event]:
    return laws.read_stream(FORMAT, sse(*payloads, named=named))


END = (Finish(Stop(reason="end", raw="stop")), End())
