"""Requests for models that do not think."""

from typing import Any

import pytest

from switchyard.wire.translate.reasoning_wish import without_reasoning_wish

REASONING = {"type": "reasoning", "id": "rs_1", "summary": []}


@pytest.mark.parametrize(
    ("format", "wish"),
    [
        ("openai-chat", {"reasoning_effort": "high"}),
        ("openai-chat", {"thinking": {"type": "enabled"}}),
        ("openai-responses", {"reasoning": {"effort": "low"}}),
        ("openai-responses", {"include": ["reasoning.encrypted_content"]}),
        ("anthropic", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}),
        ("gemini", {"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}}),
        ("ollama", {"think": True}),
        ("converse", {"additionalModelRequestFields": {"thinking": {"type": "enabled"}}}),
    ],
)
def test_the_wish_is_left_out(format: str, wish: dict[str, Any]) -> None:
    said = {"model": "m", "messages": []}
    assert without_reasoning_wish({**said, **wish}, format) == said
    assert without_reasoning_wish(said, format) is said


def test_other_members_of_the_same_holders_stay() -> None:
    body = {
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "output_config": {"effort": "low", "format": {"type": "json_schema"}},
        "context_management": {
            "edits": [{"type": "clear_thinking_20251015"}, {"type": "clear_tool_uses_20250919"}]
        },
    }
    assert without_reasoning_wish(body, "anthropic") == {
        "output_config": {"format": {"type": "json_schema"}},
        "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
    }
    alone = {"context_management": {"edits": [{"type": "clear_thinking_20251015"}]}}
    assert without_reasoning_wish(alone, "anthropic") == {}


def test_earlier_reasoning_goes_with_it() -> None:
    words = {"role": "user", "content": "Hi"}
    body = {"input": [words, REASONING], "include": ["reasoning.encrypted_content", "x"]}
    assert without_reasoning_wish(body, "openai-responses") == {"input": [words], "include": ["x"]}
