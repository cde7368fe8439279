"""Converts JSON schema to Gemini's `Schema` (`parameters`, `responseSchema`).

Some upstreams take no JSON schema. `Schema` (GenerateContent reference) has one type a node, no
references and no schema-valued `additionalProperties`; `enum` is for strings; `nullable` replaces
null. Descriptions state constraints that `Schema` cannot express if a sentence can; others are left
out.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.members import number_of
from switchyard.wire.shared.json_schema import TYPES
from switchyard.wire.shared.json_schema import resolve
from switchyard.wire.shared.json_schema import type_name

MAX_NODES = 4000
"""Bound on the nodes of one converted schema, because unrolled references can multiply."""

MAX_RECURSION = 2
"""Maximum number of times a recursive schema is unrolled along one path."""

MAX_DEPTH = 60
"""Bound on nesting; Gemini refuses schemas of much lower depth."""

_FORMATS = {
    "string": {"enum", "date-time"},
    "integer": {"int32", "int64"},
    "number": {"float", "double"},
}
"""The formats that `Schema` documents, by type; Gemini refuses others."""

_KEPT = {
    "string": ("minLength", "maxLength", "pattern"),
    "number": ("minimum", "maximum"),
    "integer": ("minimum", "maximum"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}
"""Keywords with the same meaning in both schemas, by the type they apply to."""


def to_gemini(schema: JsonObject) -> JsonObject:
    """Returns `schema` as a Gemini `Schema`.

    Types are in upper case, references are unrolled.
    """
    return _ToGemini(schema).root()


class _ToGemini:
    """One conversion; `path` in its methods holds the references being unrolled."""

    def __init__(self, schema: JsonObject) -> None:
        self._root = schema
        self._left = MAX_NODES
        self._depth = 0

    def root(self) -> JsonObject:
        return self._node(self._root, ()) or {"type": "OBJECT"}

    def _node(self, node: Any, path: tuple[str, ...]) -> JsonObject | None:
        """Returns one schema; None if it admits nothing or recurses without end."""
        self._left -= 1
        if node is False or self._left < 0 or self._depth >= MAX_DEPTH:
            return None
        if not isinstance(node, dict):
            return _anything({})
        self._depth += 1
        try:
            return self._object_node(node, path)
        finally:
            self._depth -= 1

    def _object_node(self, node: JsonObject, path: tuple[str, ...]) -> JsonObject | None:
        found = self._resolve(node, path)
        if found is None:
            return None
        node, path = self._all_of(*found)
        for key in ("anyOf", "oneOf"):
            if isinstance(branches := node.get(key), list) and branches:
                rest = {k: v for k, v in node.items() if k != key}
                return self._any_of(rest, branches, path)
        return self._typed(node, path)

    def _resolve(
        self, node: JsonObject, path: tuple[str, ...]
    ) -> tuple[JsonObject, tuple[str, ...]] | None:
        """Returns a schema without its reference; None beyond the limit of unrolling."""
        while isinstance(ref := node.get("$ref"), str):
            if path.count(ref) >= MAX_RECURSION:
                return None
            path = (*path, ref)
            beside = {k: v for k, v in node.items() if k != "$ref"}
            node = {**(resolve(self._root, ref) or {}), **beside}
        return node, path

    def _all_of(
        self, node: JsonObject, path: tuple[str, ...]
    ) -> tuple[JsonObject, tuple[str, ...]]:
        """Returns all branches as one schema: the union of properties and of `required`."""
        branches = node.get("allOf")
        if not isinstance(branches, list):
            return node, path
        merged: JsonObject = {}
        for branch in [*branches, {k: v for k, v in node.items() if k != "allOf"}]:
            found = self._resolve(branch, path) if isinstance(branch, dict) else None
            if found is not None:
                whole, path = self._all_of(*found)
                _merge_into(merged, whole)
        return merged, path

    def _any_of(
        self, rest: JsonObject, branches: Iterable[Any], path: tuple[str, ...]
    ) -> JsonObject | None:
        """Moves the siblings of `anyOf` into every branch, because it must be alone."""
        nullable = False
        converted: list[JsonObject] = []
        for branch in branches:
            if isinstance(branch, dict) and branch.get("type") == "null":
                nullable = True
                continue
            if isinstance(branch, dict):
                whole: JsonObject = {}
                _merge_into(whole, rest)
                _merge_into(whole, branch)
                branch = whole
            if (node := self._node(branch, path)) is not None:
                for one in node.get("anyOf", [node]):
                    if one not in converted:
                        converted.append(one)
        if not converted:
            return self._typed({**rest, "type": "null"}, path) if nullable else None
        if nullable:
            converted = [{**node, "nullable": True} for node in converted]
        return converted[0] if len(converted) == 1 else {"anyOf": converted}

    def _typed(self, node: JsonObject, path: tuple[str, ...]) -> JsonObject | None:
        kinds, nullable = _kinds(node)
        if "const" in node:
            node = {**{k: v for k, v in node.items() if k != "const"}, "enum": [node["const"]]}
        if not kinds:
            return _anything(node) if not nullable else _common({"type": "NULL"}, node, [])
        made = [self._one(kind, node, path) for kind in kinds]
        if nullable:
            made = [{**one, "nullable": True} for one in made]
        return made[0] if len(made) == 1 else {"anyOf": made}

    def _one(self, kind: str, node: JsonObject, path: tuple[str, ...]) -> JsonObject:
        out: JsonObject = {"type": kind.upper()}
        hints: list[str] = []
        _enum(out, kind, node, hints)
        if isinstance(word := node.get("format"), str):
            if word in _FORMATS.get(kind, ()):
                out.setdefault("format", word)
            elif kind == "string":
                hints.append(f"Format: {word}.")
        for key in _KEPT.get(kind, ()):
            if node.get(key) is not None:
                out[key] = node[key]
        _exclusive(out, kind, node)
        if kind == "array":
            self._array(out, node, path)
        elif kind == "object":
            self._object(out, node, path, hints)
        return _common(out, node, hints)

    def _array(self, out: JsonObject, node: JsonObject, path: tuple[str, ...]) -> None:
        items = node.get("items")
        tuple_items = items if isinstance(items, list) else node.get("prefixItems")
        if isinstance(tuple_items, list) and tuple_items:
            found = self._any_of({}, tuple_items, path)
            if not isinstance(items, dict):
                out.setdefault("minItems", len(tuple_items))
                out.setdefault("maxItems", len(tuple_items))
        else:
            found = self._node(items, path) if isinstance(items, dict) else None
        out["items"] = found or _anything({})

    def _object(
        self, out: JsonObject, node: JsonObject, path: tuple[str, ...], hints: list[str]
    ) -> None:
        properties = node.get("properties")
        made: JsonObject = {}
        for name, schema in properties.items() if isinstance(properties, dict) else ():
            if (converted := self._node(schema, path)) is not None:
                made[name] = converted
        if made:
            out["properties"] = made
            out["propertyOrdering"] = list(made)
            required = node.get("required")
            wanted = [n for n in required if n in made] if isinstance(required, list) else []
            if wanted:
                out["required"] = wanted
        values = node.get("additionalProperties")
        if isinstance(values, dict) and values:
            hints.append(f"Any further key has a value like {dumps(values).decode()}.")


def _kinds(node: JsonObject) -> tuple[list[str], bool]:
    """Returns the types that a schema admits, and whether it admits null.

    Infers missing types from its other keywords.
    """
    said = node.get("type")
    names = [said] if isinstance(said, str | int) else said if isinstance(said, list) else []
    kinds = [kind for name in names if (kind := type_name(name)) in TYPES]
    if not kinds:
        values = [node["const"]] if "const" in node else node.get("enum")
        if isinstance(values, list) and values:
            kinds = list(dict.fromkeys(_kind_of(value) for value in values))
        elif "properties" in node or "required" in node or "additionalProperties" in node:
            kinds = ["object"]
        elif "items" in node or "prefixItems" in node:
            kinds = ["array"]
        elif "pattern" in node or "minLength" in node or "maxLength" in node:
            kinds = ["string"]
        elif "minimum" in node or "maximum" in node:
            kinds = ["number"]
    nullable = "null" in kinds or node.get("nullable") is True
    return [kind for kind in kinds if kind != "null"], nullable


def _kind_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _enum(out: JsonObject, kind: str, node: JsonObject, hints: list[str]) -> None:
    """Returns `enum` as Gemini accepts it: non-empty strings.

    The description lists other values.
    """
    values = node.get("enum")
    if not isinstance(values, list):
        return
    own = [
        v for v in values if _kind_of(v) == kind or (kind == "number" and number_of(v) is not None)
    ]
    if not own:
        return
    if kind == "string" and "" not in own:
        out["format"] = "enum"
        out["enum"] = own
    else:
        hints.append(f"One of {', '.join(dumps(value).decode() for value in own)}.")


def _exclusive(out: JsonObject, kind: str, node: JsonObject) -> None:
    """Converts `exclusiveMinimum` and `exclusiveMaximum`.

    Bounds are exact for integers, and inclusive for other numbers.
    """
    if kind not in ("number", "integer"):
        return
    step = 1 if kind == "integer" else 0
    if (low := number_of(node.get("exclusiveMinimum"))) is not None:
        out.setdefault("minimum", low + step)
    if (high := number_of(node.get("exclusiveMaximum"))) is not None:
        out.setdefault("maximum", high - step)


def _common(out: JsonObject, node: JsonObject, hints: list[str]) -> JsonObject:
    """Adds the members that any type may have."""
    if isinstance(title := node.get("title"), str):
        out["title"] = title
    said = node.get("description")
    words = [said] if isinstance(said, str) and said else []
    if words or hints:
        out["description"] = " ".join([*words, *hints])
    if node.get("default") is not None:
        out["default"] = node["default"]
    return out


def _anything(node: JsonObject) -> JsonObject:
    """Returns a node for any JSON value.

    `Schema` has no such type, and Gemini refuses a node without a type.
    """
    branches: list[JsonObject] = [
        {"type": "STRING"},
        {"type": "NUMBER"},
        {"type": "BOOLEAN"},
        {"type": "OBJECT"},
        {"type": "ARRAY", "items": {"type": "STRING"}},
    ]
    return {"anyOf": [_common({**branch, "nullable": True}, node, []) for branch in branches]}


def _merge_into(merged: JsonObject, branch: Mapping[str, Any]) -> None:
    for key, value in branch.items():
        old = merged.get(key)
        if key == "properties" and isinstance(old, dict) and isinstance(value, dict):
            merged[key] = {**old, **value}
        elif key == "required" and isinstance(old, list) and isinstance(value, list):
            merged[key] = list(dict.fromkeys([*old, *value]))
        elif key in ("anyOf", "oneOf") and isinstance(old, list) and isinstance(value, list):
            # `Schema` cannot express that both must hold, so the first is kept.
            continue
        else:
            merged[key] = value
