"""Converts member names between `camelCase`, which is written, and `snake_case`.

Google's servers accept both (protocol buffers, JSON form); the official Python SDK mixes them
(`parametersJsonSchema` beside `thought_signature`). Servers that print protocol buffers with the
option "preserve proto field names" answer in snake_case (protobuf.dev, "ProtoJSON Format", "JSON
Options"; parsers are required to accept both).
"""

import re
from collections.abc import Mapping
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of

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


_ANSWER_NAMES = (
    "usage_metadata prompt_token_count candidates_token_count total_token_count "
    "thoughts_token_count cached_content_token_count tool_use_prompt_token_count "
    "prompt_tokens_details candidates_tokens_details cache_tokens_details "
    "tool_use_prompt_tokens_details token_count traffic_type model_version response_id create_time "
    "prompt_feedback block_reason block_reason_message safety_ratings finish_reason finish_message "
    "avg_logprobs logprobs_result top_candidates chosen_candidates log_probability token_id "
    "citation_metadata citation_sources grounding_metadata grounding_attributions "
    "web_search_queries search_entry_point rendered_content grounding_chunks retrieved_context "
    "grounding_supports "
    "grounding_chunk_indices confidence_scores start_index end_index part_index retrieval_metadata "
    "url_context_metadata url_metadata retrieved_url url_retrieval_status"
).split()
"""Names of members that answers alone have (API reference, "GenerateContentResponse")."""

_SERVICE_NAMES = (
    "generate_content_request embed_content_config output_dimensionality task_type auto_truncate "
    "total_tokens"
).split()
"""Names of members that only `countTokens` and `embedContent` have, in requests and answers."""


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


_CAMEL = {name: _camel(name) for name in _NAMES} | {"_responseJsonSchema": "responseJsonSchema"}

_IN_ANSWERS = _CAMEL | {name: _camel(name) for name in _ANSWER_NAMES}

_IN_SERVICES = _IN_ANSWERS | {name: _camel(name) for name in _SERVICE_NAMES}

_ANY_SNAKE = re.compile(rb'"[a-z]+_[a-z_]+"\s*:')
"""A member's name in snake_case; within a string its quotes would be escaped.

Not the API's names alone, which would take ten times as long to look for.
"""

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


def is_snake(data: bytes) -> bool:
    """Whether the JSON of an answer may have member names in snake_case."""
    return b"_" in data and _ANY_SNAKE.search(data) is not None


def answer_in_camel_case(answer: Any) -> Any:
    """Returns an answer, or a list of them, with the API's member names in camelCase.

    Returns the same object if they are already.
    """
    return _rename(answer, _IN_ANSWERS)


def service_in_camel_case(body: JsonObject) -> JsonObject:
    """Returns a request or answer of `countTokens` or `embedContent` likewise."""
    return _rename(body, _IN_SERVICES)


def spells_snake(answer: JsonObject) -> bool:
    """Whether an answer has member names in snake_case, as far as its parts."""
    candidates = objects_of(answer.get("candidates"))
    contents = [object_of(one.get("content")) for one in candidates]
    parts = [part for content in contents for part in objects_of(content.get("parts"))]
    return any("_" in "".join(node) for node in (answer, *candidates, *parts))


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
