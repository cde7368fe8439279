"""Repairs function calls without arguments in responses and their events.

OpenAI's reference, "The response object": `arguments` is JSON in a text. Other servers of the API
leave it empty for a function without parameters, and clients fail to parse it.
"""

import re
from typing import Any

from switchyard.values.sequences import are_same
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.openai_responses.names import text_of
from switchyard.wire.shared.arguments import settled

MARK = re.compile(rb'"arguments"\s*:\s*(?:null|"(?:null|\[\]|\s*)")')
"""Arguments that are empty, in serialised JSON. Inside a text its quotes would be escaped."""


def mend_reply(body: JsonObject) -> JsonObject:
    """Returns a response whose calls have arguments; `body` itself if all have."""
    output = body.get("output")
    if not isinstance(output, list):
        return body
    mended = [_item(item) for item in output]
    if are_same(mended, output):
        return body
    return {**body, "output": mended}


def mend_event(body: JsonObject) -> JsonObject:
    """Returns an event of a whole call, item or response with the arguments that it lacks.

    The event itself if it lacks none, or is of a call whose arguments are to come.
    """
    match body.get("type"):
        case "response.function_call_arguments.done":
            return _with_arguments(body)
        case "response.output_item.done":
            return _replace(body, "item", _item(body.get("item")))
        case "response.completed" | "response.incomplete":
            response = body.get("response")
            if isinstance(response, dict):
                return _replace(body, "response", mend_reply(response))
    return body


def _item(item: Any) -> Any:
    if not isinstance(item, dict) or item.get("type") != "function_call":
        return item
    return _with_arguments(item)


def _with_arguments(holder: JsonObject) -> JsonObject:
    said = holder.get("arguments")
    if said is not None and not isinstance(said, str):
        return holder
    return _replace(holder, "arguments", settled(text_of(said)))


def _replace(holder: JsonObject, key: str, value: Any) -> JsonObject:
    old = holder.get(key)
    return holder if value is old or value == old else {**holder, key: value}
