"""Reads token counts and stop reasons (API reference, "TokenUsage", "ConverseResponse")."""

from typing import Any

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import StopReason
from switchyard.wire.model.conversation import Usage

_REASONS: dict[str, StopReason] = {
    "end_turn": "end",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
    "model_context_window_exceeded": "context_window",
}

STOP_SEQUENCE = "/stop_sequence"
"""Where Claude's own answer names the sequence that it met, as a path to ask for."""


def read_usage(raw: JsonObject) -> Usage | None:
    """Returns the usage; `inputTokens` leaves out what a cache was read or written for."""
    fresh, output = int_of(raw.get("inputTokens")), int_of(raw.get("outputTokens"))
    read, written = (int_of(raw.get(f"cache{word}InputTokens")) for word in ("Read", "Write"))
    asked = [tokens for tokens in (fresh, read, written) if tokens is not None]
    if not asked and output is None:
        return None
    return Usage(
        input=sum(asked) if asked else None,
        output=output,
        cache_read=read,
        cache_write=written,
        total=int_of(raw.get("totalTokens")),
        extra=_kept_for_an_hour(raw),
    )


def _kept_for_an_hour(raw: JsonObject) -> JsonObject:
    """Returns what was written to be kept for an hour, which costs more, in Anthropic's words."""
    details = (one for one in objects_of(raw.get("cacheDetails")) if one.get("ttl") == "1h")
    tokens = sum(int_of(one.get("inputTokens")) or 0 for one in details)
    return {"cache_creation": {"ephemeral_1h_input_tokens": tokens}} if tokens else EMPTY


def read_stop(raw: Any, fields: Any, calls: bool) -> Stop:
    """Returns the stop reason; `fields` are what the model's own answer says besides.

    `calls`: whether the answer calls a tool; some models report `end_turn` all the same.
    """
    reason = _REASONS.get(text_of(raw), "other")
    if calls and reason == "end":
        reason = "tool_calls"
    sequence = text_of(object_of(fields).get("stop_sequence")) or None
    return Stop(reason=reason, raw=text_of(raw) or None, sequence=sequence)
