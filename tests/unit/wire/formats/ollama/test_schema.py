"""Schemas of tools' arguments are such that Ollama's server can read them."""

import json
from typing import Any

import pytest
from ollama import Tool as OllamaTool

from switchyard.wire.formats.ollama.schema import readable
from tests.unit.wire.crossing import sent

TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"properties": {"a": True, "b": TEXT}}, {"properties": {"a": {}, "b": TEXT}}),
        ({"properties": {"a": False}}, {"properties": {"a": {"not": {}}}}),
        (
            {"properties": {"a": {"anyOf": [True, TEXT], "properties": {"b": True}}}},
            {"properties": {"a": {"anyOf": [{}, TEXT], "properties": {"b": {}}}}},
        ),
        ({"type": ["object", "null"]}, {"type": "object"}),
    ],
)
def test_what_the_server_cannot_read_is_said_otherwise(schema: Any, wanted: Any) -> None:
    before = json.dumps(schema)
    assert readable(schema) == wanted
    assert json.dumps(schema) == before


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"type": ["string", "null"]}}},
        {"type": "object", "properties": {}, "additionalProperties": False},
        {"properties": {"a": {"items": True}}, "anyOf": 1, "required": ["a"]},
        {"properties": 1},
    ],
)
def test_other_schemas_are_the_same_objects(schema: Any) -> None:
    assert readable(schema) is schema


@pytest.mark.parametrize("client", ["anthropic", "openai-chat", "openai-responses", "gemini"])
def test_a_tool_of_another_formats_client(client: str) -> None:
    schema = {"type": "object", "properties": {"a": True}}
    tools: dict[str, Any] = {
        "anthropic": {"name": "f", "input_schema": schema},
        "openai-chat": {"type": "function", "function": {"name": "f", "parameters": schema}},
        "openai-responses": {"type": "function", "name": "f", "parameters": schema},
        "gemini": {"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]},
    }
    ask: dict[str, Any] = {
        "anthropic": {"max_tokens": 9, "messages": [{"role": "user", "content": "a"}]},
        "openai-chat": {"messages": [{"role": "user", "content": "a"}]},
        "openai-responses": {"input": "a"},
        "gemini": {"contents": [{"role": "user", "parts": [{"text": "a"}]}]},
    }
    (tool,) = sent(client, "ollama", {**ask[client], "tools": [tools[client]]})["tools"]
    assert OllamaTool.model_validate(tool).function
    assert tool["function"]["parameters"]["properties"] == {"a": {}}
