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

DURATIONS = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
"""Members in nanoseconds, which clients expect in a complete response."""
COUNTS = ("prompt_eval_count", "eval_count")

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


class Stopwatch:
    """Measures a response whose provider does not: to its first output and its end.

    The time up to the first output is written as the prompt's. A response that arrives whole has no
    first output of its own.
    """

    def __init__(self, asked: Asked) -> None:
        self._elapsed = asked.elapsed
        self._first = 0.0

    def note_output(self) -> None:
        """Records the time of the first output."""
        if self._elapsed is not None:
            self._first = self._elapsed()

    def completed(self, line: JsonObject) -> JsonObject:
        """Returns a last line, or a whole response, with the members that clients expect.

        The provider's own values stay; unknown counts are 0, as is the time for loading. Returns
        the line itself if nothing is missing, or without a clock.
        """
        if self._elapsed is None:
            return line
        if all(isinstance(line.get(name), int) for name in (*DURATIONS, *COUNTS)):
            return line
        written = max(0.0, self._elapsed() - self._first)
        known = {name: value for name, value in line.items() if value is not None}
        return {**line, **durations(self._first, written), **dict.fromkeys(COUNTS, 0), **known}


def durations(reading: float = 0.0, writing: float = 0.0) -> JsonObject:
    """Returns the durations' members; takes seconds, writes nanoseconds."""
    read, written = round(reading * 1e9), round(writing * 1e9)
    return dict(zip(DURATIONS, (read + written, 0, read, written), strict=True))


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
