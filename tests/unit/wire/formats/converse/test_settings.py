"""Limits, sampling, thinking and the answer's shape, in the words of each family of models."""

from typing import Any

import pytest

from switchyard.wire.registry import PROVIDER_FORMATS
from tests.unit.wire.formats.converse.asking import CLAUDE
from tests.unit.wire.formats.converse.asking import GPT_OSS
from tests.unit.wire.formats.converse.asking import LLAMA
from tests.unit.wire.formats.converse.asking import NOVA
from tests.unit.wire.formats.converse.asking import TALK
from tests.unit.wire.formats.converse.asking import sent

NOVA_1 = "amazon.nova-pro-v1:0"
OPUS = "global.anthropic.claude-opus-4-7"
SERVICE = PROVIDER_FORMATS["converse"]


def test_limit_sampling_and_stops() -> None:
    body = sent(TALK[:1], max_tokens=50, temperature=0.5, top_p=0.9, stop_sequences=["END", " "])
    assert body["inferenceConfig"] == {
        "maxTokens": 50, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"],
    }  # fmt: skip
    assert SERVICE.unsaid_stops(("END", " ")) == (" ",)
    hot = sent(TALK[:1], "openai-chat", temperature=1.7)["inferenceConfig"]
    assert hot["temperature"] == 1.0


def test_claude_names_the_sequence_that_it_met() -> None:
    body = sent(TALK[:1], model=CLAUDE, stop_sequences=["END"])
    assert body["additionalModelResponseFieldPaths"] == ["/stop_sequence"]
    assert "additionalModelResponseFieldPaths" not in sent(TALK[:1], stop_sequences=["END"])


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (CLAUDE, {"top_k": 5}),
        (NOVA_1, {"inferenceConfig": {"topK": 5}}),
        (LLAMA, None),
    ],
)
def test_top_k(model: str, fields: Any) -> None:
    body = sent(TALK[:1], model=model, top_k=5)
    assert body.get("additionalModelRequestFields") == fields
    assert SERVICE.read_request(body).top_k == (5 if fields else None)


@pytest.mark.parametrize(
    ("model", "effort", "fields"),
    [
        (NOVA, "low", {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}),
        (NOVA, "xhigh", {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}),
        (NOVA, "none", {"reasoningConfig": {"type": "disabled"}}),
        (NOVA_1, "low", None),
        (GPT_OSS, "medium", {"reasoning_effort": "medium"}),
        (GPT_OSS, "none", None),
        (LLAMA, "high", None),
        (CLAUDE, "high", {"thinking": {"type": "enabled", "budget_tokens": 24_576}}),
        (OPUS, "high", {"thinking": {"type": "adaptive", "display": "summarized"}}),
    ],
)
def test_effort(model: str, effort: str, fields: Any) -> None:
    body = sent(TALK[:1], "openai-chat", model=model, reasoning_effort=effort, max_tokens=60_000)
    assert body.get("additionalModelRequestFields") == fields
    if model == OPUS:
        assert body["outputConfig"] == {"effort": "high"}


def test_nova_takes_neither_limit_nor_sampling_with_the_highest_effort() -> None:
    said = {"temperature": 0.5, "top_p": 0.9, "max_tokens": 50}
    high = sent(TALK[:1], "openai-chat", reasoning_effort="high", **said)
    assert "inferenceConfig" not in high
    low = sent(TALK[:1], "openai-chat", reasoning_effort="low", **said)
    assert low["inferenceConfig"] == {"temperature": 0.5, "topP": 0.9, "maxTokens": 50}


def test_claude_thinks_within_its_limit_and_not_with_a_forced_tool() -> None:
    tool = {"name": "f", "input_schema": {"type": "object"}}
    thinking = {"type": "enabled", "budget_tokens": 2000}
    free = sent(TALK[:1], model=CLAUDE, thinking=thinking, max_tokens=1024, temperature=0.3)
    assert free["inferenceConfig"]["maxTokens"] > 1024
    assert "temperature" not in free["inferenceConfig"]
    forced = sent(TALK[:1], model=CLAUDE, thinking=thinking, tools=[tool],
                  tool_choice={"type": "any"}, max_tokens=4000)  # fmt: skip
    assert "additionalModelRequestFields" not in forced


def test_a_schema_is_enforced_for_claude_and_put_into_words_for_others() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}},
              "required": ["a"], "additionalProperties": False}  # fmt: skip
    shape = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    enforced = sent(TALK[:1], "openai-chat", model=CLAUDE, response_format=shape)
    definition = enforced["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert definition["name"] == "x" and '"a"' in definition["schema"]
    assert "system" not in enforced
    output = SERVICE.read_request(enforced).output
    assert output is not None and output.schema is not None
    told = sent(TALK[:1], "openai-chat", model=LLAMA, response_format=shape)
    assert "outputConfig" not in told and '"a"' in told["system"][0]["text"]


@pytest.mark.parametrize(("said", "tier"), [("flex", "flex"), ("auto", None)])
def test_tiers(said: str, tier: str | None) -> None:
    body = sent(TALK[:1], "openai-chat", service_tier=said)
    assert body.get("serviceTier") == ({"type": tier} if tier else None)


@pytest.mark.parametrize("model", [CLAUDE, OPUS, NOVA, GPT_OSS])
def test_settings_are_read_as_they_were_written(model: str) -> None:
    body = sent(TALK[:1], "openai-chat", model=model, reasoning_effort="medium",
                max_tokens=60_000, stop=["x"], service_tier="flex")  # fmt: skip
    again = SERVICE.read_request(body)
    assert again.max_tokens == 60_000 and again.stop == ("x",) and again.service_tier == "flex"
    assert again.reasoning is not None
    assert again.reasoning.effort == "medium" or again.reasoning.budget == 8192
