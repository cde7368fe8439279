"""Finds the proofs in a request's history: signatures of reasoning, and encrypted reasoning.

Source: Bedrock's API reference, "ReasoningContentBlock".
"""

from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.model.proofs import Keeps
from switchyard.wire.model.proofs import with_items

MARKS = (b'"signature"', b'"redactedContent"')
"""Substrings, one of which occurs in every body that has a proof."""

_EMPTY = {"text": "."}
"""Stands where nothing of a message is left."""


def with_proofs(body: JsonObject, keeps: Keeps) -> JsonObject:
    """Returns `body` with only those proofs that `keeps` keeps, and the reasoning they are of.

    Returns `body` itself if all proofs are kept; never changes it.
    """

    def message(said: Any) -> list[Any]:
        if not isinstance(said, dict) or said.get("role") != "assistant":
            return [said]
        return [with_items(said, "content", block) or {**said, "content": [_EMPTY]}]

    def block(said: Any) -> list[Any]:
        reasoning = object_of(said.get("reasoningContent")) if isinstance(said, dict) else {}
        if not reasoning:
            return [said]
        signature = text_of(object_of(reasoning.get("reasoningText")).get("signature"))
        proof = text_of(reasoning.get("redactedContent")) or signature
        return [said] if keeps(proof) else []

    return with_items(body, "messages", message) or body
