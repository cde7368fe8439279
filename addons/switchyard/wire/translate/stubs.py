"""Builds small requests with the same settings and tools as a client's."""

from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject

NOTHING: Any = object()
"""Value at a path that does not exist."""

_TURNS: JsonObject = {
    "messages": [{"role": "user", "content": "x"}],
    "contents": [{"role": "user", "parts": [{"text": "x"}]}],
    "input": "x",
}
"""The conversation of a stub, by the member that holds it."""
_WORDS = frozenset({"system", "systemInstruction", "system_instruction", "instructions"})
"""Members that hold only text."""
CONTAINERS = frozenset({"generationConfig", "generation_config", "options"})
"""Members that only hold settings."""
_TOOLS = frozenset({"tools", "functions"})
_DECLARATIONS = ("functionDeclarations", "function_declarations")
_SCHEMAS = frozenset(
    "parameters input_schema inputSchema parametersJsonSchema parameters_json_schema response "
    "responseJsonSchema output_schema".split()
)
_SERVED = frozenset(
    "model name stream stream_options stop stop_sequences stopSequences previous_response_id raw "
    "max_tokens max_completion_tokens max_output_tokens maxOutputTokens num_predict".split()
)
"""Members that the router carries out itself: it asks the upstream for what it needs, ends
responses at stop sequences and limits, and stores responses."""
_OPEN = frozenset(
    "metadata logit_bias labels schema json_schema responseSchema responseJsonSchema "
    "response_json_schema response_schema client_metadata options_schema".split()
)
"""Objects whose member names are the client's, kept or left out as a whole."""
_USUAL: JsonObject = {
    "n": 1,
    "candidateCount": 1,
    "best_of": 1,
    "parallel_tool_calls": True,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "presencePenalty": 0,
    "frequencyPenalty": 0,
    "top_logprobs": 0,
    "truncation": "disabled",
    "service_tier": "auto",
    "modalities": ["text"],
    "responseModalities": ["TEXT"],
    "include": ["reasoning.encrypted_content"],
    "tool_choice": "auto",
    "execution": "client",
    "format": {"type": "text"},
    "response_format": {"type": "text"},
    "reasoning_effort": None,
}
"""Values that are equivalent to the member's absence."""
_EMPTY: tuple[Any, ...] = (None, False, "", [], {})
_STRUCTURE = frozenset(
    "type role name function description parameters input_schema parametersJsonSchema "
    "parameters_json_schema functionDeclarations function_declarations".split()
)
"""Members of tools that every format has."""
_SHOWN = frozenset({"auto", "concise", "detailed", "summarized", True})
"""Values that ask for visible thinking, which clients receive from every target that gives it."""
_OF_SHOWING = frozenset("summary generate_summary display includeThoughts include_thoughts".split())
_DEEPEST = 3
_MOST_PATHS = 96


def stub_of(body: JsonObject) -> JsonObject:
    """Returns a request with the settings and tools of `body`, and a one-word prompt."""
    stub: JsonObject = {}
    for key, value in body.items():
        if key in _TURNS:
            stub[key] = _TURNS[key]
        elif key == "prompt" and isinstance(value, str | list):
            stub[key] = "x"
        elif key in _TOOLS and isinstance(value, list):
            stub[key] = [_tool(tool) for tool in value]
        elif key not in _WORDS:
            stub[key] = value
    return stub


def is_conversation(key: str) -> bool:
    """Whether a member of a stub holds its conversation, or is required."""
    return key in _TURNS or key in ("prompt", "model", "stream", "max_tokens")


def paths_of(stub: JsonObject, with_tools: bool = True) -> Iterator[Sequence[str | int]]:
    """Yields the paths of the members to compare, each before those within it.

    `with_tools`: those of tools too.
    """
    count = 0
    for path in _paths(stub, ()):
        if path[0] in _TOOLS and not with_tools:
            continue
        yield path
        count += 1
        if count >= _MOST_PATHS:
            return


def without(stub: Any, path: Sequence[str | int]) -> tuple[Any, Any]:
    """Returns the stub without the member at `path`, and that member's value."""
    step, *rest = path
    if isinstance(step, int):
        less, value = without(stub[step], rest)
        return [*stub[:step], less, *stub[step + 1 :]], value
    inner = stub.get(step, NOTHING)
    if inner is NOTHING:
        return stub, NOTHING
    if not rest:
        return {key: value for key, value in stub.items() if key != step}, inner
    less, value = without(inner, rest)
    return {**stub, step: less}, value


def means_nothing(path: Sequence[str | int], value: Any) -> bool:
    """Whether a member is equivalent to its absence."""
    name = path[-1]
    if name in _OF_SHOWING and isinstance(value, str | bool) and value in _SHOWN:
        return True
    if name in _USUAL and type(value) is type(_USUAL[name]) and value == _USUAL[name]:
        return True
    return any(value == one and type(value) is type(one) for one in _EMPTY)


def _paths(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, list):
        seen: set[tuple[str, ...]] = set()
        for number, entry in enumerate(value):
            shape = tuple(sorted(entry)) if isinstance(entry, dict) else ()
            if shape and shape not in seen:  # tools with the same members give the same result
                seen.add(shape)
                yield from _paths(entry, (*path, number))
        return
    for key, inner in value.items():
        if not path and (key in _TURNS or key in _SERVED or (key == "prompt" and inner == "x")):
            continue
        here = (*path, key)
        in_tools = bool(path) and path[0] in _TOOLS
        held = key in _STRUCTURE if in_tools else not path and key in (*_TOOLS, *CONTAINERS)
        if not held and key not in _SERVED:
            yield here
        if key in _OPEN or key in _SCHEMAS or sum(isinstance(s, str) for s in here) > _DEEPEST:
            continue
        if isinstance(inner, dict) or (
            isinstance(inner, list) and key in (*_TOOLS, *_DECLARATIONS)
        ):
            yield from _paths(inner, here)


def _tool(tool: Any) -> Any:
    """Returns a tool without descriptions and the content of its schema."""
    if not isinstance(tool, dict):
        return tool
    small: JsonObject = {}
    for key, value in tool.items():
        if key == "description" and isinstance(value, str):
            small[key] = "x"
        elif key in _SCHEMAS and isinstance(value, dict):
            small[key] = {"type": value.get("type", "object"), "properties": {}}
        elif key == "function" and isinstance(value, dict):
            small[key] = _tool(value)
        elif key in _DECLARATIONS and isinstance(value, list):
            small[key] = [_tool(one) for one in value]
        else:
            small[key] = value
    return small
