"""Reads and writes members that whole responses and stream lines share.

These are usage, stop reason and the closing members.
"""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import rest
from switchyard.wire.encoding.members import text_of
from switchyard.wire.format import Asked
from switchyard.wire.formats.ollama.names import time_of
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import StopReason
from switchyard.wire.model.conversation import Usage
from switchyard.wire.shared.broken_ends import is_broken

_REASONS: dict[str, StopReason] = {"stop": "end", "length": "length"}
_WORDS: dict[StopReason, str] = {"length": "length", "context_window": "length"}

NAMED = ("model", "message", "done", "done_reason", "prompt_eval_count", "eval_count", "created_at")
"""Members of a response that the model has a name for; most others are durations."""


def read_stop(body: JsonObject, calls: bool) -> Stop:
    """Returns the stop reason of a complete response.

    `calls`: whether it holds calls for the client.
    """
    raw = text_of(body.get("done_reason")) or None
    if calls and raw in (None, "stop"):
        return Stop(reason="tool_calls", raw=raw)
    if is_broken(raw):
        return Stop(reason="error", raw=raw)
    return Stop(reason=_REASONS.get(raw or "stop", "other"), raw=raw)


def read_usage(body: JsonObject) -> Usage | None:
    """Returns the token counts of a complete response.

    The prompt's count is missing if the whole prompt was cached.
    """
    prompt, output = int_of(body.get("prompt_eval_count")), int_of(body.get("eval_count"))
    if prompt is None and output is None:
        return None
    return Usage(input=prompt, output=output)


def left_over(body: JsonObject) -> JsonObject:
    """Returns the members the model has no name for, and the exact time."""
    left = rest(body, *NAMED)
    return {**left, "created_at": body["created_at"]} if "created_at" in body else left


def write_head(model: str | None, created: int | None, asked: Asked) -> JsonObject:
    """Returns the members that every line begins with."""
    return {"model": model or asked.model, "created_at": time_of(created or asked.created)}


def write_end(stop: Stop | None, usage: Usage | None, left: JsonObject) -> JsonObject:
    """Returns the members that only a complete response has.

    `left` are those it was read with.
    """
    reason = stop.reason if stop else "end"
    raw = stop.raw if stop and left else None
    end: JsonObject = {"done_reason": raw or _WORDS.get(reason, "stop"), "done": True}
    if left and stop is not None and stop.raw is None and reason == "end":
        del end["done_reason"]
    if usage is not None and usage.input is not None:
        end["prompt_eval_count"] = usage.input
    if usage is not None and usage.output is not None:
        end["eval_count"] = usage.output
    return {**end, **left}
