"""Holds the words of Cohere's Chat API that several modules here share."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import object_of
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import StopReason
from switchyard.wire.model.conversation import Usage

NAME = "cohere"

_FINISHES: dict[StopReason, str] = {
    "length": "MAX_TOKENS",
    "context_window": "MAX_TOKENS",
    "tool_calls": "TOOL_CALL",
    "stop_sequence": "STOP_SEQUENCE",
    "content_filter": "ERROR",
    "error": "ERROR",
}
CHAT_FINISHES = {
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR": "error",
    "TIMEOUT": "error",
}
"""Chat Completions' word for each `finish_reason` but those of an ordinary end."""


def finish_word(stop: Stop | None) -> str:
    """Returns the `finish_reason` for a stop; `COMPLETE` for those without a word."""
    return _FINISHES.get(stop.reason, "COMPLETE") if stop is not None else "COMPLETE"


def write_usage(usage: Usage) -> JsonObject:
    """Returns the `usage` of a response; the billed tokens are all tokens."""
    tokens = {"input_tokens": usage.input or 0, "output_tokens": usage.output or 0}
    written: JsonObject = {"billed_units": tokens, "tokens": tokens}
    if usage.cache_read:
        written["cached_tokens"] = usage.cache_read
    return written


def chat_usage(usage: JsonObject) -> JsonObject | None:
    """Returns Chat Completions' `usage` for Cohere's; None if it has no tokens."""
    tokens = object_of(usage.get("tokens")) or object_of(usage.get("billed_units"))
    if not tokens:
        return None
    asked, made = int_of(tokens.get("input_tokens")), int_of(tokens.get("output_tokens"))
    written: JsonObject = {
        "prompt_tokens": asked or 0,
        "completion_tokens": made or 0,
        "total_tokens": (asked or 0) + (made or 0),
    }
    if cached := int_of(usage.get("cached_tokens")):
        written["prompt_tokens_details"] = {"cached_tokens": cached}
    return written
