"""Schemas for answers that only words can ask for."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Output
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Turn
from switchyard.wire.registry import FORMATS
from switchyard.wire.shared.instructed import instruction
from switchyard.wire.shared.instructed import with_instruction
from switchyard.wire.translate.losses import is_instructed
from switchyard.wire.translate.losses import lost

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OPEN = {"type": "object", "additionalProperties": True}
WORDS = instruction(SCHEMA)
WISH = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}
ASKS = {"role": "user", "content": "Where?"}


def asking(output: Output, model: str = "claude-sonnet-4-5") -> Conversation:
    turn = Turn(role="user", parts=(Text(text="Where?"),))
    return Conversation(format="elsewhere", model=model, turns=(turn,), output=output)


BY_SCHEMA = Output(kind="json_schema", name="a", schema=SCHEMA)


def test_the_words_hold_the_schema() -> None:
    assert '{"city":{"type":"string"}}' in WORDS and "JSON" in WORDS
    assert "schema" not in instruction(None)


@pytest.mark.parametrize(
    ("messages", "after"),
    [
        ([ASKS], [{"role": "system", "content": WORDS}, ASKS]),
        (
            [{"role": "system", "content": "Be brief."}, ASKS],
            [{"role": "system", "content": f"Be brief.\n\n{WORDS}"}, ASKS],
        ),
        (
            [{"role": "developer", "content": [{"type": "text", "text": "Be"}], "name": "x"}, ASKS],
            [
                {
                    "role": "developer",
                    "content": [{"type": "text", "text": "Be"}, {"type": "text", "text": WORDS}],
                    "name": "x",
                },
                ASKS,
            ],
        ),
        ([{"role": "system", "content": ""}], [{"role": "system", "content": WORDS}]),
    ],
)
def test_chat_asks_for_json_and_says_how(messages: list[Any], after: list[Any]) -> None:
    body = {"model": "m", "messages": messages, "response_format": WISH}
    before = deepcopy(body)
    told = with_instruction(body, "openai-chat")
    assert told == {"model": "m", "messages": after, "response_format": {"type": "json_object"}}
    assert body == before


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [ASKS]},
        {"messages": [ASKS], "response_format": {"type": "json_object"}},
        {"messages": [ASKS], "response_format": "odd"},
    ],
)
def test_what_asks_for_no_schema_stays(body: dict[str, Any]) -> None:
    for format in FORMATS:
        assert with_instruction(body, format) is body


def test_responses_and_anthropic() -> None:
    wish = {"type": "json_schema", "name": "a", "schema": SCHEMA}
    body = {"input": "?", "text": {"format": wish, "verbosity": "low"}, "instructions": "Be brief."}
    assert with_instruction(body, "openai-responses") == {
        "input": "?",
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "instructions": f"Be brief.\n\n{WORDS}",
    }
    block = {"type": "text", "text": WORDS}
    for said, left in (
        (
            {"output_config": {"format": wish, "effort": "low"}},
            {"output_config": {"effort": "low"}},
        ),
        ({"output_format": wish}, {}),
    ):
        assert with_instruction(said, "anthropic") == {**left, "system": [block]}
        told = with_instruction({**said, "system": "Be"}, "anthropic")
        assert told["system"] == [{"type": "text", "text": "Be"}, block]


@pytest.mark.parametrize(
    ("output", "model", "instructed"),
    [
        (BY_SCHEMA, "claude-sonnet-4-5", False),
        (BY_SCHEMA, "claude-opus-4-6", False),
        (BY_SCHEMA, "some-model", False),
        (BY_SCHEMA, "claude-3-7-sonnet-latest", True),
        (BY_SCHEMA, "claude-sonnet-4-20250514", True),
        (BY_SCHEMA, "claude-opus-4-0", True),
        (replace(BY_SCHEMA, schema=OPEN), "claude-sonnet-4-5", True),
        (Output(kind="json_object"), "claude-sonnet-4-5", True),
        (Output(kind="text"), "claude-3-7-sonnet-latest", False),
    ],
)
def test_anthropic_is_asked_by_schema_where_it_can_be(
    output: Output, model: str, instructed: bool
) -> None:
    c = asking(output, model)
    assert is_instructed(c, "anthropic", model) is instructed
    body = FORMATS["anthropic"].write_request(c)
    assert ("system" in body) is instructed
    assert ("output_config" in body) is (not instructed and output.kind == "json_schema")
    assert not is_instructed(c, "openai-chat", model)


def test_a_completion_is_told_in_its_prompt() -> None:
    c = asking(BY_SCHEMA)
    assert is_instructed(c, "openai-completions", "m")
    prompt = FORMATS["openai-completions"].write_request(c)["prompt"]
    assert prompt == f"{WORDS}\n\nUser: Where?\n\nAssistant:"
    assert "output" not in lost(c, "openai-completions")
