"""Declares client-run tools of a provider's own types as functions.

Anthropic's bash and OpenAI's local shell are declared by their type alone, because their provider's
models were trained on them. Other providers' models get a function with the documented parameters.
`Tool.raw` keeps the original declaration, for the format it came in.
"""

from collections.abc import Sequence
from typing import Any

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.conversation import Tool


def function(
    name: str,
    description: str,
    parameters: JsonObject,
    *,
    format: str,
    raw: JsonObject,
    namespace: str | None = None,
    cache: JsonObject | None = None,
    extra: JsonObject = EMPTY,
    form: str = "",
) -> Tool:
    """Returns the function for what `raw` declares in the format `format`."""
    return Tool(
        name=name,
        description=description,
        parameters=parameters,
        namespace=namespace,
        cache=cache,
        format=format,
        raw=raw,
        extra=extra,
        form=form,
    )


def obj(required: Sequence[str] = (), **properties: JsonObject) -> JsonObject:
    """Returns the schema of an object with these members."""
    schema: JsonObject = {"type": "object", "properties": properties}
    return {**schema, "required": list(required)} if required else schema


def text(description: str, *values: str) -> JsonObject:
    """Returns the schema of a text, limited to `values` if there are any."""
    schema: JsonObject = {"type": "string", "description": description}
    return {**schema, "enum": list(values)} if values else schema


def whole(description: str) -> JsonObject:
    """Returns the schema of an integer."""
    return {"type": "integer", "description": description}


def switch(description: str) -> JsonObject:
    """Returns the schema of a boolean."""
    return {"type": "boolean", "description": description}


def several(items: JsonObject, description: str, **bounds: Any) -> JsonObject:
    """Returns the schema of a list of `items`."""
    return {"type": "array", "items": items, "description": description, **bounds}


def point(description: str) -> JsonObject:
    """Returns the schema of a point on the screen, `[x, y]` in pixels."""
    return several({"type": "integer"}, description, minItems=2, maxItems=2)
