"""Reads and writes stop reasons: `finish_reason`.

Source: OpenAI's reference, "The chat completion object".
"""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.openai_chat.names import text_of
from switchyard.wire.formats.openai_chat.tools import LEGACY
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import StopReason
from switchyard.wire.shared.broken_ends import is_broken

_REASONS: dict[str, StopReason] = {
    "stop": "end",
    "eos": "end",
    "eos_token": "end",
    "complete": "end",
    "end_turn": "end",
    "stop_sequence": "stop_sequence",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "context_window",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "sensitive": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "image_safety": "content_filter",
}
"""Stop reasons by the words of all providers, in lower case.

Google's compatible endpoint adds words after a colon (`content_filter: RECITATION`); gateways in
front of Gemini use Gemini's own words.
"""

_WORDS: dict[StopReason, str] = {
    "length": "length",
    "context_window": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}

_NATIVE: dict[str, StopReason] = {
    "stop_sequence": "stop_sequence",
    "pause_turn": "pause",
    "refusal": "refusal",
    "model_context_window_exceeded": "context_window",
}
"""Words of OpenRouter's `native_finish_reason` that are more precise than `finish_reason`."""

_NATIVE_WORDS = {reason: word for word, reason in _NATIVE.items()}


def read_stop(choice: JsonObject, has_calls: bool) -> Stop | None:
    """Returns the stop reason of a choice or of its last chunk; None if it has none."""
    raw = choice.get("finish_reason")
    if not isinstance(raw, str):
        return None
    if not raw:
        return Stop(reason="tool_calls" if has_calls else "end", raw=raw)
    reason = _REASONS.get(raw.partition(":")[0].lower(), "other")
    sequence = None
    if (word := broken_word(choice, has_calls)) is not None:
        return Stop(reason="error", raw=word)
    if reason == "tool_calls" and not has_calls:
        reason = "end"
    if reason in ("end", "other", "length", "content_filter") and not has_calls:
        native = _NATIVE.get(text_of(choice.get("native_finish_reason")))
        if native is not None and raw in ("stop", _WORDS.get(native)):
            reason = native
    if reason in ("end", "stop_sequence"):
        # vLLM and related servers name the stop sequence that ended the answer.
        sequence = text_of(choice.get("stop_reason")) or None
        reason = "stop_sequence" if sequence else reason
    if has_calls and reason in ("end", "other"):
        reason = "tool_calls"
    return Stop(reason=reason, raw=raw, sequence=sequence)


def broken_word(choice: JsonObject, has_calls: bool = False) -> str | None:
    """Returns the word by which a choice reports that it is broken, else None.

    OpenRouter's own `finish_reason` is `stop` where the provider's reports it. A call of a function
    that was not declared remains a call, as in Gemini's format.
    """
    for name in ("finish_reason", "native_finish_reason"):
        word = text_of(choice.get(name))
        if is_broken(word) and not (has_calls and word.lower().endswith("unexpected_tool_call")):
            return word
    return None


def finish_word(stop: Stop | None, ours: bool, legacy: bool) -> str:
    """Returns the `finish_reason` for `stop`.

    `ours` is set if it was read from this format, whose own word is kept; `legacy` if the answer's
    only call is written as `function_call`.
    """
    if stop is None:
        return "stop"
    if ours and stop.raw:
        return stop.raw
    if legacy and stop.reason == "tool_calls":
        return LEGACY
    return _WORDS.get(stop.reason, "stop")


def stop_members(stop: Stop | None) -> JsonObject:
    """Returns the members that state what `finish_reason` cannot.

    They describe another format's stop reason in the form of OpenRouter and vLLM.
    """
    members: JsonObject = {}
    if stop is not None:
        if word := _NATIVE_WORDS.get(stop.reason):
            members["native_finish_reason"] = word
        if stop.sequence:
            members["stop_reason"] = stop.sequence
    return members
