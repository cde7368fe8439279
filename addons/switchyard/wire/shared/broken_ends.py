"""Recognises stop reasons that report a broken response.

Gemini's reference (`FinishReason`), DeepSeek's ("Create Chat Completion":
`insufficient_system_resource`), Z.ai's (`network_error`), OpenRouter's (`error`, and
`native_finish_reason` beside a `stop`: earendil-works/pi#8511), vLLM and SGLang (`abort`). Gateways
in front of Gemini add a prefix (`function_call_filter: ...`).
"""

from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.errors import ApiError

BROKEN_END = "broken_end"
"""The type of the error for such a stop reason; its code is the upstream's value."""

_WORDS = frozenset(
    {
        *("error", "failed", "abort", "aborted", "cancelled", "canceled", "timeout"),
        *("network_error", "insufficient_system_resource", "server_error", "internal_error"),
        *("engine_overloaded", "upstream_error", "provider_error"),
        *("image_other", "no_image"),
        *("malformed_function_call", "malformed_tool_call", "malformed_response"),
        *("unexpected_tool_call", "too_many_tool_calls", "missing_thought_signature"),
    }
)
_GOOGLES = frozenset({"OTHER", "LANGUAGE"})
"""Broken only in Google's spelling: others send `other` for any reason they do not know."""
_LONGEST_WORD = 64
_LONGEST_REASON = 300


def is_broken(word: object) -> bool:
    """Whether an upstream's stop reason reports a broken response."""
    if not isinstance(word, str) or not word or len(word) > 2 * _LONGEST_WORD:
        return False
    pieces = [piece.strip() for piece in word.split(":")]
    return any(piece in _GOOGLES or piece.lower() in _WORDS for piece in pieces)


def broken_end(stop: Stop) -> ApiError:
    """Returns the error that the client receives for the stop reason `error`."""
    word = (stop.raw or "error")[:_LONGEST_WORD]
    why = f": {stop.details[:_LONGEST_REASON]}" if isinstance(stop.details, str) else ""
    return ApiError(
        message=f"the response ended as broken, with the reason {word!r}{why}",
        kind="unavailable",
        type=BROKEN_END,
        code=word.partition(":")[2].strip() or word,
    )
