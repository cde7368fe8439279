"""Writes tools that a client runs, declared by a provider's type, as functions.

Anthropic's bash or OpenAI's local shell is declared by its type alone: its provider's models were
trained on it. Other providers' models get a function with the documented parameters. The
declaration itself stays in `Tool.raw`, for the format it came in.
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
    """The function that stands for what `raw` declares in the format `format`."""
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
    """The schema of an object with these members."""
    schema: JsonObject = {"type": "object", "properties": properties}
    return {**schema, "required": list(required)} if required else schema


def text(description: str, *values: str) -> JsonObject:
    """The schema of a text; one of `values` where there are any."""
    schema: JsonObject = {"type": "string", "description": description}
    return {**schema, "enum": list(values)} if values else schema


def whole(description: str) -> JsonObject:
    """The schema of a whole number."""
    return {"type": "integer", "description": description}


def switch(description: str) -> JsonObject:
    """The schema of a yes or no."""
    return {"type": "boolean", "description": description}


def several(items: JsonObject, description: str, **bounds: Any) -> JsonObject:
    """The schema of a list of `items`."""
    return {"type": "array", "items": items, "description": description, **bounds}


def point(description: str) -> JsonObject:
    """The schema of a place on the screen, `[x, y]` in pixels."""
    return several({"type": "integer"}, description, minItems=2, maxItems=2)
