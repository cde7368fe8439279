"""Converts member names between `camelCase`, which is written, and `snake_case`.

Google's servers accept both (protocol buffers, JSON form); the official Python SDK mixes them
(`parametersJsonSchema` beside `thought_signature`).
"""

from collections.abc import Mapping
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject

_NAMES = (
    "system_instruction generation_config safety_settings tool_config cached_content "
    "function_declarations parameters_json_schema response_json_schema function_calling_config "
    "allowed_function_names stream_function_call_arguments retrieval_config "
    "include_server_side_tool_invocations inline_data file_data mime_type file_uri display_name "
    "function_call function_response thought_signature video_metadata start_offset end_offset "
    "executable_code code_execution_result tool_call tool_response tool_type part_metadata "
    "media_resolution will_continue partial_args json_path max_output_tokens top_p top_k "
    "stop_sequences candidate_count response_mime_type response_schema response_modalities "
    "presence_penalty frequency_penalty response_logprobs thinking_config include_thoughts "
    "thinking_budget thinking_level speech_config image_config audio_timestamp routing_config "
    "google_search google_search_retrieval google_maps code_execution url_context file_search "
    "computer_use enterprise_web_search service_tier"
).split()


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


_CAMEL = {name: _camel(name) for name in _NAMES} | {"_responseJsonSchema": "responseJsonSchema"}

_SNAKE = {_camel(name): name for name in _NAMES}

_FREE = {
    "args",
    "response",
    "parameters",
    "parametersJsonSchema",
    "responseJsonSchema",
    "responseSchema",
    "partMetadata",
    "labels",
    "metadata",
}
"""Members whose own member names belong to the user, not the API."""


def camel_case(body: JsonObject) -> JsonObject:
    """Returns `body` with the API's member names in camelCase.

    Returns the same object if they are already. If an object has both spellings of a name, the
    value of the camelCase one is kept.
    """
    return _rename(body, _CAMEL)


def snake_names(body: JsonObject) -> list[str]:
    """Returns the names, in camelCase, that `body` spells only in snake_case."""
    found: set[str] = set()
    _collect(body, found)
    return sorted(name for snake, name in _CAMEL.items() if snake in found and name not in found)


def respell(body: JsonObject, names: list[str]) -> JsonObject:
    """Returns `body`, which is in camelCase, with these names in snake_case again."""
    return _rename(body, {name: _SNAKE[name] for name in names})


def _rename(node: Any, names: Mapping[str, str]) -> Any:
    if isinstance(node, list):
        items = [_rename(item, names) if isinstance(item, dict | list) else item for item in node]
        return node if all(a is b for a, b in zip(items, node, strict=True)) else items
    if not isinstance(node, dict):
        return node
    out: JsonObject = {}
    same = True
    for key, value in node.items():
        name = names.get(key, key)
        if name is not key and name in node:
            same = False
            continue
        new = value
        if isinstance(value, dict | list) and name not in _FREE and key not in _FREE:
            new = _rename(value, names)
        same = same and name is key and new is value
        out[name] = new
    return node if same else out


def _collect(node: Any, found: set[str]) -> None:
    if isinstance(node, list):
        for item in node:
            _collect(item, found)
    elif isinstance(node, dict):
        found.update(node)
        for key, value in node.items():
            if key not in _FREE and _CAMEL.get(key) not in _FREE:
                _collect(value, found)
