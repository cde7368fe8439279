from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.registry import FORMATS
from switchyard.wire.shared.effort import BUDGETS
from switchyard.wire.shared.effort import LEVELS
from switchyard.wire.shared.effort import level_of
from switchyard.wire.shared.effort import nearest_level
from switchyard.wire.shared.effort import parse_effort
from switchyard.wire.shared.effort import reasoning_with
from switchyard.wire.shared.effort import with_effort

SUFFIXES = [*LEVELS, "auto", "0", "1", "8192", "9999999"]
TURN = {"role": "user", "content": "hi"}


def anthropic(suffix: str, model: str, **body: Any) -> dict[str, Any]:
    return with_effort({"messages": [TURN], **body}, "anthropic", suffix, model)


@pytest.mark.parametrize(
    ("suffix", "level", "budget"),
    [
        ("none", "none", 0),
        ("auto", "auto", 8192),
        ("-1", "auto", 8192),
        (" HIGH ", "high", 24576),
        ("max", "max", 128_000),
        ("0", "none", 0),
        ("8192", "medium", 8192),
        ("8193", "high", 8193),
    ],
)
def test_suffixes(suffix: str, level: str, budget: int) -> None:
    effort = parse_effort(suffix)
    assert (effort.level, effort.budget) == (level, budget)


@pytest.mark.parametrize("suffix", ["", "hihg", "high low", "-5", "1.5", "1e3", "9" * 50, "٣", "²"])
def test_a_wrong_suffix_is_told_with_what_is_right(suffix: str) -> None:
    with pytest.raises(ValueError, match="none, auto, minimal, low, medium, high, xhigh, max"):
        parse_effort(suffix)
    with pytest.raises(ValueError, match=r"model\(high\)"):
        with_effort({}, "openai-chat", suffix)


def test_levels_and_budgets_agree() -> None:
    assert {level_of(budget): budget for budget in BUDGETS.values()} == BUDGETS
    assert (level_of(0), level_of(1), level_of(10**9)) == ("none", "minimal", "max")


@pytest.mark.parametrize(
    ("level", "taken", "nearest"),
    [
        ("high", ["low", "high"], "high"),
        ("max", ["low", "medium", "high"], "high"),
        ("none", ["minimal", "low"], "minimal"),
        ("minimal", ["none", "low", "medium"], "low"),
        ("minimal", ["none"], "minimal"),
        ("medium", ["low", "high"], "high"),
        ("default", ["low"], "default"),
        (None, ["low"], None),
    ],
)
def test_the_nearest_level(level: Any, taken: list[str], nearest: Any) -> None:
    assert nearest_level(level, taken) == nearest


def test_chat() -> None:
    body = {"model": "m", "reasoning_effort": "low"}
    assert with_effort(body, "openai-chat", "max")["reasoning_effort"] == "xhigh"
    assert with_effort(body, "openai-chat", "8192")["reasoning_effort"] == "medium"
    assert with_effort(body, "openai-chat", "none")["reasoning_effort"] == "none"
    assert with_effort(body, "openai-chat", "auto") == {"model": "m"}
    assert with_effort(body, "openai-chat", "low") is body


def test_chat_in_the_dialect_that_the_client_speaks() -> None:
    routed = {"reasoning": {"effort": "low", "max_tokens": 9, "exclude": True}}
    assert with_effort(routed, "openai-chat", "high") == {
        "reasoning": {"exclude": True, "effort": "high"}
    }
    assert with_effort(routed, "openai-chat", "2000")["reasoning"]["max_tokens"] == 2000
    assert with_effort(routed, "openai-chat", "auto")["reasoning"]["enabled"] is True
    switched = {"thinking": {"type": "enabled", "budget_tokens": 9}}
    off = with_effort(switched, "openai-chat", "none")
    assert off == {"thinking": {"type": "disabled"}, "reasoning_effort": "none"}


def test_responses() -> None:
    body = {"reasoning": {"effort": "low", "summary": "auto"}}
    high = with_effort(body, "openai-responses", "high")
    assert high == {"reasoning": {"summary": "auto", "effort": "high"}}
    assert with_effort(body, "openai-responses", "auto") == {"reasoning": {"summary": "auto"}}
    assert with_effort({"reasoning": {"effort": "low"}}, "openai-responses", "auto") == {}
    assert with_effort({}, "openai-responses", "max") == {"reasoning": {"effort": "xhigh"}}


@pytest.mark.parametrize(
    ("model", "suffix", "max_tokens", "limit", "budget"),
    [
        ("claude-sonnet-4-5", "medium", 32_000, 32_000, 8192),
        ("claude-sonnet-4-5", "minimal", 32_000, 32_000, 1024),
        ("claude-sonnet-4-5", "high", 4096, 28_672, 24_576),
        ("claude-sonnet-4-5", "high", None, 32_000, 24_576),
        ("claude-sonnet-4-5", "max", 32_000, 64_000, 55_808),
        ("claude-opus-4-1", "xhigh", 32_000, 32_000, 23_808),
        ("claude-opus-4-6", "max", 100, 128_000, 127_900),
        ("glm-4.7", "max", 8192, 136_192, 128_000),
        ("claude-sonnet-4-5", "8192", 8192, 16_384, 8192),
    ],
)
def test_anthropic_budgets_stay_below_the_limit(
    model: str, suffix: str, max_tokens: int | None, limit: int, budget: int
) -> None:
    given = {} if max_tokens is None else {"max_tokens": max_tokens}
    body = anthropic(suffix, model, **given)
    assert body["max_tokens"] == limit
    assert body["thinking"] == {"type": "enabled", "budget_tokens": budget}


def test_anthropic_models_that_think_adaptively() -> None:
    said = {"temperature": 0.5, "output_config": {"effort": "low", "format": {}}}
    body = anthropic("minimal", "claude-opus-4-7", **said)
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["output_config"] == {"format": {}, "effort": "low"}
    assert "temperature" not in body and "max_tokens" not in body
    assert "effort" not in anthropic("auto", "claude-opus-4-7", **said)["output_config"]
    off = anthropic("none", "claude-opus-4-7", output_config={"effort": "max"})
    assert off == {"messages": [TURN], "thinking": {"type": "disabled"}}


def test_anthropic_keeps_how_thinking_is_shown() -> None:
    shown = {"type": "enabled", "budget_tokens": 1024, "display": "omitted"}
    body = anthropic("low", "claude-sonnet-4-5", max_tokens=9000, thinking=shown)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 1024, "display": "omitted"}


def test_anthropic_sampling_that_thinking_excludes_is_left_out() -> None:
    sampling = {"temperature": 0.2, "top_k": 5, "top_p": 0.5}
    body = anthropic("low", "claude-sonnet-4-5", max_tokens=9000, **sampling)
    assert not body.keys() & sampling.keys()
    kept = anthropic("low", "claude-sonnet-4-5", max_tokens=9000, temperature=1, top_p=0.95)
    assert (kept["temperature"], kept["top_p"]) == (1, 0.95)
    assert anthropic("low", "glm-4.7", max_tokens=9000, **sampling)["temperature"] == 0.2


CALLED = {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "n"}]}
THOUGHT = {"role": "assistant", "content": [{"type": "thinking", "thinking": "t"}]}
SAID = {"role": "assistant", "content": "Well."}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]}


@pytest.mark.parametrize(
    ("model", "body", "thinks"),
    [
        ("claude-sonnet-4-5", {"tool_choice": {"type": "any"}}, False),
        ("claude-opus-4-7", {"tool_choice": {"type": "tool", "name": "n"}}, False),
        ("claude-sonnet-4-5", {"tool_choice": {"type": "auto"}}, True),
        ("claude-sonnet-4-5", {"messages": [TURN, CALLED, RESULT]}, False),
        ("claude-sonnet-4-5", {"messages": [TURN, THOUGHT, RESULT]}, True),
        ("claude-sonnet-4-5", {"messages": [TURN, CALLED, RESULT, THOUGHT, TURN]}, True),
        ("claude-sonnet-4-5", {"messages": [TURN, CALLED, RESULT, SAID, TURN]}, False),
        ("claude-sonnet-4-5", {"messages": [TURN, SAID, TURN]}, True),
        ("claude-sonnet-4-5", {"messages": [TURN, {"role": "assistant", "content": "I"}]}, False),
        ("claude-opus-4-7", {"messages": [TURN, CALLED, RESULT]}, True),
    ],
)
def test_anthropic_thinking_that_would_be_refused_is_not_asked_for(
    model: str, body: dict[str, Any], thinks: bool
) -> None:
    whole = {"max_tokens": 32_000, "messages": [TURN], **body}
    written = with_effort(whole, "anthropic", "high", model)
    assert ("thinking" in written) == thinks
    assert (written is whole) == (not thinks)


def test_gemini() -> None:
    config = {"topK": 3, "thinkingConfig": {"thinkingBudget": 5, "includeThoughts": True}}
    body = {"generationConfig": config}

    def thinking(suffix: str, model: str) -> Any:
        written = with_effort(body, "gemini", suffix, model)["generationConfig"]
        assert written["topK"] == 3
        return written["thinkingConfig"]

    shown = {"includeThoughts": True}
    assert thinking("xhigh", "gemini-3-pro") == {**shown, "thinkingLevel": "HIGH"}
    assert thinking("low", "gemini-2.5-flash") == {**shown, "thinkingBudget": 1024}
    assert thinking("9000", "gemini-3-pro") == {**shown, "thinkingBudget": 9000}
    assert thinking("auto", "gemini-3-pro") == {**shown, "thinkingBudget": -1}
    assert thinking("none", "gemini-2.5-flash") == {"thinkingBudget": 0}
    snake = {"generation_config": {"thinking_config": {"thinking_budget": 1}}}
    assert with_effort(snake, "gemini", "low", "gemini-3-flash") == {
        "generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}
    }


def test_ollama() -> None:
    def think(suffix: str, model: str = "gpt-oss:20b") -> Any:
        return with_effort({"think": "low"}, "ollama", suffix, model)["think"]

    assert [think(one) for one in ("none", "auto", "minimal", "medium", "max")] == [
        False,
        True,
        "low",
        "medium",
        "high",
    ]
    assert think("high", "qwen3:8b") is True


def test_a_format_that_cannot_ask_keeps_its_body() -> None:
    body = {"prompt": "hi"}
    assert with_effort(body, "openai-completions", "high") is body


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
MEMBERS = (
    "model messages max_tokens reasoning reasoning_effort thinking think output_config "
    "generationConfig generation_config tool_choice temperature top_p other"
).split()


@given(
    body=st.dictionaries(st.sampled_from(MEMBERS), JSON),
    format=st.sampled_from(sorted(FORMATS)),
    suffix=st.sampled_from(SUFFIXES),
    model=st.sampled_from(["claude-opus-4-7", "claude-3-7-sonnet", "gemini-2.5-pro", "m"]),
)
def test_any_body_is_written_twice_the_same_and_never_changed(
    body: dict[str, Any], format: str, suffix: str, model: str
) -> None:
    before = deepcopy(body)
    once = with_effort(body, format, suffix, model)
    assert body == before
    assert with_effort(once, format, suffix, model) == once
    if format == "anthropic" and "budget_tokens" in (once.get("thinking") or {}) and once != body:
        assert 1024 <= once["thinking"]["budget_tokens"] < once["max_tokens"]


REQUESTS: dict[str, dict[str, Any]] = {
    "openai-chat": {"messages": [TURN]},
    "openai-responses": {"input": "hi"},
    "anthropic": {"messages": [TURN], "max_tokens": 9000},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    "ollama": {"messages": [TURN]},
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("format", REQUESTS)
def test_what_is_written_reads_as_what_was_asked(format: str, suffix: str) -> None:
    wish = reasoning_with(suffix, None)
    written = with_effort({"model": "m", **REQUESTS[format]}, format, suffix, "m")
    read = FORMATS[format].read_request(written).reasoning
    if suffix == "auto":
        assert read is None or (not read.effort and read.enabled is not False)
        return
    assert read is not None
    assert (read.enabled is False or read.effort == "none") == (wish.enabled is False)
