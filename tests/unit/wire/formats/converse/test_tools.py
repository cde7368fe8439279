"""Tools and the choice among them, as each family of models takes them."""

from typing import Any

import pytest

from switchyard.wire.registry import FORMATS
from switchyard.wire.registry import PROVIDER_FORMATS
from switchyard.wire.translate.unreached import Unreached
from switchyard.wire.translate.unreached import Way
from tests.unit.wire.formats.converse.asking import CLAUDE
from tests.unit.wire.formats.converse.asking import GPT_OSS
from tests.unit.wire.formats.converse.asking import LLAMA
from tests.unit.wire.formats.converse.asking import MISTRAL
from tests.unit.wire.formats.converse.asking import NOVA
from tests.unit.wire.formats.converse.asking import TALK
from tests.unit.wire.formats.converse.asking import TOOL
from tests.unit.wire.formats.converse.asking import sent

ANY = {"any": {}}
ONE = {"tool": {"name": "weather"}}


def test_a_tool_with_its_schema() -> None:
    bare = {"name": "bare", "input_schema": {"type": "object"}}
    first, second = sent(TALK[:1], tools=[TOOL, bare])["toolConfig"]["tools"]
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    assert first == {"toolSpec": {"name": "weather", "description": "Tells the weather.",
                                  "inputSchema": {"json": schema}}}  # fmt: skip
    assert second["toolSpec"] == {
        "name": "bare",
        "inputSchema": {"json": {"type": "object", "properties": {}}},
    }


def test_nova_takes_few_words_at_a_schemas_root() -> None:
    schema = {"type": "object", "title": "T", "additionalProperties": False,
              "properties": {"a": {"type": "object", "additionalProperties": False}},
              "required": ["a"]}  # fmt: skip
    tools = [{**TOOL, "input_schema": schema}]
    written = {
        model: sent(TALK[:1], tools=tools, model=model)["toolConfig"]["tools"][0]["toolSpec"]
        for model in (NOVA, LLAMA)
    }
    assert written[LLAMA]["inputSchema"]["json"] == schema
    kept = written[NOVA]["inputSchema"]["json"]
    assert kept == {word: schema[word] for word in ("type", "properties", "required")}


@pytest.mark.parametrize(
    ("choice", "model", "wanted"),
    [
        ({"type": "auto"}, CLAUDE, None),
        ({"type": "any"}, CLAUDE, ANY),
        ({"type": "any"}, NOVA, ANY),
        ({"type": "any"}, MISTRAL, ANY),
        ({"type": "any"}, LLAMA, None),
        ({"type": "any"}, GPT_OSS, None),
        ({"type": "tool", "name": "weather"}, NOVA, ONE),
        ({"type": "tool", "name": "weather"}, MISTRAL, ANY),
        ({"type": "tool", "name": "weather"}, LLAMA, None),
    ],
)
def test_a_choice_as_the_family_takes_it(choice: Any, model: str, wanted: Any) -> None:
    config = sent(TALK[:1], tools=[TOOL], tool_choice=choice, model=model)["toolConfig"]
    assert config.get("toolChoice") == wanted


def test_only_the_allowed_tools_are_offered() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in "abc"]
    wanted = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
        {"type": "function", "function": {"name": name}} for name in "ac"]}}  # fmt: skip
    config = sent(TALK[:1], "openai-chat", tools=tools, tool_choice=wanted)["toolConfig"]
    assert [tool["toolSpec"]["name"] for tool in config["tools"]] == ["a", "c"]
    assert config["toolChoice"] == ANY


@pytest.mark.parametrize(
    ("model", "offered"), [(NOVA, ["a", "b"]), (MISTRAL, ["b"]), (LLAMA, ["b"])]
)
def test_a_demanded_tool_is_offered_alone_where_it_cannot_be_demanded(
    model: str, offered: list[str]
) -> None:
    tools = [{**TOOL, "name": name} for name in "ab"]
    choice = {"type": "tool", "name": "b"}
    config = sent(TALK[:1], tools=tools, tool_choice=choice, model=model)["toolConfig"]
    assert [tool["toolSpec"]["name"] for tool in config["tools"]] == offered


def test_a_demand_that_a_model_does_not_know_is_told() -> None:
    body = {"model": "m", "max_tokens": 9, "messages": TALK[:1], "tools": [TOOL],
            "tool_choice": {"type": "any"}}  # fmt: skip
    told = {}
    for model in (NOVA, LLAMA):
        way = Way("anthropic", "converse", model)
        read = FORMATS["anthropic"].read_request({**body, "model": model})
        written = PROVIDER_FORMATS["converse"].write_request(read)
        told[model] = Unreached().names(body, way, written)
    assert told == {NOVA: (), LLAMA: ("tool_choice",)}
