"""Why an answer ended (reference, `FinishReason`, `BlockReason`)."""

from typing import Any

from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import StopReason

_FILTERED = (
    "SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT "
    "IMAGE_RECITATION MODEL_ARMOR"
).split()

_OTHER = (
    "FINISH_REASON_UNSPECIFIED OTHER LANGUAGE MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL "
    "TOO_MANY_TOOL_CALLS IMAGE_OTHER NO_IMAGE MISSING_THOUGHT_SIGNATURE MALFORMED_RESPONSE"
).split()

_REASONS: dict[str, StopReason] = {
    "STOP": "end",
    "MAX_TOKENS": "length",
    **dict.fromkeys(_FILTERED, "content_filter"),
    **dict.fromkeys(_OTHER, "other"),
}

_WORD_OF_NUMBER = (
    "FINISH_REASON_UNSPECIFIED",
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "OTHER",
)
"""The numbers of the enum, as some libraries of Vertex AI send them."""

_WORDS: dict[StopReason, str] = {
    "end": "STOP",
    "tool_calls": "STOP",
    "stop_sequence": "STOP",
    "pause": "STOP",
    "length": "MAX_TOKENS",
    "context_window": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "refusal": "PROHIBITED_CONTENT",
    "error": "OTHER",
    "other": "OTHER",
}


def read_stop(raw: Any, calls: bool) -> Stop | None:
    """The end that a `finishReason` tells; None if it tells none. `calls` says whether the answer
    holds calls for the client to run.

    A call of a function that was not declared (UNEXPECTED_TOOL_CALL) is a call all the same: the
    client answers it with an error, and the model goes on.
    """
    if isinstance(raw, int) and not isinstance(raw, bool):
        raw = _WORD_OF_NUMBER[raw] if 0 <= raw < len(_WORD_OF_NUMBER) else "OTHER"
    if not isinstance(raw, str) or not raw:
        return None
    if calls and raw in ("STOP", "UNEXPECTED_TOOL_CALL", "FINISH_REASON_UNSPECIFIED"):
        return Stop(reason="tool_calls", raw=raw)
    return Stop(reason=_REASONS.get(raw, "other"), raw=raw)


def write_stop(stop: Stop | None, home: bool = False) -> str:
    """The `finishReason` of an end: the word it was read from, or the one nearest to it. `home` if
    it is certain that the word was Gemini's, even one that is not known here."""
    if stop is None:
        return "STOP"
    if stop.raw is not None and (home or stop.raw in _REASONS):
        return stop.raw
    return _WORDS[stop.reason]
