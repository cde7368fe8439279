"""Reduces JSON schemas to what structured outputs accept.

An unsupported keyword makes the API refuse the whole request, so limits move into descriptions.
Source: guide "Structured outputs", JSON schema limitations.
"""

import re
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.model.conversation import Output

_FORMATS = {
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
}

_REFUSED = {
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
}

_SCHEMAS = {"items", "additionalProperties", "not"}
_LISTS = {"anyOf", "oneOf", "allOf", "prefixItems"}
_NAMED = {"properties", "$defs", "definitions"}


_WITHOUT_SCHEMAS = re.compile(
    r"claude-(?:instant|2|3)|claude-[a-z]+-4(?:$|-0|-2025|@)|claude-4-(?:opus|sonnet)"
)
"""Claude models without structured outputs, which refuse a schema."""


class _Open(Exception):
    """Raised for an object that takes members of any name."""


def enforceable(output: Output, model: str) -> JsonObject | None:
    """Returns the schema as Anthropic's API can enforce it for a model, or None."""
    if output.schema is None or output.kind != "json_schema" or _WITHOUT_SCHEMAS.search(model):
        return None
    return closed(output.schema)


def closed(schema: JsonObject) -> JsonObject | None:
    """Returns `schema` in the form that the API accepts.

    Objects are closed (`additionalProperties: false`), and descriptions state the limits that the
    API cannot enforce. Returns None if an object must stay open, which the API does not support.
    Shares unchanged parts with `schema`.
    """
    try:
        return _close(schema)
    except _Open:
        return None


def _close(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    done: JsonObject = {}
    told: JsonObject = {}
    for key, value in schema.items():
        if _is_refused(key, value):
            told[key] = value
        elif key in _SCHEMAS:
            done[key] = _close(value)
        elif key in _LISTS and isinstance(value, list):
            done["anyOf" if key == "oneOf" else key] = [_close(item) for item in value]
        elif key in _NAMED and isinstance(value, dict):
            done[key] = {name: _close(item) for name, item in value.items()}
        else:
            done[key] = value
    if done.get("type") == "object" or "properties" in done:
        if done.setdefault("additionalProperties", "properties" not in done) is not False:
            raise _Open
    if told:
        limits = dumps(told).decode()
        done["description"] = f"{done['description']} {limits}" if "description" in done else limits
    return done


def _is_refused(key: str, value: Any) -> bool:
    if key == "format":
        return value not in _FORMATS
    if key == "minItems":
        return value not in (0, 1)
    return key in _REFUSED
