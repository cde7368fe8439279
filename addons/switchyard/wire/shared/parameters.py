"""Makes a function's parameters acceptable to OpenAI's and Anthropic's APIs.

Both refuse a whole request for one schema among its tools (seen as `invalid_function_parameters`,
and `input_schema does not support oneOf, allOf, or anyOf at the top level`), and both do so for
schemas that other APIs accept and that tool servers declare:

- the root must be an object with `properties`, without references and alternatives;
- an array must define its `items`, in one schema;
- keywords and types must be those of current drafts: no types by other names, no
  `exclusiveMinimum: true`, no `required: true`.
"""

from collections.abc import Iterator
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.shared.json_schema import TYPES
from switchyard.wire.shared.json_schema import resolve
from switchyard.wire.shared.json_schema import type_name

NO_PARAMETERS: JsonObject = {"type": "object", "properties": {}}

_CHOICES = ("anyOf", "oneOf", "allOf")
_NOT_AT_ROOT = (*_CHOICES, "$ref", "not", "enum", "const")

_ONE = {"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"}
_LISTS = {"anyOf", "oneOf", "allOf", "prefixItems"}
_NAMED = {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}

_TYPES = {
    "str": "string",
    "text": "string",
    "int": "integer",
    "long": "integer",
    "float": "number",
    "double": "number",
    "decimal": "number",
    "bool": "boolean",
    "list": "array",
    "dict": "object",
    "none": "null",
}
"""Types by their names in programming languages."""

_MAX_REFERENCES = 8
"""Bound on the length of a chain of references."""


def parameters(schema: JsonObject | None) -> JsonObject:
    """Returns `schema` as the APIs accept it; the same object if nothing changes.

    Its description states what the root cannot keep.
    """
    if not schema:
        return NO_PARAMETERS
    root = _node(schema)
    if any(key in root for key in _NOT_AT_ROOT):
        root = _flat(root)
    if root.get("type") != "object":
        root = {**root, "type": "object"}
    return root if isinstance(root.get("properties"), dict) else {**root, "properties": {}}


def _flat(root: JsonObject) -> JsonObject:
    """Returns a root without references and choices.

    It has the properties of all branches, and requires what each of them does.
    """
    told = {key: root[key] for key in ("anyOf", "oneOf", "not", "enum", "const") if key in root}
    properties, required = _members(root, root, _MAX_REFERENCES)
    flat = {key: value for key, value in root.items() if key not in _NOT_AT_ROOT}
    flat |= {"type": "object", "properties": properties}
    if required:
        flat["required"] = required
    if told:
        words = f"The arguments must match {dumps(told).decode()}."
        said = flat.get("description")
        flat["description"] = f"{said} {words}" if isinstance(said, str) and said else words
    return flat


def _members(root: JsonObject, node: Any, left: int) -> tuple[JsonObject, list[str]]:
    """Returns the possible and the required properties of an object of this schema."""
    if not isinstance(node, dict) or not left:
        return {}, []
    properties: JsonObject = {}
    required: list[str] = []
    for part in _parts(root, node):
        more, needed = _members(root, part, left - 1)
        properties = {**properties, **more}
        required += needed
    for key in ("anyOf", "oneOf"):
        branches = node.get(key)
        if not isinstance(branches, list) or not branches:
            continue
        found = [_members(root, branch, left - 1) for branch in branches]
        for more, _ in found:
            properties = {**more, **properties}
        required += [name for name in found[0][1] if all(name in needed for _, needed in found)]
    if isinstance(own := node.get("properties"), dict):
        properties = {**properties, **own}
    if isinstance(own := node.get("required"), list):
        required += [name for name in own if isinstance(name, str)]
    return properties, list(dict.fromkeys(required))


def _parts(root: JsonObject, node: JsonObject) -> Iterator[Any]:
    """Returns the schemas that apply in addition to the keywords in `node` itself."""
    if isinstance(ref := node.get("$ref"), str) and (target := resolve(root, ref)) is not node:
        yield target
    if isinstance(every := node.get("allOf"), list):
        yield from every


def _node(node: Any) -> Any:
    """Corrects what the APIs refuse anywhere in a schema; returns it if nothing is."""
    if not isinstance(node, dict):
        return node
    out: JsonObject = {}
    for key, value in node.items():
        if key in _ONE:
            value = _node(value)
        elif key in _LISTS and isinstance(value, list):
            value = _all(value)
        elif key in _NAMED and isinstance(value, dict):
            named = {name: _node(one) for name, one in value.items()}
            value = value if all(named[name] is value[name] for name in value) else named
        out[key] = value
    _mend_type(out)
    _mend_limits(out)
    if _is_array(out.get("type")):
        _mend_items(out)
    same = out.keys() == node.keys() and all(out[key] is node[key] for key in out)
    return node if same else out


def _all(nodes: list[Any]) -> list[Any]:
    mended = [_node(one) for one in nodes]
    return nodes if all(a is b for a, b in zip(mended, nodes, strict=True)) else mended


def _mend_type(out: JsonObject) -> None:
    if "type" not in out:
        return
    said = out["type"]
    if isinstance(said, list):
        names = [name for one in said if (name := _type(one)) is not None]
        if names and names != said:
            out["type"] = names
        known = bool(names)
    else:
        name = _type(said)
        if name is not None and name != said:
            out["type"] = name
        known = name is not None
    if not known:
        del out["type"]  # the type is unknown, so the schema admits any


def _type(said: Any) -> str | None:
    name = type_name(said)
    if isinstance(name, str):
        name = _TYPES.get(name.lower(), name)
    return name if name in TYPES else None


def _mend_limits(out: JsonObject) -> None:
    for exclusive, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(said := out.get(exclusive), bool):
            del out[exclusive]
            if said and limit in out:
                out[exclusive] = out.pop(limit)
    if "required" in out and not isinstance(out["required"], list):
        del out["required"]
    if out.get("enum") == []:
        del out["enum"]


def _mend_items(out: JsonObject) -> None:
    items = out.get("items")
    if isinstance(items, dict):
        return
    places = items if isinstance(items, list) else out.get("prefixItems")
    if isinstance(places, list) and places:
        places = _all(places)
        out["items"] = places[0] if len(places) == 1 else {"anyOf": places}
    else:
        out["items"] = {}


def _is_array(said: Any) -> bool:
    return said == "array" or (isinstance(said, list) and "array" in said)
