"""What the tests of `/api/chat` have in common."""

import json
from typing import Any

from switchyard.wire.formats.ollama import Ollama
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import StopReason

OLLAMA = Ollama()

PNG = "iVBORw0KGgo="


def answer(message: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {
        "model": "m",
        "created_at": "2026-01-02T03:04:05.123456789Z",
        "message": {"role": "assistant", **message},
        "done_reason": "stop",
        "done": True,
        "total_duration": 5,
        "prompt_eval_count": 3,
        "eval_count": 4,
        **members,
    }


def lines_of(data: bytes) -> list[dict[str, Any]]:
    assert data.endswith(b"\n") or not data
    return [json.loads(line) for line in data.splitlines()]


def reply_of(*parts: Any, stop: StopReason = "end", **members: Any) -> Reply:
    choice = Choice(parts=parts, stop=Stop(reason=stop))
    return Reply(format="anthropic", id="x", model="m", choices=(choice,), **members)


def line(message: dict[str, Any], **members: Any) -> dict[str, Any]:
    created = "2026-01-02T03:04:05Z"
    said = {"role": "assistant", "content": "", **message}
    return {"model": "m", "created_at": created, "message": said, "done": False, **members}
