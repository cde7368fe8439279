"""Words are never dropped with their block: what a model should read of a block that only its own
provider knows reaches every other one as text, and changes of the tools are made to the tools."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.registry import FORMATS
from tests.unit.wire.crossing import dropped
from tests.unit.wire.crossing import sent

CHAT, RESPONSES, ANTHROPIC, GEMINI = "openai-chat", "openai-responses", "anthropic", "gemini"
USE = {"type": "tool_use", "id": "t1", "name": "ToolSearch", "input": {"q": "go"}}
SCHEMA = {"type": "object"}


def anthropic(*assistant: Any, result: Any = None, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "x"}]
    messages.append({"role": "assistant", "content": list(assistant)})  # type: ignore[dict-item]
    after: Any = "go on"
    if result is not None:
        after = [{"type": "tool_result", "tool_use_id": "t1", "content": result}]
    messages.append({"role": "user", "content": after})
    tools = [{"name": "ToolSearch", "input_schema": SCHEMA}]
    return {"max_tokens": 9, "messages": messages, "tools": tools, **more}


def responses(*items: Any) -> dict[str, Any]:
    user = {"role": "user", "content": "x"}
    return {"input": [user, *items, {"role": "user", "content": "go on"}]}


def gemini(*parts: Any) -> dict[str, Any]:
    said = [{"role": "user", "parts": [{"text": "x"}]}, {"role": "model", "parts": list(parts)}]
    return {"contents": [*said, {"role": "user", "parts": [{"text": "go on"}]}]}


RESULT = {"type": "web_search_result", "url": "https://a.test/", "title": "A", "page_age": None}
CODE = {"type": "bash_code_execution_result", "stdout": "42", "stderr": "odd", "return_code": 0}
BLOCKS: list[tuple[str, dict[str, Any], list[str]]] = [
    (
        ANTHROPIC,
        anthropic(
            {
                "type": "server_tool_use",
                "id": "srvtoolu_1",
                "name": "web_search",
                "input": {"query": "tides"},
            },
            {
                "type": "web_search_tool_result",
                "tool_use_id": "srvtoolu_1",
                "content": [{**RESULT, "encrypted_content": "Eo8BCioIAhgB"}],
            },
            {"type": "text", "text": "High."},
        ),
        ["tides", "https://a.test/", "High."],
    ),
    (
        ANTHROPIC,
        anthropic(
            {
                "type": "bash_code_execution_tool_result",
                "tool_use_id": "srvtoolu_1",
                "content": {**CODE, "content": []},
            }
        ),
        ["42", "odd"],
    ),
    (
        ANTHROPIC,
        anthropic(
            {
                "type": "mcp_tool_use",
                "id": "m",
                "name": "ask",
                "server_name": "s",
                "input": {"q": 1},
            },
            {
                "type": "mcp_tool_result",
                "tool_use_id": "m",
                "content": [{"type": "text", "text": "answer words"}],
            },
        ),
        ["ask", "answer words"],
    ),
    (
        ANTHROPIC,
        anthropic(
            {
                "type": "web_fetch_tool_result",
                "tool_use_id": "srvtoolu_1",
                "content": {
                    "type": "web_fetch_result",
                    "url": "https://a.test/",
                    "content": {
                        "type": "document",
                        "source": {
                            "type": "text",
                            "media_type": "text/plain",
                            "data": "page words",
                        },
                    },
                },
            }
        ),
        ["https://a.test/", "page words"],
    ),
    (
        ANTHROPIC,
        anthropic({"type": "brand_new", "id": "b_1", "novelty": "new words"}),
        ["new words"],
    ),
    (
        RESPONSES,
        responses(
            {
                "type": "web_search_call",
                "id": "ws_1",
                "status": "completed",
                "action": {
                    "type": "search",
                    "query": "tides",
                    "sources": [{"type": "url", "url": "https://a.test/"}],
                },
            }
        ),
        ["tides", "https://a.test/"],
    ),
    (
        RESPONSES,
        responses(
            {
                "type": "code_interpreter_call",
                "id": "ci_1",
                "code": "print(6*7)",
                "container_id": "cntr_1",
                "outputs": [{"type": "logs", "logs": "the logs"}],
                "status": "completed",
            }
        ),
        ["print(6*7)", "the logs"],
    ),
    (
        RESPONSES,
        responses(
            {
                "type": "file_search_call",
                "id": "fs_1",
                "queries": ["tides"],
                "results": [{"file_id": "f", "filename": "a.md", "text": "found words"}],
            }
        ),
        ["tides", "a.md", "found words"],
    ),
    (
        RESPONSES,
        responses(
            {
                "type": "mcp_call",
                "id": "m",
                "name": "ask",
                "arguments": "{}",
                "output": "said words",
            }
        ),
        ["ask", "said words"],
    ),
    (RESPONSES, responses({"type": "brand_new", "id": "b_1", "text": "new words"}), ["new words"]),
    (
        RESPONSES,
        responses({"role": "user", "content": [{"type": "input_odd", "text": "odd words"}]}),
        ["odd words"],
    ),
    (
        GEMINI,
        gemini(
            {"executableCode": {"language": "PYTHON", "code": "print(6*7)"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "42 it is"}},
        ),
        ["print(6*7)", "42 it is"],
    ),
    (GEMINI, gemini({"brandNew": {"id": "b", "novelty": "new words"}}), ["new words"]),
    (
        CHAT,
        {"messages": [{"role": "user", "content": [{"type": "odd", "text": "odd words"}]}]},
        ["odd words"],
    ),
]


@pytest.mark.parametrize("target", sorted(FORMATS))
@pytest.mark.parametrize(("client", "body", "words"), BLOCKS)
def test_the_words_of_a_block_reach_everybody(
    client: str, body: dict[str, Any], words: list[str], target: str
) -> None:
    whole = json.dumps(body)
    written = json.dumps(sent(client, target, body))
    for said in words:
        assert json.dumps(said)[1:-1] in written or target == client
    assert "Eo8BCioIAhgB" not in written or target == client
    assert json.dumps(body) == whole
    if target != client:
        assert "provider-blocks" not in dropped(client, target, body)
        assert "provider-blocks-as-text" in dropped(client, target, body)


@pytest.mark.parametrize("target", [CHAT, RESPONSES, GEMINI, "ollama"])
def test_a_result_that_refers_to_tools_names_them(target: str) -> None:
    found = [{"type": "tool_reference", "tool_name": "mcp__x__go"}]
    deferred = {"name": "mcp__x__go", "defer_loading": True, "input_schema": SCHEMA}
    body = anthropic(USE, result=found)
    body["tools"].append(deferred)
    written = sent(ANTHROPIC, target, body)
    without = sent(ANTHROPIC, target, {**body, "tools": body["tools"][:1]})
    assert "mcp__x__go" in json.dumps(without)
    assert json.dumps(written["tools"]).count("mcp__x__go") >= 1


def test_what_stands_apart_is_set_apart_in_one_text() -> None:
    found = {"type": "search_result", "title": "T", "source": "s", "content": []}
    before, after = {"type": "text", "text": "Before."}, {"type": "text", "text": "After."}
    said = sent(ANTHROPIC, CHAT, anthropic(before, found, after))["messages"][1]
    assert said["content"] == "Before.\n\nT\ns\n\nAfter."


def named(tools: list[dict[str, Any]]) -> list[str]:
    return [tool["function"]["name"] for tool in tools]


def changed(*blocks: Any) -> dict[str, Any]:
    tools = [{"name": n, "input_schema": SCHEMA} for n in ("a", "b")]
    messages = [{"role": "user", "content": "x"}, {"role": "system", "content": list(blocks)}]
    return {"max_tokens": 9, "messages": messages, "tools": tools}


def change(kind: str, name: str) -> dict[str, Any]:
    return {"type": kind, "tool": {"type": "tool_reference", "name": name}}


def test_tools_that_are_added_are_offered_and_withdrawn_ones_are_not() -> None:
    definition = {"name": "c", "description": "New.", "input_schema": SCHEMA}
    added = {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": definition}}
    body = changed(change("tool_removal", "a"), added, {"type": "text", "text": "Use c."})
    written = sent(ANTHROPIC, CHAT, body)
    assert named(written["tools"]) == ["b", "c"]
    assert written["messages"][-1] == {"role": "system", "content": "Use c."}
    assert dropped(ANTHROPIC, CHAT, body) == []
    whole = {"model": "m", **body}
    assert FORMATS[ANTHROPIC].write_request(FORMATS[ANTHROPIC].read_request(whole)) == whole


CHANGES = st.lists(
    st.tuples(st.sampled_from(["tool_addition", "tool_removal"]), st.sampled_from("ab"))
)


@given(CHANGES)
def test_the_last_change_of_a_tool_counts(changes: list[tuple[str, str]]) -> None:
    body = changed(*(change(kind, name) for kind, name in changes))
    last = {name: kind for kind, name in changes}
    kept = [name for name in "ab" if last.get(name) != "tool_removal"]
    assert named(sent(ANTHROPIC, CHAT, body).get("tools", [])) == kept


def test_a_block_that_holds_an_instruction_is_one_everywhere() -> None:
    text = {"type": "text", "text": "Use b alone."}
    block = {"type": "mid_conv_system", "content": [change("tool_removal", "a"), text]}
    written = sent(ANTHROPIC, CHAT, changed(block))
    assert written["messages"][-1] == {"role": "system", "content": "Use b alone."}
    assert named(written["tools"]) == ["b"]
    assert dropped(ANTHROPIC, CHAT, changed(block)) == []
    user = {"role": "user", "content": [{"type": "text", "text": "x"}, block]}
    body = {**changed(), "messages": [user]}
    (message,) = sent(ANTHROPIC, CHAT, body)["messages"]
    assert message["content"] == "x\n\n<system-reminder>\nUse b alone.\n</system-reminder>"
    assert FORMATS[ANTHROPIC].write_request(
        FORMATS[ANTHROPIC].read_request({"model": "m", **body})
    ) == {"model": "m", **body}
