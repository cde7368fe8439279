"""Reads and writes token counts (API reference, "The response object", `usage`).

`input_tokens` counts the whole prompt, `output_tokens` includes reasoning, as in the model.
"""

from typing import Any

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import whole_of
from switchyard.wire.formats.openai_responses.names import NAME
from switchyard.wire.formats.openai_responses.names import own
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.counts import counted
from switchyard.wire.shared.searches import ran_searches


def read_response_usage(response: JsonObject) -> Usage | None:
    """Returns the usage of a response, with what else its price depends on; None for none.

    That is the `service_tier` that served it, not always the one that was asked for, and the
    searches of the web, whose results are charged beside the tokens (guide "Web search": `search`
    actions are, opening a page and finding in it are not). They are kept under the names of
    Anthropic's usage.
    """
    usage = read_usage(response.get("usage"))
    if usage is None:
        return None
    beside: JsonObject = {}
    if isinstance(tier := response.get("service_tier"), str):
        beside["service_tier"] = tier
    if searches := sum(map(_is_search, objects_of(response.get("output")))):
        beside.update(ran_searches(searches))
    return altered(usage, extra={**usage.extra, **beside}) if beside else usage


def _is_search(item: JsonObject) -> bool:
    action = object_of(item.get("action")).get("type", "search")
    return item.get("type") == "web_search_call" and action == "search"


def read_usage(body: Any) -> Usage | None:
    """Returns the usage in a `usage` member; None if it holds none."""
    if not isinstance(body, dict) or not body:
        return None
    prompt = _details(body, "input_tokens_details", "prompt_tokens_details")
    answer = _details(body, "output_tokens_details", "completion_tokens_details")
    said = Usage(
        input=_count(body, "input_tokens", "prompt_tokens"),
        output=_count(body, "output_tokens", "completion_tokens"),
        cache_read=whole_of(prompt.get("cached_tokens")),
        cache_write=whole_of(prompt.get("cache_write_tokens")),
        reasoning=whole_of(answer.get("reasoning_tokens")),
        input_audio=whole_of(prompt.get("audio_tokens")),
        output_audio=whole_of(answer.get("audio_tokens")),
        total=whole_of(body.get("total_tokens")),
        extra={NAME: body},
    )
    return counted(said)


def write_usage(usage: Usage) -> JsonObject:
    """Returns a `usage` member, with all the counts that the API's types require.

    It is unchanged if it was read from this format.
    """
    if said := own(usage.extra):
        return said
    return {
        "input_tokens": usage.input or 0,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read or 0,
            "cache_write_tokens": usage.cache_write or 0,
        },
        "output_tokens": usage.output or 0,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": usage.tokens,
    }


def _details(body: JsonObject, *names: str) -> JsonObject:
    return next((v for name in names if isinstance(v := body.get(name), dict)), {})


def _count(body: JsonObject, *names: str) -> int | None:
    counts = (whole_of(body.get(name)) for name in names)
    return next((count for count in counts if count is not None), None)
