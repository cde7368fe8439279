"""Finds the proofs in a request's history.

Proofs are signatures of thinking, redacted thinking, and results of tools that ran at the provider:
search results are encrypted, and citations refer to them. Only the provider that made a proof
accepts it. Source: API reference, "Messages"; guide "Extended thinking".
"""

from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import rest
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.anthropic.words import block_words
from switchyard.wire.model.proofs import Keeps
from switchyard.wire.model.proofs import with_items

MARKS = (b'"signature"', b'"redacted_thinking"', b'"server_tool_use"', b'"mcp_tool_use"')
"""Substrings, one of which occurs in every body that has a proof."""

_RUN_THERE = ("server_tool_use", "mcp_tool_use")


def with_proofs(body: JsonObject, keeps: Keeps) -> JsonObject:
    """Returns `body` with only those proofs that `keeps` keeps.

    Text replaces what a tool did at a provider. Returns `body` itself if all proofs are kept; never
    changes it.
    """

    def message(said: Any) -> list[Any]:
        if not isinstance(said, dict) or said.get("role") != "assistant":
            return [said]
        kept = _message(said, keeps)
        return [] if kept is None else [kept]

    return with_items(body, "messages", message) or {**body, "messages": []}


def _message(message: JsonObject, keeps: Keeps) -> JsonObject | None:
    """Returns None if nothing of the message remains."""
    gone = (
        {
            text_of(block.get("id"))
            for block in message["content"]
            if isinstance(block, dict)
            if block.get("type") in _RUN_THERE and not keeps(text_of(block.get("id")))
        }
        if isinstance(message.get("content"), list)
        else set()
    )

    def change(block: Any) -> list[Any]:
        if not isinstance(block, dict):
            return [block]
        match block.get("type"):
            case "thinking":
                return [block] if keeps(text_of(block.get("signature"))) else []
            case "redacted_thinking":
                return [block] if keeps(text_of(block.get("data"))) else []
            case "text" if block.get("citations"):
                return [_uncited(block, bool(gone), keeps)]
            case kind if kind in _RUN_THERE and block.get("id") in gone:
                return _said(block)
            case "tool_use" | "tool_result":
                return [block]
        return _said(block) if block.get("tool_use_id") in gone else [block]

    return with_items(message, "content", change)


def _said(block: JsonObject) -> list[Any]:
    words = block_words(block)
    return [{"type": "text", "text": words}] if words and words.strip() else []


def _uncited(block: JsonObject, gone: bool, keeps: Keeps) -> JsonObject:
    """Returns a text without citations of results that are missing."""
    citations = block["citations"]
    if not isinstance(citations, list):
        return block
    proofs = (text_of(c.get("encrypted_index")) for c in citations if isinstance(c, dict))
    if all(not proof or (not gone and keeps(proof)) for proof in proofs):
        return block
    left = [c for c in citations if not isinstance(c, dict) or "encrypted_index" not in c]
    return {**block, "citations": left} if left else dict(rest(block, "citations"))
