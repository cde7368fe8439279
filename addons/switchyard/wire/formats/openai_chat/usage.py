"""Reads and writes token counts.

Source: OpenAI's reference, "The chat completion object", `usage`, and its dialects.
"""

from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import whole_of
from switchyard.wire.formats.openai_chat.names import NAME
from switchyard.wire.formats.openai_chat.names import own
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.counts import counted

_NO_DETAILS: JsonObject = {}


def read_usage(body: Any, tier: Any = None) -> Usage | None:
    """Returns the usage in a `usage` member; None if it holds none.

    `tier` is the `service_tier` beside it: the one that served the request, and not always the one
    that it asked for.
    """
    if not isinstance(body, dict) or not body:
        return None
    prompt = _details(body, "prompt_tokens_details", "input_tokens_details")
    completion = _details(body, "completion_tokens_details", "output_tokens_details")
    reasoning = _first(completion.get("reasoning_tokens"), body.get("reasoning_tokens"))
    total = whole_of(body.get("total_tokens"))
    given = _first(body.get("prompt_tokens"), body.get("input_tokens"))
    output = _first(body.get("completion_tokens"), body.get("output_tokens"))
    if given is None and output is None and total is None:
        return None
    said = Usage(
        input=given,
        output=output,
        cache_read=_first(
            prompt.get("cached_tokens"),
            body.get("prompt_cache_hit_tokens"),  # DeepSeek
            body.get("cached_tokens"),  # Moonshot
            body.get("num_cached_tokens"),  # Mistral
            body.get("cache_read_input_tokens"),
        ),
        cache_write=_first(
            prompt.get("cache_write_tokens"),  # OpenRouter
            prompt.get("cache_creation_tokens"),
            body.get("cache_creation_input_tokens"),
        ),
        reasoning=reasoning,
        input_audio=_first(prompt.get("audio_tokens"), body.get("audio_prompt_tokens")),
        output_audio=whole_of(completion.get("audio_tokens")),
        total=total,
        extra={NAME: body, "service_tier": tier} if isinstance(tier, str) else {NAME: body},
    )
    return counted(said)


def asks_usage(body: JsonObject) -> bool:
    """Returns whether a request asks for the token counts of its stream, in a last chunk."""
    options = body.get("stream_options")
    return isinstance(options, dict) and bool(options.get("include_usage"))


def is_usage_chunk(chunk: JsonObject) -> bool:
    """Returns whether a chunk has nothing but the token counts of its stream."""
    return bool(chunk.get("usage")) and chunk.get("choices") == []


def write_usage(usage: Usage) -> JsonObject:
    """Returns a `usage` member; unchanged if it was read from this format."""
    if said := own(usage.extra):
        return said
    written: JsonObject = {
        "prompt_tokens": usage.input or 0,
        "completion_tokens": usage.output or 0,
        "total_tokens": usage.tokens,
    }
    prompt = {
        "cached_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
        "audio_tokens": usage.input_audio,
    }
    completion = {"reasoning_tokens": usage.reasoning, "audio_tokens": usage.output_audio}
    if said := {k: v for k, v in prompt.items() if v is not None}:
        written["prompt_tokens_details"] = said
    if said := {k: v for k, v in completion.items() if v is not None}:
        written["completion_tokens_details"] = said
    return written


def _details(body: JsonObject, *names: str) -> JsonObject:
    for name in names:
        if isinstance(value := body.get(name), dict):
            return value
    return _NO_DETAILS


def _first(*values: Any) -> int | None:
    """Returns the first count above zero, or else the first count given."""
    first: int | None = None
    for value in values:
        if value is None:
            continue
        count = whole_of(value)
        if count:
            return count
        if first is None:
            first = count
    return first
