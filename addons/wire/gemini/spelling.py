"""The two spellings of member names: `camelCase`, which is written, and `snake_case`.

Google's servers take both, as protocol buffers' JSON form says; the official Python SDK writes a
mixture (`parametersJsonSchema` beside `thought_signature`).
"""

from typing import Any

from addons.wire.jsonio import JsonObject

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
    "text",
    "data",
}
"""Members whose own members are the user's names, not the API's (or that have none)."""


def camel_case(body: Any) -> Any:
    """`body` with the API's own member names in camelCase; the same object if they are already.

    A name that stands there in both spellings keeps the camelCase one's value.
    """
    if isinstance(body, dict):
        return _object(body)
    if isinstance(body, list):
        items = [camel_case(item) for item in body]
        return body if all(a is b for a, b in zip(items, body, strict=True)) else items
    return body


def _object(body: JsonObject) -> JsonObject:
    changed: JsonObject = {}
    renamed = False
    for key, value in body.items():
        name = _CAMEL.get(key, key)
        renamed = renamed or name is not key
        if isinstance(value, dict | list) and name not in _FREE:
            new = camel_case(value)
            if new is not value:
                changed[key] = new
    if not renamed and not changed:
        return body
    out: JsonObject = {}
    for key, value in body.items():
        name = _CAMEL.get(key, key)
        if name is key or name not in body:
            out[name] = changed.get(key, value)
    return out
