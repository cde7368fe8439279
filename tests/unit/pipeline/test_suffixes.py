"""Suffixes of model names that ask for effort, through the addons."""

from typing import Any

import pytest

from tests.support.runtime import CONFIG
from tests.support.runtime import FORMATS
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import error_of
from tests.support.runtime import make_runtime
from tests.unit.pipeline.first_attempts import body_of
from tests.unit.pipeline.first_attempts import sent


@pytest.mark.parametrize("client", FORMATS)
@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("chat/m", {"reasoning_effort": "high"}),
        ("claude/c", {"thinking": {"type": "enabled", "budget_tokens": 24_576}}),
        ("codex/r", {"reasoning": {"effort": "high"}}),
    ],
)
def test_a_suffix_asks_for_effort_in_the_words_of_the_provider(
    client: str, model: str, said: dict[str, Any]
) -> None:
    body = body_of(sent(make_runtime(), client, f"{model}(high)")[0])
    for name, value in said.items():
        given = body[name]
        assert given == value or value.items() <= given.items()
    assert body["model"] == model.partition("/")[2]


def test_a_suffix_for_gemini_is_fitted_to_the_model() -> None:
    text = CONFIG.replace("models: [g]", "models: [g, gemini-2.5-pro, gemini-3-pro]")
    for model, thinking in (
        ("gemini-2.5-pro(max)", {"thinkingBudget": 32_768}),
        ("gemini-2.5-pro(none)", {"thinkingBudget": 128}),
        ("gemini-3-pro(minimal)", {"thinkingLevel": "LOW"}),
    ):
        body = body_of(sent(make_runtime(text), "gemini", model)[0])
        assert body["generationConfig"]["thinkingConfig"] == thinking


def test_the_suffix_beats_the_body_and_a_members_own_beats_the_clients() -> None:
    text = CONFIG + "      fixed: [chat/m(low)]\n"
    runtime = make_runtime(text)
    for model, effort in (("chat/m(high)", "high"), ("fixed(high)", "low"), ("fixed", "low")):
        body = body_of(sent(runtime, "openai-chat", model, reasoning_effort="medium")[0])
        assert body["reasoning_effort"] == effort


@pytest.mark.parametrize("format", FORMATS)
def test_a_wrong_suffix_is_400_in_the_clients_format(format: str) -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, format, "chat/m(hihg)")
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    _type, message = error_of(attempt.answer, format, 400)
    assert "(hihg)" in message and "model(high)" in message
    assert attempt.request is None


def test_a_models_generation_is_known_by_the_providers_name_for_it() -> None:
    text = CONFIG.replace("models: [c]", "models: [{name: claude-opus-4-7, alias: c}]")
    body = body_of(sent(make_runtime(text), "openai-chat", "c", reasoning_effort="high")[0])
    assert body["thinking"]["type"] == "adaptive"
    assert body["output_config"] == {"effort": "high"}
