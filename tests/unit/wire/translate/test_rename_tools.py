"""Tool names that not every API takes."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.format import Asked
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.events import PartStart
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from switchyard.wire.translate.rename_tools import GivenNames
from switchyard.wire.translate.rename_tools import new_names
from switchyard.wire.translate.rename_tools import renamed

LONG = "mcp__plugin_enterprise-database__synchronize_all_customer_data_across_systems"
TAKEN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}")
TARGETS = ("openai-chat", "openai-responses", "gemini", "ollama")


def asking(*names: str) -> Conversation:
    tools = tuple(Tool(name=name) for name in names)
    return Conversation(format="gemini", model="m", tools=tools)


def test_names_that_every_api_takes_stay() -> None:
    conversation = asking("read_file", "Write-2", "_x")
    assert renamed(conversation) is conversation


def test_other_names_become_like_ones() -> None:
    conversation = asking("maps.search", "2fa", LONG)
    assert [tool.name for tool in renamed(conversation).tools] == [
        "maps_search",
        "_2fa",
        new_names(conversation)[LONG],
    ]


def test_a_name_does_not_take_that_of_another_tool() -> None:
    names = new_names(asking("a.b", "a_b", "a:b"))
    assert "a_b" not in names
    assert len({*names.values(), "a_b"}) == 3


@given(st.lists(st.text("ab_.2é", min_size=1, max_size=80), unique=True, max_size=6))
def test_every_tool_has_a_name_of_its_own_that_is_taken_everywhere(names: list[str]) -> None:
    conversation = asking(*names)
    made = [tool.name for tool in renamed(conversation).tools]
    assert len(set(made)) == len(names)
    assert all(map(TAKEN.fullmatch, made))
    stage = GivenNames(new_names(conversation))
    calls = [PartStart(i, ToolCall(id=str(i), name=name)) for i, name in enumerate(made)]
    told = [event.part for event in stage.feed(calls) if isinstance(event, PartStart)]
    assert [part.name for part in told if isinstance(part, ToolCall)] == names


@pytest.mark.parametrize("target", TARGETS)
def test_a_request_names_a_tool_alike_wherever_it_does(target: str) -> None:
    body = {
        "model": "m",
        "max_tokens": 9,
        "messages": [
            {"role": "user", "content": "Sync."},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "c1", "name": LONG, "input": {}}],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "done"}],
            },
        ],
        "tools": [{"name": LONG, "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "tool", "name": LONG},
    }
    conversation = FORMATS["anthropic"].read_request(body)
    said = json.dumps(FORMATS[target].write_request(renamed(conversation)))
    assert LONG not in said
    # Ollama has no choice of a tool; the results of Chat and Responses name none.
    assert said.count(new_names(conversation)[LONG]) >= 3


@pytest.mark.parametrize("streams", [True, False])
def test_an_answer_calls_a_tool_by_the_name_its_client_gave_it(streams: bool) -> None:
    conversation = Conversation(format="anthropic", model="m", tools=(Tool(name=LONG),))
    names = new_names(conversation)
    call = {"id": "c1", "type": "function", "function": {"name": names[LONG], "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    answer = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    asked = Asked(model="m", conversation=conversation, id="1", created=1)
    relay = Relay(
        FORMATS["openai-chat"], FORMATS["anthropic"], streams, asked, stages=[GivenNames(names)]
    )
    relay.start(200, "application/json")
    out = relay.feed(json.dumps(answer).encode()) + relay.end()
    said = (out if streams else relay.body).decode()
    assert f'"name":"{LONG}"' in said
    assert names[LONG] not in said
