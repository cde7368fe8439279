"""Inserts placeholders for thinking that a provider demands and that is lost.

Applies to a body that was refused for lack of it; demands that are known beforehand are in the
provider's profile. Google's guide "Thought signatures" defines a placeholder for a signature;
DeepSeek accepts a space as thinking (NousResearch/hermes-agent#17341). Nothing can replace
Anthropic's signed thinking, so a request in its format switches thinking off.
"""

from collections.abc import Callable
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import rest
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.anthropic.blocks import NAME as ANTHROPIC
from switchyard.wire.formats.gemini.names import NAME as GEMINI
from switchyard.wire.formats.gemini.names import NO_SIGNATURE
from switchyard.wire.formats.gemini.proofs import CALLS
from switchyard.wire.formats.gemini.proofs import signature_name
from switchyard.wire.formats.openai_chat.names import NAME as CHAT
from switchyard.wire.formats.openai_chat.names import OPAQUE
from switchyard.wire.formats.openai_chat.names import REASONING_NAMES
from switchyard.wire.formats.openai_chat.proofs import google_signature
from switchyard.wire.formats.openai_chat.tools import signature_content
from switchyard.wire.formats.openai_responses.names import NAME as RESPONSES
from switchyard.wire.model.proofs import with_items

_STAND_IN = " "
"""A space, because an empty text is refused."""

_THINKING = ("thinking", "redacted_thinking")
_CALL_ITEMS = ("function_call", "custom_tool_call")


def with_signatures_stood_in(body: JsonObject, format: str) -> JsonObject:
    """Returns `body` with Google's placeholder at each turn's first unsigned call.

    Returns `body` itself if nothing changes; never changes it, nor anything in it.
    """
    if format == GEMINI:
        return _each(body, "contents", "model", _with_gemini_word)
    return _each(body, "messages", "assistant", _with_chat_word) if format == CHAT else body


def with_thinking_stood_in(body: JsonObject, format: str) -> JsonObject:
    """Returns `body` for a provider that refuses replies without their thinking.

    Chat and Responses get a space as thinking; Anthropic's thinking is switched off and removed.
    Returns `body` itself if nothing changes, as without a turn of the model; never changes it.
    """
    if format == CHAT:
        return _each(body, "messages", "assistant", _with_chat_thinking)
    if format == RESPONSES:
        return with_items(body, "input", _with_reasoning_items()) or body
    if format == ANTHROPIC and any(_is_by(said, "assistant") for said in _list(body, "messages")):
        kept = _each(body, "messages", "assistant", _without_blocks)
        if text_of(body.get("model")).startswith("claude"):
            # Some of these models always think, and refuse a request that switches it off.
            return {name: value for name, value in kept.items() if name != "thinking"}
        return {**kept, "thinking": {"type": "disabled"}}
    return body


def without_thinking(body: JsonObject, format: str) -> JsonObject:
    """Returns `body` without thinking in its history, for a provider that refuses it.

    Returns `body` itself if there is none; never changes it, nor anything in it.
    """
    if format == CHAT:
        return _each(body, "messages", "assistant", _without_chat_thinking)
    if format == ANTHROPIC:
        return _each(body, "messages", "assistant", _without_blocks)
    if format == RESPONSES:
        return with_items(body, "input", _unless("type", "reasoning")) or body
    return _each(body, "contents", "model", _without_thoughts) if format == GEMINI else body


def _each(
    body: JsonObject, member: str, role: str, change: Callable[[JsonObject], JsonObject]
) -> JsonObject:
    """Changes the model's turns."""
    return (
        with_items(body, member, lambda said: [change(said) if _is_by(said, role) else said])
        or body
    )


def _is_by(said: Any, role: str) -> bool:
    return isinstance(said, dict) and said.get("role") == role


def _list(holder: JsonObject, member: str) -> list[Any]:
    items = holder.get(member)
    return items if isinstance(items, list) else []


def _with_gemini_word(content: JsonObject) -> JsonObject:
    parts = _list(content, "parts")
    first = next((i for i, p in enumerate(parts) if any(name in p for name in CALLS)), None)
    if first is None or signature_name(parts[first]) is not None:
        return content
    signed = {**parts[first], "thoughtSignature": NO_SIGNATURE}
    return {**content, "parts": [*parts[:first], signed, *parts[first + 1 :]]}


def _with_chat_word(message: JsonObject) -> JsonObject:
    calls = _list(message, "tool_calls")
    if not calls or not isinstance(calls[0], dict) or google_signature(calls[0]):
        return message
    more = {**object_of(calls[0].get("extra_content")), **signature_content(NO_SIGNATURE)}
    return {**message, "tool_calls": [{**calls[0], "extra_content": more}, *calls[1:]]}


def _with_chat_thinking(message: JsonObject) -> JsonObject:
    if any(text_of(message.get(name)) for name in REASONING_NAMES):
        return message
    return {**message, REASONING_NAMES[0]: _STAND_IN}


def _without_chat_thinking(message: JsonObject) -> JsonObject:
    names = (*REASONING_NAMES, "reasoning_details", OPAQUE)
    return message if message.keys().isdisjoint(names) else dict(rest(message, *names))


def _without_thoughts(content: JsonObject) -> JsonObject:
    return with_items(content, "parts", _unless("thought", True)) or content


def _unless(name: str, value: object) -> Callable[[Any], list[Any]]:
    """Returns a function that removes objects with a member of that value."""
    return lambda one: [] if isinstance(one, dict) and one.get(name) == value else [one]


def _without_blocks(message: JsonObject) -> JsonObject:
    def change(block: Any) -> list[Any]:
        return [] if isinstance(block, dict) and block.get("type") in _THINKING else [block]

    return with_items(message, "content", change) or message


def _with_reasoning_items() -> Callable[[Any], list[Any]]:
    """Inserts a reasoning item before each call.

    Gateways to DeepSeek require it (rikkahub/rikkahub#1690).
    """
    thought = False

    def change(item: Any) -> list[Any]:
        nonlocal thought
        kind = item.get("type") if isinstance(item, dict) else None
        bare = kind in _CALL_ITEMS and not thought
        thought = kind == "reasoning"
        words = {"type": "reasoning_text", "text": _STAND_IN}
        before = {"type": "reasoning", "summary": [], "content": [words]}
        return [before, item] if bare else [item]

    return change
