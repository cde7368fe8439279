"""Conversations of other formats, written as the Messages API accepts them."""

from typing import Any

import pytest

from switchyard.wire.formats.anthropic.schema import closed
from switchyard.wire.model.conversation import Output
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.model.conversation import Text
from switchyard.wire.shared.claude import MAX_TOKENS
from switchyard.wire.shared.claude import claude_version
from tests.unit.wire.formats.anthropic.adapt_support import HELLO
from tests.unit.wire.formats.anthropic.adapt_support import said
from tests.unit.wire.formats.anthropic.adapt_support import turn
from tests.unit.wire.formats.anthropic.adapt_support import written


def test_the_least_request():
    assert written() == {
        "model": "some-model",
        "max_tokens": MAX_TOKENS,
        "messages": [{"role": "user", "content": [said("Hello")]}],
    }


def test_system_messages_become_the_system_prompt():
    body = written(
        turn("system", Text(text="One.", cache={"type": "ephemeral"})),
        turn("developer", Text(text="Two."), Text(text="  ")),
        turn("user", HELLO),
        turn("assistant", Text(text="Hi.")),
        turn("user", HELLO),
    )
    assert body["system"] == [
        {**said("One."), "cache_control": {"type": "ephemeral"}},
        said("Two."),
    ]
    assert [m["role"] for m in body["messages"]] == ["user", "assistant", "user"]


def test_system_messages_alone_get_a_turn():
    body = written(turn("system", Text(text="Say hi.")))
    assert body["system"] == [said("Say hi.")]
    assert body["messages"] == [{"role": "user", "content": [said(".")]}]


def test_same_role_turns_are_merged_and_empty_texts_left_out():
    body = written(
        turn("user", HELLO, Text(text="")),
        turn("user", Text(text="there")),
        turn("assistant", Text(text=" \n")),
        turn("user", Text(text="?")),
    )
    assert body["messages"] == [
        {"role": "user", "content": [said("Hello"), said("there"), said("?")]}
    ]


def test_a_conversation_may_begin_with_the_assistant():
    body = written(turn("assistant", Text(text="Welcome.")), turn("user", HELLO))
    assert [m["role"] for m in body["messages"]] == ["assistant", "user"]


def test_a_prefill_loses_only_white_space_at_its_end():
    body = written(turn("user", HELLO), turn("assistant", Text(text="The answer is \n")))
    assert body["messages"][-1] == {"role": "assistant", "content": [said("The answer is")]}


class TestSampling:
    @pytest.mark.parametrize(
        ("settings", "expected"),
        [
            ({"temperature": 0.3, "top_p": 0.5, "top_k": 9}, (0.3, 0.5, 9)),
            ({"temperature": 1.7}, (1.0, None, None)),
            ({"temperature": 0.3, "top_p": 0.5, "model": "claude-3-haiku"}, (0.3, 0.5, None)),
            ({"temperature": 0.3, "top_p": 0.5, "model": "claude-haiku-4-5"}, (0.3, None, None)),
            ({"top_p": 0.5, "model": "claude-haiku-4-5"}, (None, 0.5, None)),
            ({"temperature": 0.3, "top_k": 9, "model": "claude-opus-5"}, (None, None, None)),
        ],
    )
    def test_what_the_model_takes(self, settings: dict[str, Any], expected: tuple[Any, ...]):
        body = written(**settings)
        assert tuple(body.get(n) for n in ("temperature", "top_p", "top_k")) == expected

    @pytest.mark.parametrize(
        ("settings", "expected"),
        [
            ({"temperature": 0.3, "top_p": 0.5, "top_k": 9}, (None, None, None)),
            ({"temperature": 1.0, "top_p": 0.97}, (1.0, 0.97, None)),
        ],
    )
    def test_with_thinking(self, settings: dict[str, Any], expected: tuple[Any, ...]):
        body = written(reasoning=Reasoning(effort="low"), **settings)
        assert tuple(body.get(n) for n in ("temperature", "top_p", "top_k")) == expected

    @pytest.mark.parametrize(
        ("model", "version"),
        [
            ("claude-opus-4-7", (4, 7)),
            ("anthropic/claude-opus-4.8", (4, 8)),
            ("us.anthropic.claude-sonnet-4-20250514-v1:0", (4, 0)),
            ("claude-3-5-sonnet-20241022", (3, 5)),
            ("claude-4.6-opus", (4, 6)),
            ("claude-sonnet-5", (5, 0)),
            ("Claude-Haiku-4-5@20251001", (4, 5)),
            ("glm-4.7", None),
            ("claude-mythos-preview", None),
        ],
    )
    def test_versions(self, model: str, version: tuple[int, int] | None):
        assert claude_version(model) == version


class TestOutput:
    def test_a_schema(self):
        schema = {"type": "object", "properties": {}, "additionalProperties": False}
        body = written(output=Output(kind="json_schema", name="n", schema=schema, strict=True))
        assert body["output_config"] == {"format": {"type": "json_schema", "schema": schema}}

    def test_json_without_a_schema_is_an_instruction_at_the_end(self):
        body = written(
            turn("system", Text(text="Be brief.")),
            turn("user", HELLO),
            output=Output(kind="json_object"),
        )
        assert body["system"][0] == said("Be brief.")
        assert "JSON object" in body["system"][1]["text"]
        assert "output_config" not in body

    def test_a_schema_that_cannot_be_enforced_is_an_instruction(self):
        schema = {"type": "object", "additionalProperties": {"type": "integer"}}
        body = written(output=Output(kind="json_schema", schema=schema))
        assert '"additionalProperties":{"type":"integer"}' in body["system"][0]["text"]
        assert "output_config" not in body

    def test_objects_are_closed(self):
        schema = {
            "type": "object",
            "properties": {
                "a": {"anyOf": [{"type": "object", "properties": {}}, {"type": "null"}]},
                "b": {"type": "array", "items": {"$ref": "#/$defs/b"}, "minItems": 1},
            },
            "$defs": {"b": {"type": "object", "properties": {"minimum": {"type": "integer"}}}},
        }
        assert closed(schema) == {
            "type": "object",
            "properties": {
                "a": {
                    "anyOf": [
                        {"type": "object", "properties": {}, "additionalProperties": False},
                        {"type": "null"},
                    ]
                },
                "b": {"type": "array", "items": {"$ref": "#/$defs/b"}, "minItems": 1},
            },
            "$defs": {
                "b": {
                    "type": "object",
                    "properties": {"minimum": {"type": "integer"}},
                    "additionalProperties": False,
                }
            },
            "additionalProperties": False,
        }
        assert "additionalProperties" not in schema

    def test_limits_are_told_in_the_description(self):
        schema = {"type": "integer", "minimum": 1, "maximum": 9, "description": "A digit."}
        assert closed(schema) == {
            "type": "integer",
            "description": 'A digit. {"minimum":1,"maximum":9}',
        }
        assert closed({"type": "string", "format": "email"}) == {
            "type": "string",
            "format": "email",
        }
        assert closed({"type": "string", "format": "phone"}) == {
            "type": "string",
            "description": '{"format":"phone"}',
        }

    @pytest.mark.parametrize(
        "schema",
        [{"type": "object"}, {"type": "array", "items": {"type": "object"}}],
    )
    def test_open_objects_cannot_be_closed(self, schema: dict[str, Any]):
        assert closed(schema) is None


def test_the_rest():
    body = written(
        stop=("END", "\n", ""),
        user="user-1",
        service_tier="default",
        stream=True,
        seed=1,
        metadata={"a": "b"},
        extra={"foreign": 1},
    )
    assert body["stop_sequences"] == ["END"]
    assert body["metadata"] == {"user_id": "user-1"}
    assert body["service_tier"] == "standard_only"
    assert body["stream"] is True
    assert not {"seed", "foreign"} & body.keys()
    assert "metadata" not in written(user="someone@example.com")
    assert "service_tier" not in written(service_tier="flex")
    assert "stop_sequences" not in written(stop=("\n",))
