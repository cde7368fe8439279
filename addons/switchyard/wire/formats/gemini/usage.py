"""Reads and writes token counts (reference, `UsageMetadata`).

Gemini counts cached tokens within the prompt, and thoughts beside the candidates. Protocol buffers
omit counts of zero.
"""

from typing import Any

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import rest
from switchyard.wire.formats.gemini.names import own
from switchyard.wire.formats.gemini.names import owned
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.counts import counted

_NAMED = (
    "promptTokenCount",
    "cachedContentTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "toolUsePromptTokenCount",
    "totalTokenCount",
)


def read_usage(raw: Any, details: bool = True) -> Usage | None:
    """Returns the usage in a `usageMetadata`; None if it has no counts.

    Without `details` it holds only the plain counts, for chunks that are not the last: lists of
    several chunks must not be added up.
    """
    if not isinstance(raw, dict):
        return None
    counts = {name: int_of(raw.get(name)) for name in _NAMED}
    if all(count is None for count in counts.values()):
        return None
    thoughts = counts["thoughtsTokenCount"]
    said = rest(raw, *_NAMED)
    if counts["candidatesTokenCount"] == 0:
        said = {**said, "candidatesTokenCount": 0}
    read = Usage(
        input=counts["promptTokenCount"],
        output=(counts["candidatesTokenCount"] or 0) + (thoughts or 0),
        cache_read=counts["cachedContentTokenCount"],
        reasoning=thoughts,
        input_audio=_audio(raw.get("promptTokensDetails")),
        output_audio=_audio(raw.get("candidatesTokensDetails")),
        tool_input=counts["toolUsePromptTokenCount"],
        total=counts["totalTokenCount"],
        extra=_extra(said) if details else EMPTY,
    )
    return counted(read)


def _extra(said: JsonObject) -> JsonObject:
    """Returns the other members, and the tier that served the request in Anthropic's word."""
    tier = said.get("serviceTier")
    return {**owned(said), "service_tier": tier} if isinstance(tier, str) else owned(said)


def write_usage(usage: Usage) -> JsonObject:
    """Returns a `usageMetadata`."""
    thoughts = usage.reasoning or 0
    written: JsonObject = {}
    if usage.input is not None:
        written["promptTokenCount"] = usage.input
    if usage.cache_read is not None:
        written["cachedContentTokenCount"] = usage.cache_read
    if candidates := max(0, (usage.output or 0) - thoughts):
        written["candidatesTokenCount"] = candidates
    if usage.reasoning is not None:
        written["thoughtsTokenCount"] = usage.reasoning
    if usage.tool_input is not None:
        written["toolUsePromptTokenCount"] = usage.tool_input
    if said := own(usage.extra):
        if usage.total is not None:
            written["totalTokenCount"] = usage.total
        return {**written, **said}
    apart = usage.tool_input or 0 if usage.total is None else 0
    written["totalTokenCount"] = usage.tokens + apart
    if usage.input_audio:
        written["promptTokensDetails"] = _details(usage.input, usage.input_audio)
    if usage.output_audio:
        written["candidatesTokensDetails"] = _details(usage.output, usage.output_audio)
    return written


def _audio(details: Any) -> int | None:
    counts = [
        int_of(detail.get("tokenCount"))
        for detail in objects_of(details)
        if detail.get("modality") == "AUDIO"
    ]
    return sum(count for count in counts if count) if counts else None


def _details(all_tokens: int | None, audio: int) -> list[JsonObject]:
    return [
        {"modality": "TEXT", "tokenCount": max(0, (all_tokens or 0) - audio)},
        {"modality": "AUDIO", "tokenCount": audio},
    ]
