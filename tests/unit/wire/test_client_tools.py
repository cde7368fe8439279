"""Tools that a client runs and declares by a provider's own type are functions for everybody else;
calls come back as the client's own kind, and stay in the history."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.formats.anthropic.blocks import write_block
from switchyard.wire.formats.anthropic.client_tools import ToolsetCalls
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.events import PartStart
from switchyard.wire.registry import FORMATS
from tests.unit.wire.crossing import answered
from tests.unit.wire.crossing import chat_answer
from tests.unit.wire.crossing import dropped
from tests.unit.wire.crossing import sent

CHAT, RESPONSES, ANTHROPIC, GEMINI = "openai-chat", "openai-responses", "anthropic", "gemini"

BY_ANTHROPIC = {
    "bash": ({"type": "bash_20250124", "name": "bash"}, {"command", "restart"}),
    "str_replace_based_edit_tool": (
        {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
        {"command", "path", "old_str", "new_str", "file_text", "insert_line", "insert_text"},
    ),
    "str_replace_editor": (
        {"type": "text_editor_20250124", "name": "str_replace_editor"},
        {"command", "path", "old_str", "new_str", "file_text", "insert_line", "view_range"},
    ),
    "memory": (
        {"type": "memory_20250818", "name": "memory"},
        {"command", "path", "old_path", "new_path", "insert_text"},
    ),
    "computer": (
        {
            "type": "computer_20251124",
            "name": "computer",
            "display_width_px": 1024,
            "display_height_px": 768,
            "enable_zoom": True,
        },
        {"action", "coordinate", "text", "scroll_direction", "duration", "region"},
    ),
}

BY_OPENAI: dict[str, tuple[dict[str, Any], set[str]]] = {
    "local_shell": ({"type": "local_shell"}, {"command", "env", "working_directory"}),
    "shell": ({"type": "shell"}, {"commands", "timeout_ms", "max_output_length"}),
    "apply_patch": ({"type": "apply_patch"}, {"type", "path", "diff"}),
    "computer": ({"type": "computer"}, {"actions"}),
    "tool_search": (
        {
            "type": "tool_search",
            "execution": "client",
            "description": "find tools",
            "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
        },
        {"query"},
    ),
}

HISTORY = {
    "local_shell": (
        {"action": {"type": "exec", "command": ["ls"], "env": {}}},
        {"id": "call_1", "output": "file.txt"},
        {"command": ["ls"], "env": {}},
        "file.txt",
    ),
    "shell": (
        {"action": {"commands": ["ls", "pwd"], "timeout_ms": 5}},
        {
            "call_id": "call_1",
            "output": [
                {"stdout": "file.txt\n", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}},
                {"stdout": "", "stderr": "no", "outcome": {"type": "timeout"}},
            ],
        },
        {"commands": ["ls", "pwd"], "timeout_ms": 5},
        "file.txt\n[exit code 0]\nno\n[timed out]",
    ),
    "apply_patch": (
        {"operation": {"type": "update_file", "path": "a.py", "diff": "@@"}},
        {"call_id": "call_1", "status": "failed", "output": "no such file"},
        {"type": "update_file", "path": "a.py", "diff": "@@"},
        "no such file",
    ),
    "tool_search": (
        {"execution": "client", "arguments": {"query": "go"}},
        {
            "call_id": "call_1",
            "execution": "client",
            "tools": [{"type": "function", "name": "go", "description": "Goes."}],
        },
        {"query": "go"},
        "go: Goes.",
    ),
}


def functions(body: dict[str, Any]) -> dict[str, Any]:
    """The functions of a Chat body, by name."""
    assert all(tool["type"] == "function" for tool in body["tools"])
    return {tool["function"]["name"]: tool["function"] for tool in body["tools"]}


def anthropic(*tools: Any, messages: Any = None) -> dict[str, Any]:
    said = messages or [{"role": "user", "content": "go"}]
    return {"max_tokens": 100, "messages": said, "tools": list(tools)}


def responses(*tools: Any, items: Any = ()) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": "go"}, *items], "tools": list(tools)}


@pytest.mark.parametrize("name", BY_ANTHROPIC)
def test_anthropics_tools_are_functions_with_their_documented_parameters(name: str) -> None:
    tool, members = BY_ANTHROPIC[name]
    body = anthropic(tool)
    assert dropped(ANTHROPIC, CHAT, body) == []
    function = functions(sent(ANTHROPIC, CHAT, body))[name]
    assert members <= function["parameters"]["properties"].keys()
    assert function["description"]
    assert FORMATS[ANTHROPIC].write_request(
        FORMATS[ANTHROPIC].read_request({"model": "m", **body})
    )["tools"] == [tool]


@pytest.mark.parametrize("target", [CHAT, RESPONSES, GEMINI, "ollama"])
def test_a_call_of_anthropics_tool_comes_back_and_stays_in_the_history(target: str) -> None:
    tool, _ = BY_ANTHROPIC["bash"]
    call = {"type": "tool_use", "id": "t1", "name": "bash", "input": {"command": "ls"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "file.txt"}
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]
    written = json.dumps(sent(ANTHROPIC, target, anthropic(tool, messages=messages)))
    assert '"bash"' in written and "file.txt" in written
    read = answered(
        ANTHROPIC, CHAT, anthropic(tool), chat_answer(("t2", "bash", {"command": "pwd"}))
    )
    assert read["content"] == [{**call, "id": "t2", "input": {"command": "pwd"}}]


def test_the_tools_of_a_set_are_functions_and_their_calls_name_the_set() -> None:
    toolset = {"type": "computer_toolset_20260801", "configs": {"zoom": {"enabled": False}}}
    body = anthropic(toolset, {"name": "wait", "input_schema": {"type": "object"}})
    offered = functions(sent(ANTHROPIC, CHAT, body))
    assert {"left_click", "type", "computer__wait", "wait"} <= offered.keys()
    assert "zoom" not in offered
    read = FORMATS[ANTHROPIC].read_request({"model": "m", **body})
    assert FORMATS[ANTHROPIC].write_request(read) == {"model": "m", **body}
    call = {"type": "tool_use", "id": "t1", "name": "wait", "input": {"duration": 1}}
    history = [{"role": "user", "content": "go"}]
    history.append({"role": "assistant", "content": [{**call, "toolset_name": "computer"}]})  # type: ignore[dict-item]
    told = sent(ANTHROPIC, CHAT, {**body, "messages": history})["messages"][1]
    assert told["tool_calls"][0]["function"]["name"] == "computer__wait"


def test_two_sets_that_share_names_are_told_apart() -> None:
    body = anthropic({"type": "computer_toolset_20260801"}, {"type": "browser_toolset_20260801"})
    offered = functions(sent(ANTHROPIC, CHAT, body))
    assert {"computer__left_click", "browser__left_click", "navigate", "find"} <= offered.keys()
    read = FORMATS[ANTHROPIC].read_request({"model": "m", **body})
    assert FORMATS[ANTHROPIC].write_request(read) == {"model": "m", **body}
    stage = ToolsetCalls(read.tools)
    call = ToolCall(id="1", name="browser__left_click")
    (event,) = stage.feed([PartStart(0, call)])
    assert isinstance(event, PartStart)
    block = write_block(event.part)
    assert block is not None
    assert (block["name"], block["toolset_name"]) == ("left_click", "browser")


@pytest.mark.parametrize("target", [CHAT, ANTHROPIC, GEMINI, "ollama"])
@pytest.mark.parametrize("name", BY_OPENAI)
def test_openais_tools_are_functions_with_their_documented_parameters(
    name: str, target: str
) -> None:
    tool, members = BY_OPENAI[name]
    body = responses(tool)
    assert dropped(RESPONSES, target, body) == []
    assert f'"{name}"' in json.dumps(sent(RESPONSES, target, body)["tools"])
    function = functions(sent(RESPONSES, CHAT, body))[name]
    assert members <= function["parameters"]["properties"].keys()


@pytest.mark.parametrize("name", HISTORY)
def test_calls_and_results_of_openais_tools_stay_in_the_history(name: str) -> None:
    call, output, arguments, words = HISTORY[name]
    kind = f"{name}_call"
    items = (
        {"type": kind, "call_id": "call_1", "status": "completed", **call},
        {"type": "tool_search_output" if name == "tool_search" else f"{kind}_output", **output},
        {"role": "user", "content": "what was there?"},
    )
    body = responses(BY_OPENAI[name][0], items=items)
    assert "provider-blocks" not in dropped(RESPONSES, CHAT, body)
    _, called, result, asked = sent(RESPONSES, CHAT, body)["messages"]
    (made,) = called["tool_calls"]
    assert made["function"]["name"] == name
    assert json.loads(made["function"]["arguments"]) == arguments
    assert (result["tool_call_id"], result["content"]) == (made["id"], words)
    assert asked["content"] == "what was there?"
    whole = {"model": "m", **body}
    assert FORMATS[RESPONSES].write_request(FORMATS[RESPONSES].read_request(whole)) == whole


CALLED = {
    "local_shell": (
        {"command": "ls", "working_directory": "/"},
        {
            "action": {
                "type": "exec",
                "command": ["bash", "-lc", "ls"],
                "env": {},
                "working_directory": "/",
            }
        },
    ),
    "shell": (
        {"commands": ["ls"]},
        {
            "action": {"commands": ["ls"], "timeout_ms": None, "max_output_length": None},
            "environment": None,
        },
    ),
    "apply_patch": (
        {"type": "delete_file", "path": "a"},
        {"operation": {"type": "delete_file", "path": "a"}},
    ),
    "computer": (
        {"actions": [{"type": "wait"}]},
        {"actions": [{"type": "wait"}], "pending_safety_checks": []},
    ),
    "tool_search": ({"query": "go"}, {"execution": "client", "arguments": {"query": "go"}}),
}


@pytest.mark.parametrize("name", CALLED)
def test_calls_come_back_as_the_clients_own_kind(name: str) -> None:
    arguments, members = CALLED[name]
    body = responses(BY_OPENAI[name][0])
    answer = chat_answer(("call_7", name, arguments))
    item = {"type": f"{name}_call", "call_id": "call_7", "status": "completed", **members}
    (read,) = answered(RESPONSES, CHAT, body, answer)["output"]
    assert {k: v for k, v in read.items() if k != "id"} == item
    events = answered(RESPONSES, CHAT, body, answer, streams=True)
    told = {e["type"]: e["item"] for e in events if "output_item" in e["type"]}
    assert told["response.output_item.added"] == {**read, "status": "in_progress"}
    assert told["response.output_item.done"] == read
    assert events[-1]["response"]["output"] == [read]


def test_a_search_or_shell_that_runs_at_openai_is_no_function() -> None:
    hosted = ({"type": "tool_search"}, {"type": "shell", "environment": {"type": "container_auto"}})
    assert dropped(RESPONSES, CHAT, responses(*hosted)) == ["server-tools"]
    assert "tools" not in sent(RESPONSES, CHAT, responses(*hosted))


def test_a_chosen_tool_of_openais_own_type_is_chosen_elsewhere() -> None:
    body = {**responses({"type": "shell"}), "tool_choice": {"type": "shell"}}
    chosen = {"type": "function", "function": {"name": "shell"}}
    assert sent(RESPONSES, CHAT, body)["tool_choice"] == chosen


def test_geminis_computer_use_is_its_predefined_functions() -> None:
    use = {"environment": "ENVIRONMENT_BROWSER", "excludedPredefinedFunctions": ["search"]}
    contents = [{"role": "user", "parts": [{"text": "go"}]}]
    body = {"contents": contents, "tools": [{"computerUse": use}]}
    assert dropped(GEMINI, CHAT, body) == []
    offered = functions(sent(GEMINI, CHAT, body))
    assert {"click_at", "navigate", "type_text_at"} <= offered.keys()
    assert "search" not in offered
    read = FORMATS[GEMINI].read_request(body)
    assert FORMATS[GEMINI].write_request(read)["tools"] == body["tools"]


WORD = st.text(max_size=12)
NUMBER = st.none() | st.integers(0, 10**6)
ACTIONS = {
    "local_shell": st.fixed_dictionaries(
        {
            "type": st.just("exec"),
            "command": st.lists(WORD, min_size=1),
            "env": st.dictionaries(WORD, WORD),
        },
        optional={"working_directory": WORD, "timeout_ms": st.integers(0, 10**6), "user": WORD},
    ),
    "shell": st.fixed_dictionaries(
        {
            "commands": st.lists(WORD, min_size=1),
            "timeout_ms": NUMBER,
            "max_output_length": NUMBER,
        }
    ),
    "apply_patch": st.fixed_dictionaries(
        {"type": st.sampled_from(["create_file", "update_file"]), "path": WORD, "diff": WORD}
    ),
    "tool_search": st.dictionaries(WORD, WORD | st.integers(-(2**53), 2**53)),
}
MEMBERS = {"apply_patch": "operation", "tool_search": "arguments"}


@pytest.mark.parametrize("name", ACTIONS)
@given(data=st.data())
def test_a_call_that_another_model_repeats_is_the_same_call(name: str, data: Any) -> None:
    """What a model is shown of a call, and writes again, comes back as the item it was."""
    asked = data.draw(ACTIONS[name])
    member = MEMBERS.get(name, "action")
    item = {"type": f"{name}_call", "call_id": "call_1", "status": "completed", member: asked}
    if name == "tool_search":
        item["execution"] = "client"
    tool = BY_OPENAI[name][0]
    _, called, *_ = sent(RESPONSES, CHAT, responses(tool, items=(item,)))["messages"]
    (call,) = called["tool_calls"]
    answer = chat_answer(("call_1", name, json.loads(call["function"]["arguments"])))
    (read,) = answered(RESPONSES, CHAT, responses(tool), answer)["output"]
    assert {k: read[k] for k in item} == item


ANSWERS: dict[str, Any] = {
    ANTHROPIC: {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [
            {"type": "tool_use", "id": "c7", "name": "shell", "input": {"commands": ["ls"]}}
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
    GEMINI: {
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [{"functionCall": {"name": "shell", "args": {"commands": ["ls"]}}}],
                },
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1},
    },
    "ollama": {
        "model": "m",
        "message": {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "shell", "arguments": {"commands": ["ls"]}}}],
        },
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 1,
        "eval_count": 1,
    },
}


@pytest.mark.parametrize("target", ANSWERS)
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
def test_whoever_makes_a_call_it_is_the_clients_kind(target: str, streams: bool) -> None:
    read = answered(RESPONSES, target, responses({"type": "shell"}), ANSWERS[target], streams)
    response = read[-1]["response"] if streams else read
    (item,) = (one for one in response["output"] if one["type"] != "reasoning")
    assert (item["type"], item["action"]["commands"]) == ("shell_call", ["ls"])
    assert item["call_id"]


def test_a_screenshot_is_an_image_of_the_result() -> None:
    shot = {"type": "computer_screenshot", "image_url": "data:image/png;base64,AAAA"}
    items = (
        {"type": "computer_call", "call_id": "c1", "actions": [{"type": "screenshot"}]},
        {"type": "computer_call_output", "call_id": "c1", "output": shot},
    )
    body = responses({"type": "computer"}, items=items)
    results = sent(RESPONSES, ANTHROPIC, body)["messages"][-1]["content"]
    assert results[0]["content"][0]["source"]["data"] == "AAAA"
    assert "AAAA" in json.dumps(sent(RESPONSES, CHAT, body)["messages"])
