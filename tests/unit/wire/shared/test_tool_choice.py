"""A choice of tools that names only tools the target is offered."""

import json
from dataclasses import replace
from typing import Any

import pytest

from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.registry import FORMATS
from switchyard.wire.registry import PROVIDER_FORMATS
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


TWICE = [
    {"name": "f", "description": "old", "input_schema": {"type": "object"}},
    {"name": "g", "input_schema": {"type": "object"}},
    {"name": "f", "description": "new", "input_schema": {"type": "object"}},
]


@pytest.mark.parametrize("target", [name for name in PROVIDER_FORMATS if name != "anthropic"])
def test_a_name_is_offered_once_as_it_was_declared_last(target: str) -> None:
    body = {"max_tokens": 9, "messages": [{"role": "user", "content": "Go."}], "tools": TWICE}
    told = json.dumps(sent("anthropic", target, body).get("tools", {}) or {})
    assert "old" not in told
    assert "new" in told or '"g"' not in told  # a format without tools has neither


def test_a_clients_own_tool_takes_the_place_of_one_at_the_provider() -> None:
    search = {"type": "function", "name": "web_search", "parameters": {"type": "object"}}
    body = {"input": "Go.", "tools": [{"type": "web_search"}, search]}
    (offered,) = sent("openai-responses", "anthropic", body)["tools"]
    assert offered["name"] == "web_search" and "input_schema" in offered


def test_functions_of_two_namespaces_have_names_of_their_own() -> None:
    find = {"type": "function", "name": "find", "parameters": {"type": "object"}}
    spaces = [{"type": "namespace", "name": name, "tools": [find, find]} for name in ("a", "b")]
    body = {"input": "Go.", "tools": spaces}
    assert len({t["name"] for t in sent("openai-responses", "anthropic", body)["tools"]}) == 2


def test_a_name_that_is_no_text_is_nobodys() -> None:
    odd = replace(SEARCH, raw={"type": "web_search", "name": ["f"]})
    conversation = Conversation(format="anthropic", model="m", tools=(Tool(name="f"), odd))
    assert choosable(conversation, "anthropic") is conversation
