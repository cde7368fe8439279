"""JSON schema <-> Gemini's `Schema`, on schemas of all kinds and on those of real tools."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.formats.gemini.schema import MAX_NODES
from switchyard.wire.formats.gemini.schema import to_gemini
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.registry import FORMATS
from switchyard.wire.shared.json_schema import from_gemini
from switchyard.wire.shared.json_schema import mend_refs
from switchyard.wire.shared.json_schema import plain
from switchyard.wire.shared.json_schema import resolve
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import requests

KEYWORDS = {
    "type format title description nullable default items minItems maxItems enum properties "
    "propertyOrdering required minProperties maxProperties minimum maximum minLength maxLength "
    "pattern example anyOf"
}.pop().split()
"""All members of `Schema` (GenerateContent reference)."""

FORMATS_OF = {
    "STRING": {"enum", "date-time"},
    "INTEGER": {"int32", "int64"},
    "NUMBER": {"float", "double"},
}


def assert_is_schema(node: Any) -> None:
    """What Gemini checks: known members only, one type a node or a lone `anyOf`, and so on."""
    assert set(node) <= set(KEYWORDS)
    if "anyOf" in node:
        assert set(node) == {"anyOf"} and len(node["anyOf"]) > 1
        for branch in node["anyOf"]:
            assert_is_schema(branch)
        return
    kind = node["type"]
    assert kind in {"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"}
    assert node.get("format") in FORMATS_OF.get(kind, set()) | {None}
    if "enum" in node:
        assert kind == "STRING"
        assert all(isinstance(value, str) and value for value in node["enum"])
    if kind == "ARRAY":
        assert_is_schema(node["items"])
    properties = node.get("properties", {})
    assert "properties" not in node or (kind == "OBJECT" and properties)
    assert set(node.get("required", ())) <= set(properties)
    for child in properties.values():
        assert_is_schema(child)


def admits(node: Any, value: Any) -> bool:
    """Whether a Gemini `Schema` admits a value."""
    if "anyOf" in node:
        return any(admits(branch, value) for branch in node["anyOf"])
    if value is None:
        return bool(node.get("nullable")) or node["type"] == "NULL"
    match node["type"]:
        case "STRING":
            return isinstance(value, str) and ("enum" not in node or value in node["enum"])
        case "BOOLEAN":
            return isinstance(value, bool)
        case "INTEGER" | "NUMBER":
            wanted = int if node["type"] == "INTEGER" else int | float
            inside = isinstance(value, wanted) and not isinstance(value, bool)
            return inside and node.get("minimum", value) <= value <= node.get("maximum", value)
        case "ARRAY":
            return isinstance(value, list) and all(admits(node["items"], v) for v in value)
        case "OBJECT":
            properties = node.get("properties", {})
            return (
                isinstance(value, dict)
                and set(node.get("required", ())) <= set(value)
                and all(admits(properties[k], v) for k, v in value.items() if k in properties)
            )
    return False


def converted(schema: dict[str, Any]) -> dict[str, Any]:
    found = to_gemini(schema)
    assert_is_schema(found)
    return found


def test_simple_object():
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "required": ["b", "gone"],
        "properties": {
            "b": {"type": "string", "description": "Words.", "minLength": 1},
            "a": {"type": "integer", "exclusiveMinimum": 0, "maximum": 9},
        },
    }
    assert converted(schema) == {
        "type": "OBJECT",
        "properties": {
            "b": {"type": "STRING", "description": "Words.", "minLength": 1},
            "a": {"type": "INTEGER", "minimum": 1, "maximum": 9},
        },
        "propertyOrdering": ["b", "a"],
        "required": ["b"],
    }


def test_null_becomes_nullable_however_it_is_said():
    for schema in (
        {"type": ["string", "null"]},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"oneOf": [{"type": "null"}, {"type": "string"}]},
        {"type": "string", "nullable": True},
    ):
        assert converted(schema) == {"type": "STRING", "nullable": True}
    assert converted({"type": "null"}) == {"type": "NULL"}
    assert converted({"enum": ["a", None]}) == {
        "type": "STRING",
        "nullable": True,
        "format": "enum",
        "enum": ["a"],
    }


def test_unions_stand_alone():
    schema = {"description": "A size.", "anyOf": [{"type": "integer"}, {"enum": ["s", "m"]}]}
    assert converted(schema) == {
        "anyOf": [
            {"type": "INTEGER", "description": "A size."},
            {"type": "STRING", "format": "enum", "enum": ["s", "m"], "description": "A size."},
        ]
    }
    assert converted({"type": ["integer", "string", "null"]}) == {
        "anyOf": [{"type": "INTEGER", "nullable": True}, {"type": "STRING", "nullable": True}]
    }


def test_nested_unions_are_flattened():
    schema = {"anyOf": [{"anyOf": [{"type": "string"}, {"type": "integer"}]}, {"type": "string"}]}
    assert converted(schema) == {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]}


def test_values_that_are_no_strings_go_into_words():
    assert converted({"type": "integer", "enum": [1, 2], "description": "Level."}) == {
        "type": "INTEGER",
        "description": "Level. One of 1, 2.",
    }
    assert converted({"const": True}) == {"type": "BOOLEAN", "description": "One of true."}
    assert converted({"const": "cat"}) == {"type": "STRING", "format": "enum", "enum": ["cat"]}
    assert converted({"enum": ["", "x"]})["description"] == 'One of "", "x".'
    assert {node["type"] for node in converted({"enum": ["x", 1]})["anyOf"]} == {
        "STRING",
        "INTEGER",
    }


def test_formats():
    assert converted({"type": "string", "format": "date-time"})["format"] == "date-time"
    mail = converted({"type": "string", "format": "email", "description": "Where to."})
    assert mail == {"type": "STRING", "description": "Where to. Format: email."}
    assert converted({"type": "integer", "format": "uint8"}) == {"type": "INTEGER"}


def test_references_are_unrolled():
    schema = {
        "$defs": {"Pet": {"type": "object", "properties": {"name": {"$ref": "#/$defs/Name"}}}},
        "definitions": {"x/y": {"type": "boolean"}},
        "type": "object",
        "properties": {
            "pet": {"$ref": "#/$defs/Pet", "description": "The pet."},
            "flag": {"$ref": "#/definitions/x~1y"},
            "lost": {"$ref": "#/nowhere"},
        },
    }
    schema["$defs"]["Name"] = {"type": "string"}
    found = converted(schema)["properties"]
    assert found["pet"]["description"] == "The pet."
    assert found["pet"]["properties"] == {"name": {"type": "STRING"}}
    assert found["flag"] == {"type": "BOOLEAN"}
    assert "anyOf" in found["lost"]


def test_recursion_is_bounded():
    node: dict[str, Any] = {"type": "object", "properties": {"text": {"type": "string"}}}
    node["properties"]["children"] = {"type": "array", "items": {"$ref": "#/$defs/Node"}}
    node["properties"]["next"] = {"$ref": "#"}
    schema = {"$defs": {"Node": node}, **node}
    found = converted(schema)
    level = found["properties"]["children"]["items"]
    assert level["properties"]["text"] == {"type": "STRING"}
    assert converted({"$ref": "#"})
    assert converted({"allOf": [{"$ref": "#"}], "type": "object"})


def test_size_is_bounded():
    wide = {f"p{i}": {"$ref": "#/$defs/b"} for i in range(50)}
    deep = {f"q{i}": {"$ref": "#/$defs/c"} for i in range(50)}
    schema = {
        "type": "object",
        "properties": wide,
        "$defs": {
            "b": {"type": "object", "properties": deep},
            "c": {"type": "object", "properties": {f"r{i}": {"type": "string"} for i in range(50)}},
        },
    }
    found = converted(schema)

    def count(node: Any) -> int:
        return 1 + sum(map(count, node.get("properties", {}).values()))

    assert count(found) <= MAX_NODES + 1


def test_depth_and_references_are_bounded():
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(300):
        deep = {"type": "object", "properties": {"a": deep}}
    assert converted(deep)
    ring = {"oneOf": [{"allOf": [{"type": "integer"}, {"$ref": "#"}], "title": "t"}, {"const": 1}]}
    assert converted(ring)
    levels = {
        f"d{i}": {
            "properties": {
                side: {"$ref": f"#/$defs/d{i + 1}", "title": side} for side in ("left", "right")
            }
        }
        for i in range(40)
    }
    schema = {"$defs": levels, "$ref": "#/$defs/d0", "title": "top"}
    assert len(repr(mend_refs(schema))) < 2_000_000


def test_all_of_is_merged():
    schema = {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
            {"$ref": "#/$defs/B"},
        ],
        "properties": {"c": {"type": "boolean"}},
        "required": ["c"],
        "$defs": {"B": {"properties": {"b": {"type": "integer"}}, "required": ["b"]}},
    }
    found = converted(schema)
    assert list(found["properties"]) == ["a", "b", "c"]
    assert found["required"] == ["a", "b", "c"]


def test_what_only_narrows_is_left_out():
    schema = {
        "type": "object",
        "properties": {
            "never": False,
            "any": True,
            "map": {"type": "object", "additionalProperties": {"type": "integer"}},
            "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
            "list": {"type": "array", "uniqueItems": True},
        },
        "required": ["never", "any"],
        "if": {"properties": {"any": {"const": 1}}},
        "patternProperties": {"^x": {}},
    }
    found = converted(schema)
    assert found["required"] == ["any"]
    properties = found["properties"]
    assert "never" not in properties
    assert '{"type":"integer"}' in properties["map"]["description"]
    assert properties["pair"]["minItems"] == properties["pair"]["maxItems"] == 2
    assert admits(properties["any"], [1]) is False and admits(properties["any"], {"a": 1})


def test_gemini_schema_as_json_schema():
    schema = {
        "type": "OBJECT",
        "nullable": True,
        "property_ordering": ["b", "a"],
        "properties": {
            "a": {"type": "STRING", "format": "enum", "enum": ["x"], "nullable": True},
            "b": {"any_of": [{"type": 1}, {"type": "INTEGER"}], "nullable": True},
            "type": {"type": "ARRAY", "items": {"type": "NUMBER"}, "min_items": "2"},
            "nullable": {"type": 4, "nullable": False, "example": True},
        },
    }
    found = from_gemini(schema)
    assert found == {
        "type": ["object", "null"],
        "properties": {
            "b": {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
            "a": {"type": ["string", "null"], "enum": ["x", None]},
            "type": {"type": "array", "items": {"type": "number"}, "minItems": 2},
            "nullable": {"type": "boolean", "examples": [True]},
        },
    }
    assert list(found["properties"]) == ["b", "a", "type", "nullable"]


def test_vertex_references():
    schema = {"defs": {"A": {"type": "STRING"}}, "type": "OBJECT", "properties": {"a": {}}}
    schema["properties"]["a"] = {"ref": "#/defs/A"}
    found = from_gemini(schema)
    assert resolve(found, found["properties"]["a"]["$ref"]) == {"type": "string"}


def test_json_schema_stays_the_same_object():
    schema = {
        "type": "object",
        "properties": {"format": {"type": "string", "format": "enum"}, "n": {"nullable": True}},
        "anyOf": [{"required": ["format"]}],
    }
    assert plain(schema) is schema
    assert from_gemini({"type": "object"}) == {"type": "object"}
    assert plain({"type": "OBJECT", "properties": {"a": {"type": ["STRING", "NULL"]}}}) == {
        "type": "object",
        "properties": {"a": {"type": ["string", "null"]}},
    }


def test_references_beside_other_keywords_are_unrolled():
    schema = {
        "$defs": {"P": {"type": "integer", "enum": [1, 2], "title": "P"}},
        "type": "object",
        "properties": {
            "bare": {"$ref": "#/$defs/P"},
            "said": {"$ref": "#/$defs/P", "description": "Which."},
            "titled": {"$ref": "#/$defs/P", "title": "T"},
            "self": {"$ref": "#", "title": "Loop"},
        },
    }
    found = mend_refs(schema)
    assert found["properties"]["bare"] is schema["properties"]["bare"]
    assert found["properties"]["said"] is schema["properties"]["said"]
    assert found["properties"]["titled"] == {"type": "integer", "enum": [1, 2], "title": "T"}
    loop = found["properties"]["self"]
    assert loop["title"] == "Loop" and loop["properties"]["self"] == {"$ref": "#"}
    clean = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert mend_refs(clean) is clean


TYPES = st.sampled_from(["string", "number", "integer", "boolean", "array", "object", "null"])
SCHEMAS = st.recursive(
    st.one_of(
        st.booleans(),
        st.builds(lambda t: {"type": t}, TYPES | st.lists(TYPES, max_size=3)),
        st.builds(lambda v: {"enum": v}, st.lists(st.none() | st.integers() | st.text(max_size=2))),
        st.builds(lambda v: {"const": v}, st.none() | st.booleans() | st.text(max_size=2)),
        st.sampled_from([{}, {"$ref": "#"}, {"$ref": "#/properties/a"}, {"$ref": "elsewhere"}]),
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES,
            "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
            "required": st.lists(st.sampled_from("abcd"), max_size=3),
            "items": inner,
            "prefixItems": st.lists(inner, max_size=2),
            "anyOf": st.lists(inner, max_size=3),
            "oneOf": st.lists(inner, max_size=3),
            "allOf": st.lists(inner, max_size=3),
            "additionalProperties": inner,
            "description": st.text(max_size=3),
            "nullable": st.booleans(),
            "default": st.none() | st.integers(),
        },
    ),
    max_leaves=12,
)


@given(SCHEMAS.filter(lambda schema: isinstance(schema, dict)))
def test_any_schema_becomes_one_that_gemini_takes(schema: dict[str, Any]):
    before = repr(schema)
    converted(schema)
    mend_refs(schema)
    assert repr(schema) == before


@given(SCHEMAS.filter(lambda schema: isinstance(schema, dict)))
def test_what_was_converted_reads_back(schema: dict[str, Any]):
    back = from_gemini(to_gemini(schema))
    assert_is_schema(to_gemini(back))


@needs_corpus
@pytest.mark.parametrize("name", list(FORMATS))
def test_schemas_of_real_tools(name: str):
    """They convert, and what models called these tools with is admitted."""
    format, tried, calls = FORMATS[name], 0, 0
    for record in requests(name):
        assert record.request is not None
        conversation = format.read_request(record.request)
        schemas = {t.name: converted(t.parameters) for t in conversation.tools if t.parameters}
        if conversation.output and conversation.output.schema:
            converted(conversation.output.schema)
        tried += len(schemas)
        for part in conversation.parts():
            if isinstance(part, ToolCall) and part.name in schemas:
                original = next(t for t in conversation.tools if t.name == part.name)
                args = loads_object(part.arguments)
                if args is not None and set(args) <= set(
                    (original.parameters or {}).get("properties", {})
                ):
                    calls += 1
                    assert admits(schemas[part.name], args), (record.id, part.name)
    assert tried or name in ("ollama", "openai-completions")
    assert calls or name in ("ollama", "openai-completions")
