"""Removes other formats' sealed content from requests that stay in this format.

A conversation contains it if providers of other formats answered part of it.
"""

from typing import Any

from switchyard.values.sequences import are_same
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.anthropic.words import block_words
from switchyard.wire.shared.envelope import is_sealed
from switchyard.wire.shared.server_tool_results import is_made_here

_PROOF = {"thinking": "signature", "redacted_thinking": "data"}


def without_sealed(body: JsonObject) -> JsonObject:
    """Returns `body` without other formats' thinking, which clients send back sealed.

    A provider of this format would refuse it. Text replaces what tools of other formats did at
    their provider. Returns `body` itself if it has neither; never changes it.
    """
    messages = body.get("messages")
    if not isinstance(messages, list):
        return body
    kept = [_without_sealed(message) for message in messages]
    if are_same(kept, messages):
        return body
    return {**body, "messages": [m for m in kept if m is not None]}


def _without_sealed(message: Any) -> Any:
    """Returns a message without such blocks, or None if nothing remains."""
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list):
        return message
    if not any(_is_foreign(block) or _is_served_elsewhere(block) for block in content):
        return message
    left = [made for block in content if not _is_foreign(block) if (made := _said(block))]
    return {**message, "content": left} if left else None


def _is_served_elsewhere(block: Any) -> bool:
    """Whether a block reports a tool that ran at a provider of another format."""
    if not isinstance(block, dict):
        return False
    return is_made_here(block.get("tool_use_id")) or (
        block.get("type") == "server_tool_use" and is_made_here(block.get("id"))
    )


def _said(block: Any) -> Any:
    if not _is_served_elsewhere(block):
        return block
    words = block_words(block)
    return {"type": "text", "text": words} if words else None


def _is_foreign(block: Any) -> bool:
    if not isinstance(block, dict):
        return False
    proof = _PROOF.get(str(block.get("type")))
    return proof is not None and is_sealed(block.get(proof))
