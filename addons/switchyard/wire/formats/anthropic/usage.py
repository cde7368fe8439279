"""Reads and writes token counts and stop reasons.

Source: API reference, "Messages": `usage`, `stop_reason`.
"""

from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.anthropic.members import Members
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import StopReason
from switchyard.wire.model.conversation import Usage
from switchyard.wire.shared.broken_ends import is_broken

_READ: dict[str, StopReason] = {
    "end_turn": "end",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "compaction": "compaction",
    "refusal": "refusal",
    "model_context_window_exceeded": "context_window",
}

_WRITTEN: dict[StopReason, str] = {
    "end": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "stop_sequence": "stop_sequence",
    "content_filter": "refusal",
    "refusal": "refusal",
    "pause": "pause_turn",
    "compaction": "compaction",
    "context_window": "model_context_window_exceeded",
}


def read_usage(raw: JsonObject) -> Usage | None:
    """Returns the usage; `Usage.input` includes cached tokens, unlike `input_tokens`.

    Returns None if all counts are zero, which means unknown: the API's types require the member,
    and every request has tokens.
    """
    if raw and raw.keys() <= {"input_tokens", "output_tokens"} and not any(raw.values()):
        return None
    members = Members(raw)
    fresh = members.take("input_tokens", int)
    cache_read = members.take("cache_read_input_tokens", int)
    cache_write = members.take("cache_creation_input_tokens", int)
    details = raw.get("output_tokens_details")
    reasoning = details.get("thinking_tokens") if isinstance(details, dict) else None
    output = members.take("output_tokens", int)
    return Usage(
        input=None if fresh is None else fresh + (cache_read or 0) + (cache_write or 0),
        output=output,
        cache_read=cache_read,
        cache_write=cache_write,
        reasoning=reasoning if isinstance(reasoning, int) else None,
        extra=members.rest(),
    )


def write_usage(usage: Usage | None, *, own: bool = False) -> JsonObject:
    """Returns the usage of a response.

    `own`: the counts were read from this format, so `extra` is written too. Otherwise the result
    has every count that the API's types require, 0 if unknown.
    """
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    counts: JsonObject = {}
    if usage.input is not None:
        cached = (usage.cache_read or 0) + (usage.cache_write or 0)
        counts["input_tokens"] = max(0, usage.input - cached)
    if usage.cache_write is not None:
        counts["cache_creation_input_tokens"] = usage.cache_write
    if usage.cache_read is not None:
        counts["cache_read_input_tokens"] = usage.cache_read
    if usage.output is not None:
        counts["output_tokens"] = usage.output
    if own:
        return {**counts, **usage.extra}
    if usage.reasoning:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return {"input_tokens": 0, "output_tokens": 0, **counts}


def read_stop(raw: str, sequence: Any, details: Any, calls: bool) -> Stop:
    """Returns the stop reason.

    `calls`: whether the response calls a client tool; some providers report `end_turn` all the
    same.
    """
    reason = _READ.get(raw) or ("error" if is_broken(raw) else "other")
    if calls and reason == "end":
        reason = "tool_calls"
    return Stop(
        reason=reason,
        raw=raw,
        sequence=sequence if isinstance(sequence, str) else None,
        details=details,
    )


def stop_details(words: str) -> JsonObject:
    """Returns the details of a refusal that another format's provider explained."""
    return {"type": "refusal", "category": None, "explanation": words}


def write_stop(stop: Stop | None, *, own: bool, calls: bool) -> str:
    """Returns the stop reason, inferred from the content if the provider gave none.

    `own`: the stop was read from this format, so its value is kept.
    """
    if own and stop is not None and stop.raw is not None:
        return stop.raw
    if stop is None or stop.reason in ("end", "other"):
        if calls:
            return "tool_use"
        # A model that declines in its own text has ended its turn; `refusal` is the API's value for
        # a response that its classifiers stopped.
        return "end_turn"
    return _WRITTEN.get(stop.reason, "end_turn")
