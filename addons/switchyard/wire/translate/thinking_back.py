"""Restores thinking that a provider requires in a history.

DeepSeek and Kimi refuse an assistant's turn with calls but without its thinking, MiniMax's replies
get worse without it, and Gemini 3 refuses the first call of a step without a thought signature.
Missing thinking is recalled from the router's memory, or replaced by a placeholder. A profile in
the configuration records, with sources, which of it a model needs. Works on bodies, for requests
that pass through as for translated ones.
"""

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from typing import Literal

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import rest
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.gemini.proofs import CALLS
from switchyard.wire.formats.gemini.proofs import signature_name
from switchyard.wire.formats.openai_chat.names import REASONING_NAMES
from switchyard.wire.formats.openai_chat.proofs import google_signature
from switchyard.wire.model.proofs import with_items


@dataclass(frozen=True, slots=True)
class Led:
    """The thinking before a tool call; empty if there is none."""

    thinking: str = ""
    signature: str = ""


type Recall = Callable[[str, str, str, JsonObject], Led | None]
"""Recalls the thinking before a call by its id, name and arguments, and by the item of the history
that the model answered with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The thinking that a model requires in its history."""

    thinking: Literal["calls", "all"] | None = None
    """The assistant's turns that require thinking: those with calls, or all."""
    thinking_stand_in: str = ""
    """Placeholder for unknown thinking; empty means none."""
    tag: str | None = None
    """Chat: the tag around thinking in the text, if it has no member of its own."""
    signature_stand_in: str = ""
    """Placeholder for the signature of each step's first call; empty means none."""


def with_demanded(body: JsonObject, format: str, demand: Demand, recall: Recall) -> JsonObject:
    """Returns `body`, in `format`, with what the model requires of its history.

    Returns `body` itself if nothing is missing; never changes it, nor anything in it.
    """
    match format:
        case "openai-chat":
            return _each(body, recall, lambda message, recall: _chat(message, body, demand, recall))
        case "anthropic" if demand.thinking and not _is_off(body):
            return _each(body, recall, lambda message, recall: _anthropic(message, demand, recall))
        case "gemini" if demand.signature_stand_in:
            return _gemini(body, demand, recall)
    return body


def answered(body: JsonObject) -> JsonObject:
    """Returns the item of a body's history that the reply to it answers; empty if none is known.

    It is the last one that is not the model's own, as `with_demanded` finds it in later requests.
    """
    for name in ("messages", "contents"):
        for item in reversed(objects_of(body.get(name))):
            if item.get("role") not in _MODEL:
                return item
    return EMPTY


_MODEL = ("assistant", "model")
"""The roles of the model itself."""

type _RecallHere = Callable[[str, str, str], Led | None]
"""Recalls the thinking before a call of a known place."""


def _each(
    body: JsonObject, recall: Recall, change: Callable[[JsonObject, _RecallHere], JsonObject]
) -> JsonObject:
    before: JsonObject = EMPTY

    def here(id: str, name: str, arguments: str) -> Led | None:
        return recall(id, name, arguments, before)

    def one(item: Any) -> list[Any]:
        nonlocal before
        if not isinstance(item, dict):
            return [item]
        if item.get("role") == "assistant":
            return [change(item, here)]
        before = item
        return [item]

    return with_items(body, "messages", one) or body


def _is_off(body: JsonObject) -> bool:
    """Whether a request switches thinking off, so that the model requires none."""
    thinking = object_of(body.get("thinking")).get("type")
    return thinking == "disabled" or body.get("reasoning_effort") == "none"


def _chat(message: JsonObject, body: JsonObject, demand: Demand, recall: _RecallHere) -> JsonObject:
    calls = objects_of(message.get("tool_calls"))
    if demand.signature_stand_in and calls:
        message = _with_signatures(message, demand, recall)
    if demand.thinking and (calls or demand.thinking == "all") and not _is_off(body):
        message = _with_thinking(message, calls, demand, recall)
    return message


def _with_signatures(message: JsonObject, demand: Demand, recall: _RecallHere) -> JsonObject:
    """Returns a message whose first call is signed.

    Only the first of several calls needs a signature.
    """
    signed = bool(google_signature(message))
    first = True

    def change(call: Any) -> list[Any]:
        nonlocal first
        needs, first = first and not signed, False
        if not isinstance(call, dict) or google_signature(call):
            return [call]
        led = recall(*_chat_call(call))
        proof = (led.signature if led else "") or (demand.signature_stand_in if needs else "")
        if not proof:
            return [call]
        extra = object_of(call.get("extra_content"))
        google = {**object_of(extra.get("google")), "thought_signature": proof}
        return [{**call, "extra_content": {**extra, "google": google}}]

    return with_items(message, "tool_calls", change) or message


def _with_thinking(
    message: JsonObject, calls: list[JsonObject], demand: Demand, recall: _RecallHere
) -> JsonObject:
    said = next((text for n in REASONING_NAMES if (text := text_of(message.get(n)))), "")
    if said and demand.tag is None:
        return message
    content = message.get("content")
    if demand.tag and isinstance(content, str) and f"<{demand.tag}>" in content:
        return message
    words = said or _recalled(map(_chat_call, calls), recall) or demand.thinking_stand_in
    if not words:
        return message
    if demand.tag is None:
        return {**rest(message, *REASONING_NAMES), REASONING_NAMES[0]: words}
    if content is not None and not isinstance(content, str):
        return message
    tagged = f"<{demand.tag}>\n{words}\n</{demand.tag}>\n\n{content or ''}"
    return {**rest(message, *REASONING_NAMES), "content": tagged}


def _chat_call(call: JsonObject) -> tuple[str, str, str]:
    function = object_of(call.get("function"))
    arguments = text_of(function.get("arguments"))
    return text_of(call.get("id")), text_of(function.get("name")), arguments


def _recalled(calls: Iterator[tuple[str, str, str]], recall: _RecallHere) -> str:
    found = (led.thinking for call in calls if (led := recall(*call)) is not None)
    return next(filter(None, found), "")


def _anthropic(message: JsonObject, demand: Demand, recall: _RecallHere) -> JsonObject:
    content = message.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list):
        return message
    blocks = objects_of(content)
    calls = [block for block in blocks if block.get("type") == "tool_use"]
    if not calls and demand.thinking != "all":
        return message
    if any(map(_thinks, blocks)):
        return message
    told = ((text_of(c.get("id")), text_of(c.get("name")), _spelled(c.get("input"))) for c in calls)
    words = _recalled(told, recall) or demand.thinking_stand_in
    if not words:
        return message
    left = [b for b in content if not isinstance(b, dict) or b.get("type") != "thinking"]
    thought = {"type": "thinking", "thinking": words, "signature": ""}
    return {**message, "content": [thought, *left]}


def _thinks(block: JsonObject) -> bool:
    if block.get("type") == "redacted_thinking":
        return True
    return block.get("type") == "thinking" and bool(block.get("thinking") or block.get("signature"))


def _spelled(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else dumps(arguments or {}).decode()


def _gemini(body: JsonObject, demand: Demand, recall: Recall) -> JsonObject:
    """Signs the first call of each step.

    Neighbouring contents of the model are one step, because a client may keep each chunk of a
    stream as a content.
    """
    called = False
    before: JsonObject = EMPTY

    def part(raw: Any) -> list[Any]:
        nonlocal called
        name = next((n for n in CALLS if isinstance(raw, dict) and n in raw), None)
        if name is None:
            return [raw]
        first, called = not called, True
        if signature_name(raw) is not None:
            return [raw]
        call = object_of(raw[name])
        id, name = text_of(call.get("id")), text_of(call.get("name"))
        led = recall(id, name, _spelled(call.get("args")), before)
        proof = (led.signature if led else "") or (demand.signature_stand_in if first else "")
        return [{**raw, "thoughtSignature": proof}] if proof else [raw]

    def content(said: Any) -> list[Any]:
        nonlocal called, before
        if not isinstance(said, dict) or said.get("role") != "model":
            called = False
            before = said if isinstance(said, dict) else before
            return [said]
        return [with_items(said, "parts", part) or said]

    return with_items(body, "contents", content) or body
