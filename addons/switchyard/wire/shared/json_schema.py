"""Converts JSON schema to and from the form of Gemini's API.

Gemini takes a schema in two ways (GenerateContent reference, `FunctionDeclaration` and
`GenerationConfig`): as JSON schema (`parametersJsonSchema`, `responseJsonSchema`), which every
current model takes and `mend_refs` makes acceptable, or as `Schema` (`parameters`,
`responseSchema`), a subset of OpenAPI 3.0 with words of its own, which `from_gemini` reads and
`switchyard.wire.formats.gemini.schema` writes.
"""

from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject

TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")
_TYPE_OF_NUMBER = dict(enumerate(TYPES, start=1))
"""The numbers of the protocol buffer enum `Type`, as some libraries send it."""

_SIDE_BY_SIDE = {"description", "default"}
"""Keywords allowed beside `$ref`; Gemini refuses a schema with any other."""

_VALUES = {"enum", "const", "default", "examples"}
"""Keywords that hold values, not schemas."""

_MAX_UNROLLED = 1000
"""Bound on the unrolled references of one schema, because they can multiply."""

_SNAKE = {
    "any_of": "anyOf",
    "one_of": "oneOf",
    "max_items": "maxItems",
    "min_items": "minItems",
    "max_length": "maxLength",
    "min_length": "minLength",
    "max_properties": "maxProperties",
    "min_properties": "minProperties",
    "property_ordering": "propertyOrdering",
    "additional_properties": "additionalProperties",
    "prefix_items": "prefixItems",
    "unique_items": "uniqueItems",
}
_COUNTS = {"maxItems", "minItems", "maxLength", "minLength", "maxProperties", "minProperties"}
"""Keywords with a 64-bit integer, which protocol buffers write as a string."""


def from_gemini(schema: JsonObject) -> JsonObject:
    """Converts a Gemini `Schema` (any spelling of keys and types) to JSON schema.

    A schema that is JSON schema already is returned itself.
    """
    return _from_node(schema, openapi=True)


def plain(schema: JsonObject) -> JsonObject:
    """Returns a Gemini client's JSON schema without Gemini's own extensions.

    These are upper-case types and `propertyOrdering`. Returns the schema itself if it has none.
    """
    return _from_node(schema, openapi=False)


def mend_refs(schema: JsonObject) -> JsonObject:
    """Unrolls every reference that has keywords beside it, for Gemini's members.

    Returns the schema itself if there is none.
    """
    return _Mend(schema).node(schema, ())


def _from_node(node: Any, openapi: bool) -> Any:
    if not isinstance(node, dict):
        return node
    out: JsonObject = {}
    for key, value in node.items():
        name: str = _SNAKE.get(key) or key
        if name == "ref" and isinstance(value, str):
            name, value = "$ref", value.replace("#/defs/", "#/$defs/")
        elif name == "defs" and isinstance(value, dict):
            name = "$defs"
        out[name] = _from_member(name, value, openapi)
    if "type" in out:
        out["type"] = type_name(out["type"])
    if isinstance(order := out.pop("propertyOrdering", None), list):
        _reorder(out, order)
    if openapi:
        out = _without_openapi(out)
    same = out.keys() == node.keys() and all(out[key] is node[key] for key in out)
    return node if same else out


def _without_openapi(out: JsonObject) -> JsonObject:
    """Removes OpenAPI's keywords that JSON schema does not have."""
    if out.get("format") == "enum":
        del out["format"]
    if "example" in out and "examples" not in out:
        out["examples"] = [out.pop("example")]
    nullable = out.get("nullable")
    if isinstance(nullable, bool):
        del out["nullable"]
    return _with_null(out) if nullable is True else out


def _from_member(name: str, value: Any, openapi: bool) -> Any:
    match name:
        case "properties" | "$defs" | "definitions" | "patternProperties":
            if not isinstance(value, dict):
                return value
            nodes = {name: _from_node(node, openapi) for name, node in value.items()}
            return value if all(nodes[name] is value[name] for name in value) else nodes
        case "anyOf" | "oneOf" | "allOf" | "prefixItems" if isinstance(value, list):
            nodes = [_from_node(item, openapi) for item in value]
            return value if all(a is b for a, b in zip(nodes, value, strict=True)) else nodes
        case "items" | "additionalProperties" | "not":
            return _from_node(value, openapi)
        case _ if name in _COUNTS and isinstance(value, str) and value.isdecimal():
            return int(value)
    return value


def type_name(value: Any) -> Any:
    """Returns the JSON schema name of a type in any spelling; others stay unchanged."""
    if isinstance(value, list):
        names = [type_name(item) for item in value]
        return value if names == value else names
    if isinstance(value, int) and not isinstance(value, bool):
        return _TYPE_OF_NUMBER.get(value, "string")
    if isinstance(value, str) and value.lower() in TYPES:
        return value if value.islower() else value.lower()
    return value


def _reorder(out: JsonObject, order: list[Any]) -> None:
    """Puts the properties in the requested order, which JSON schema cannot state."""
    properties = out.get("properties")
    if not isinstance(properties, dict):
        return
    first = [name for name in order if isinstance(name, str) and name in properties]
    if first != list(properties)[: len(first)]:
        names = dict.fromkeys([*first, *properties])
        out["properties"] = {name: properties[name] for name in names}


def _with_null(schema: JsonObject) -> JsonObject:
    if isinstance(schema.get("anyOf"), list) and "type" not in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    kind = schema.get("type")
    if not isinstance(kind, str):
        return schema
    schema = {**schema, "type": [kind, "null"]}
    if isinstance(enum := schema.get("enum"), list) and None not in enum:
        schema["enum"] = [*enum, None]
    return schema


class _Mend:
    """Unrolls the references of one schema.

    `path` in its methods lists those being unrolled, so that a schema that contains itself ends.
    """

    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._left = _MAX_UNROLLED

    def node(self, node: Any, path: tuple[str, ...]) -> Any:
        if isinstance(node, list):
            items = [self.node(item, path) for item in node]
            return node if all(a is b for a, b in zip(items, node, strict=True)) else items
        if not isinstance(node, dict):
            return node
        if isinstance(ref := node.get("$ref"), str):
            return self._reference(node, ref, path)
        out = {
            key: value if key in _VALUES else self.node(value, path) for key, value in node.items()
        }
        return node if all(out[key] is node[key] for key in out) else out

    def _reference(self, node: JsonObject, ref: str, path: tuple[str, ...]) -> Any:
        if {key for key in node if not key.startswith("$")} <= _SIDE_BY_SIDE:
            return node
        self._left -= 1
        target = resolve(self._root, ref)
        if ref in path or target is None or self._left < 0:
            return {k: v for k, v in node.items() if k.startswith("$") or k in _SIDE_BY_SIDE}
        beside = {key: value for key, value in node.items() if key != "$ref"}
        return self.node({**target, **beside}, (*path, ref))


def resolve(root: JsonObject, ref: str) -> JsonObject | None:
    """Returns the schema of a reference within the document (RFC 6901); None if none."""
    if ref in ("#", ""):
        return root
    if not ref.startswith("#/"):
        return None
    node: Any = root
    for token in ref[2:].split("/"):
        token = token.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and token.isdecimal() and int(token) < len(node):
            node = node[int(token)]
        elif isinstance(node, dict) and token in node:
            node = node[token]
        else:
            return None
    return node if isinstance(node, dict) else None
