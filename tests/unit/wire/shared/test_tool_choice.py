"""A choice of tools that names only tools the target is offered."""

from typing import Any

import pytest

from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.registry import FORMATS
from switchyard.wire.shared.tool_choice import choosable
from tests.unit.wire.crossing import sent

SEARCH = Tool(kind="server", name="web_search", format="anthropic", raw={"type": "web_search"})


def choosing(mode: Any, **members: Any) -> Conversation:
    choice = ToolChoice(mode=mode, **members)
    tools = (Tool(name="f"), Tool(name="g"), SEARCH)
    return Conversation(format="anthropic", model="m", tools=tools, tool_choice=choice)


@pytest.mark.parametrize(
    "conversation",
    [
        choosing("tool", name="f"),
        choosing("allowed", allowed=("f",)),
        choosing("required"),
        choosing("none"),
        Conversation(format="anthropic", model="m"),
    ],
)
def test_a_choice_of_what_is_offered_stays(conversation: Conversation) -> None:
    assert choosable(conversation, "openai-chat") is conversation


def test_a_tool_that_runs_at_its_provider_can_be_chosen_there_alone() -> None:
    forced = choosing("tool", name="web_search")
    assert choosable(forced, "anthropic") is forced
    assert choosable(forced, "gemini").tool_choice is None
    some = choosable(choosing("allowed", allowed=("web_search", "f")), "gemini").tool_choice
    assert some is not None and some.allowed == ("f",)


@pytest.mark.parametrize(
    ("allowed", "required", "said"),
    [
        (["f"], "ANY", {"type": "function", "function": {"name": "f"}}),
        (["f", "g"], "ANY", "required"),
        (["f", "g"], "VALIDATED", "auto"),
    ],
)
def test_a_list_that_says_nothing_more_is_left_out(
    allowed: list[str], required: str, said: Any
) -> None:
    # pydantic-ai lists all of its tools where one has to be called.
    choice = {"mode": required, "allowedFunctionNames": allowed}
    body = {
        "contents": [{"role": "user", "parts": [{"text": "Go."}]}],
        "tools": [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}],
        "toolConfig": {"functionCallingConfig": choice},
    }
    assert sent("gemini", "openai-chat", body)["tool_choice"] == said


@pytest.mark.parametrize("target", ["openai-chat", "openai-responses", "gemini", "ollama"])
def test_what_claude_code_forces_is_not_asked_of_others(target: str) -> None:
    body = {
        "model": "m",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Search."}],
        "tools": [
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 8},
            {"name": "f", "input_schema": {"type": "object", "properties": {}}},
        ],
        "tool_choice": {"type": "tool", "name": "web_search"},
    }
    conversation = choosable(FORMATS["anthropic"].read_request(body), target)
    written = str(FORMATS[target].write_request(conversation))
    assert "web_search" not in written
    assert "'name': 'f'" in written
