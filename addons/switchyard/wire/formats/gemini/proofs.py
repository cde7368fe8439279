"""Finds the thought signatures in a request's history.

Source: guide "Thought signatures". Models from Gemini 3 on require a signature, or its placeholder,
on the first call of each step.
"""

from collections.abc import Iterator
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import rest
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.gemini.names import NO_SIGNATURE
from switchyard.wire.formats.gemini.names import own
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.proofs import Keeps
from switchyard.wire.model.proofs import proofs_of as model_proofs_of
from switchyard.wire.model.proofs import with_items

MARKS = (b'"thoughtSignature"', b'"thought_signature"')
"""Substrings, one of which occurs in every body that has a proof."""

SIGNATURES = ("thoughtSignature", "thought_signature")
CALLS = ("functionCall", "function_call")


def with_proofs(body: JsonObject, keeps: Keeps) -> JsonObject:
    """Returns `body` with only those signatures that `keeps` keeps.

    Returns `body` itself if all are kept; never changes it.
    """

    def part(raw: Any) -> list[Any]:
        name = signature_name(raw)
        if name is None or raw[name] == NO_SIGNATURE or keeps(text_of(raw[name])):
            return [raw]
        if any(call in raw for call in CALLS):
            return [{**raw, name: NO_SIGNATURE}]
        left = dict(rest(raw, name))
        hollow = raw.get("thought") is True or left in ({}, {"text": ""})
        return [] if hollow else [left]

    def content(said: Any) -> list[Any]:
        if not isinstance(said, dict) or said.get("role") != "model":
            return [said]
        kept = with_items(said, "parts", part)
        return [] if kept is None else [kept]

    return with_items(body, "contents", content) or {**body, "contents": []}


def proofs_of(part: Part) -> Iterator[str]:
    """Yields the signatures of a response's part, including that of a text."""
    yield from model_proofs_of(part)
    if isinstance(part, Text) and isinstance(proof := own(part.extra).get(SIGNATURES[0]), str):
        yield proof
    if isinstance(part, Opaque) and (name := signature_name(part.raw)) is not None:
        yield text_of(part.raw[name])


def signature_name(part: Any) -> str | None:
    """Returns the member that holds a part's signature; None if it has none."""
    if not isinstance(part, dict):
        return None
    return next((name for name in SIGNATURES if part.get(name)), None)
