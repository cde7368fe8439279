"""Requests that stay in this format, after a conversation that other formats answered in part."""

from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.shared.envelope import is_sealed

_PROOF = {"thinking": "signature", "redacted_thinking": "data"}


def without_sealed(body: JsonObject) -> JsonObject:
    """`body` without the thinking of other formats that a client sends back sealed, which a
    provider of this format would refuse. `body` itself where there is none; never changed."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        return body
    kept = [_without_sealed(message) for message in messages]
    if all(new is old for new, old in zip(kept, messages, strict=True)):
        return body
    return {**body, "messages": [m for m in kept if m is not None]}


def _without_sealed(message: Any) -> Any:
    """A message without such blocks, None where nothing is left."""
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list) or not any(map(_is_foreign, content)):
        return message
    left = [block for block in content if not _is_foreign(block)]
    return {**message, "content": left} if left else None


def _is_foreign(block: Any) -> bool:
    if not isinstance(block, dict):
        return False
    proof = _PROOF.get(str(block.get("type")))
    return proof is not None and is_sealed(block.get(proof))
