"""Leaves out what a request asks of thinking, for a model that does not think.

Sources: the formats' references, for the members; Anthropic's guide "Context editing", for
`clear_thinking_*`, which only a request with thinking may ask for.
"""

from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import rest

_MEMBERS = {
    "openai-chat": ("reasoning_effort", "reasoning", "thinking"),
    "openai-responses": ("reasoning",),
    "anthropic": ("thinking",),
    "ollama": ("think",),
}
_INSIDE = {
    "anthropic": ("output_config", ("effort",)),
    "gemini": ("generationConfig", ("thinkingConfig",)),
    "converse": (
        "additionalModelRequestFields",
        ("thinking", "reasoningConfig", "reasoning_effort", "output_config"),
    ),
}
"""Members of another member, by format."""

_ENCRYPTED = "reasoning.encrypted_content"


def without_reasoning_wish(body: JsonObject, format: str) -> JsonObject:
    """Returns a request in `format` that asks for no thinking, and for no measure of it.

    Returns `body` itself if it asks for none; never changes it, nor anything in it.
    """
    names = [name for name in _MEMBERS.get(format, ()) if name in body]
    body = rest(body, *names) if names else body
    holder, inner = _INSIDE.get(format, ("", ()))
    said = body.get(holder)
    if isinstance(said, dict) and not said.keys().isdisjoint(inner):
        body = _with(body, holder, rest(said, *inner))
    if format == "openai-responses":
        return without_reasoning_items(body)
    return _without_clearing(body) if format == "anthropic" else body


def without_reasoning_items(body: JsonObject) -> JsonObject:
    """Returns a request of the Responses API without earlier reasoning, and the wish to encrypt it.

    Models that do not reason refuse both: "Reasoning input items can only be provided to a
    reasoning or computer use model" (openai/openai-agents-python#569), "Encrypted content is not
    supported with this model" (pydantic/pydantic-ai#2865). `body` itself if there is neither.
    """
    include, items = body.get("include"), body.get("input")
    if isinstance(include, list) and _ENCRYPTED in include:
        body = _with(body, "include", [name for name in include if name != _ENCRYPTED])
    if isinstance(items, list) and any(map(_is_reasoning, items)):
        body = {**body, "input": [item for item in items if not _is_reasoning(item)]}
    return body


def _without_clearing(body: JsonObject) -> JsonObject:
    management = body.get("context_management")
    edits = management.get("edits") if isinstance(management, dict) else None
    if not isinstance(management, dict) or not isinstance(edits, list):
        return body
    left = [edit for edit in edits if not _clears_thinking(edit)]
    if len(left) == len(edits):
        return body
    others = rest(management, "edits")
    return _with(body, "context_management", {**others, "edits": left} if left else others)


def _clears_thinking(edit: Any) -> bool:
    return isinstance(edit, dict) and str(edit.get("type")).startswith("clear_thinking_")


def _is_reasoning(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") == "reasoning"


def _with(body: JsonObject, name: str, value: Any) -> JsonObject:
    """Returns `body` with a member, or without it where nothing is left of it."""
    return {**body, name: value} if value else rest(body, name)
