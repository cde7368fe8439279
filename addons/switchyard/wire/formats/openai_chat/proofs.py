"""Finds the proofs in a request's history, in the dialects of Chat Completions.

Google's compatible address has thought signatures in `extra_content.google.thought_signature` of a
call or message (guide "Thought signatures", OpenAI compatibility); OpenRouter has entries of
`reasoning_details` (guide "Reasoning Tokens", preserving reasoning), GitHub Copilot has
`reasoning_opaque`. OpenAI's own API knows none of them.
"""

from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import rest
from switchyard.wire.formats.openai_chat.names import OPAQUE
from switchyard.wire.formats.openai_chat.names import text_of
from switchyard.wire.model.proofs import Keeps
from switchyard.wire.model.proofs import with_items

MARKS = (b'"thought_signature"', b'"reasoning_details"', b'"reasoning_opaque"')
"""Every body that has a proof contains one of these."""


def with_proofs(body: JsonObject, keeps: Keeps) -> JsonObject:
    """Returns `body` with only the proofs that `keeps` accepts.

    Returns `body` itself if it accepts all; never changes it.
    """

    def message(said: Any) -> list[Any]:
        if not isinstance(said, dict) or said.get("role") != "assistant":
            return [said]
        said = _unsigned(said, keeps)
        if (proof := text_of(said.get(OPAQUE))) and not keeps(proof):
            said = dict(rest(said, OPAQUE))
        said = with_items(said, "tool_calls", lambda call: [_unsigned(call, keeps)]) or said
        kept = with_items(said, "reasoning_details", lambda entry: _detail(entry, keeps))
        return [dict(rest(said, "reasoning_details")) if kept is None else kept]

    return with_items(body, "messages", message) or body


def google_signature(holder: JsonObject) -> str:
    """Returns Google's signature of a call or message; empty if it has none."""
    google = object_of(object_of(holder.get("extra_content")).get("google"))
    return text_of(google.get("thought_signature"))


def _unsigned(holder: Any, keeps: Keeps) -> Any:
    if not isinstance(holder, dict) or "extra_content" not in holder:
        return holder
    proof = google_signature(holder)
    return holder if not proof or keeps(proof) else dict(rest(holder, "extra_content"))


def _detail(entry: Any, keeps: Keeps) -> list[Any]:
    if not isinstance(entry, dict):
        return [entry]
    proof = text_of(entry.get("signature")) or text_of(entry.get("data"))
    return [entry] if keeps(proof) else []
