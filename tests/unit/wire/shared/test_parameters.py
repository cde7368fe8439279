"""Parameters of functions, for APIs that refuse a request for one schema."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.shared.parameters import parameters


def wrapped(schema: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": schema}}


def test_a_schema_that_is_taken_stays() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "a": {"type": ["array", "null"], "items": {"$ref": "#/$defs/A"}},
            "b": {"anyOf": [{"type": "string"}, {"type": "integer", "exclusiveMinimum": 0}]},
        },
        "required": ["a"],
        "$defs": {"A": {"type": "object", "additionalProperties": {"type": "string"}}},
        "additionalProperties": False,
    }
    assert parameters(schema) is schema


@pytest.mark.parametrize("schema", [None, {}, {"type": "object"}, {"type": "object", "x": 1}])
def test_an_object_has_properties(schema: dict[str, Any] | None) -> None:
    assert parameters(schema) == {**(schema or {}), "type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("raw", "taken"),
    [
        ({"type": "array"}, {"type": "array", "items": {}}),
        ({"type": ["array", "null"]}, {"type": ["array", "null"], "items": {}}),
        (
            {"type": "array", "items": [{"type": "string"}, {"type": "array"}]},
            {
                "type": "array",
                "items": {"anyOf": [{"type": "string"}, {"type": "array", "items": {}}]},
            },
        ),
        ({"type": "STRING"}, {"type": "string"}),
        ({"type": "int"}, {"type": "integer"}),
        ({"type": "any", "description": "d"}, {"description": "d"}),
        ({"type": "number", "minimum": 2, "exclusiveMinimum": True},
         {"type": "number", "exclusiveMinimum": 2}),
        ({"type": "number", "minimum": 2, "exclusiveMinimum": False},
         {"type": "number", "minimum": 2}),
        ({"type": "string", "required": True}, {"type": "string"}),
    ],
)  # fmt: skip
def test_what_is_refused_anywhere_is_put_right(raw: Any, taken: Any) -> None:
    assert parameters(wrapped(raw)) == wrapped(taken)
    inside = {"type": "array", "items": {"anyOf": [raw]}}
    assert parameters(wrapped(inside))["properties"]["a"]["items"] == {"anyOf": [taken]}


def test_a_root_of_several_branches_has_the_properties_of_all() -> None:
    schema = {
        "description": "Finds a page.",
        "properties": {"limit": {"type": "integer"}},
        "required": ["limit"],
        "anyOf": [
            {"properties": {"url": {"type": "string"}, "x": {}}, "required": ["url", "x"]},
            {"properties": {"id": {"type": "integer"}, "x": {}}, "required": ["x"]},
        ],
    }
    made = parameters(schema)
    assert made["type"] == "object"
    assert set(made["properties"]) == {"limit", "url", "id", "x"}
    assert sorted(made["required"]) == ["limit", "x"]
    assert made["description"].startswith('Finds a page. The arguments must match {"anyOf"')
    assert not made.keys() & {"anyOf", "oneOf", "allOf"}


def test_a_root_that_is_a_reference_is_resolved() -> None:
    schema = {
        "$ref": "#/definitions/Args",
        "definitions": {
            "Args": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
        },
    }
    made = parameters(schema)
    assert made["properties"] == {"a": {"type": "string"}}
    assert made["required"] == ["a"]
    assert "$ref" not in made


def test_a_root_that_refers_to_itself_ends() -> None:
    assert parameters({"$ref": "#"})["type"] == "object"
    loop = {"$ref": "#/$defs/A", "$defs": {"A": {"allOf": [{"$ref": "#/$defs/A"}]}}}
    assert parameters(loop)["properties"] == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "items", "anyOf", "allOf", "$ref", "required", "enum", "a"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["type", "properties", "anyOf", "allOf", "required"]), JSON))
def test_any_schema_becomes_an_object_with_properties(schema: dict[str, Any]) -> None:
    made = parameters(schema)
    assert made["type"] == "object"
    assert isinstance(made["properties"], dict)
    assert parameters(made) == made
