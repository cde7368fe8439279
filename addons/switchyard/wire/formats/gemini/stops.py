"""Reads and writes stop reasons (reference, `FinishReason`, `BlockReason`)."""

from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import StopReason

_FILTERED = (
    "SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT "
    "IMAGE_RECITATION MODEL_ARMOR"
).split()

_BROKEN = (
    "OTHER LANGUAGE MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS IMAGE_OTHER "
    "NO_IMAGE MISSING_THOUGHT_SIGNATURE MALFORMED_RESPONSE"
).split()
"""Reasons that do not end the turn: the model has to write something else, or more (see
`broken_ends`)."""

_REASONS: dict[str, StopReason] = {
    "STOP": "end",
    "MAX_TOKENS": "length",
    **dict.fromkeys(_FILTERED, "content_filter"),
    "FINISH_REASON_UNSPECIFIED": "other",
    **dict.fromkeys(_BROKEN, "error"),
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
    "compaction": "STOP",
    "length": "MAX_TOKENS",
    "context_window": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "refusal": "PROHIBITED_CONTENT",
    "error": "OTHER",
    "other": "OTHER",
}


def read_stop(raw: Any, calls: bool, message: Any = None) -> Stop | None:
    """Returns the stop reason in a `finishReason`, or None.

    `calls`: whether the response holds calls for the client to run; `message`: its `finishMessage`,
    if any. A call of an undeclared function (UNEXPECTED_TOOL_CALL) is still a call: the client
    answers it with an error, and the model continues.
    """
    if isinstance(raw, int) and not isinstance(raw, bool):
        raw = _WORD_OF_NUMBER[raw] if 0 <= raw < len(_WORD_OF_NUMBER) else _WORD_OF_NUMBER[0]
    if not isinstance(raw, str) or not raw:
        return None
    if calls and raw in ("STOP", "UNEXPECTED_TOOL_CALL", "FINISH_REASON_UNSPECIFIED"):
        return Stop(reason="tool_calls", raw=raw)
    details = message if isinstance(message, str) and message else None
    return Stop(reason=_REASONS.get(raw, "other"), raw=raw, details=details)


def blocked_words(what: str, reason: str, said: JsonObject, member: str) -> str:
    """Returns why a prompt or a response was blocked.

    Google's own message takes precedence over its reasons.
    """
    if message := text_of(said.get(member)):
        return message
    ratings = objects_of(said.get("safetyRatings"))
    named = [text_of(one.get("category")) for one in ratings if one.get("blocked")]
    why = ", ".join(filter(None, [reason, *named]))
    return f"Google blocked the {what}: {why}."


def write_stop(stop: Stop | None, home: bool = False) -> str:
    """Returns the `finishReason` it was read from, or the nearest one.

    `home`: the value is certainly Gemini's, even if it is unknown here.
    """
    if stop is None:
        return "STOP"
    if stop.raw is not None and (home or stop.raw in _REASONS):
        return stop.raw
    return _WORDS[stop.reason]
