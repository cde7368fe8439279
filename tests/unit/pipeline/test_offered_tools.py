"""Searches, shells and calls in the text, as each provider and client knows them."""

import json
from typing import Any

import pytest

from tests.support.runtime import CONFIG
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import running
from tests.unit.pipeline.first_attempts import body_of
from tests.unit.pipeline.first_attempts import openai
from tests.unit.pipeline.first_attempts import sent

SEARCH = {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}


def test_a_search_is_asked_of_a_provider_that_has_one_and_told_of_one_that_has_none() -> None:
    said = {"max_tokens": 9, "messages": [{"role": "user", "content": "x"}], **SEARCH}
    request, exchange = sent(openai(), "anthropic", "openai/gpt-5", **said)
    assert body_of(request)["tools"] == [{"type": "web_search"}]
    assert (running(exchange).dropped, running(exchange).served) == ((), True)
    router = make_runtime("providers: [{preset: openrouter}]\n", OPENROUTER_API_KEY="k")
    chat = {"tools": [{"type": "web_search"}], "input": "x"}
    gemini = {"contents": [{"parts": [{"text": "x"}]}], "tools": [{"googleSearch": {}}]}
    request, exchange = sent(router, "gemini", "openrouter/m", **gemini)
    assert body_of(request)["tools"] == [{"type": "openrouter:web_search"}]
    local = make_runtime("providers: [{preset: lmstudio}]\n")
    request, exchange = sent(local, "openai-responses", "lmstudio/m", **chat)
    assert "tools" not in body_of(request)
    assert running(exchange).dropped == ("server-tools",)


def test_what_a_search_did_is_shown_as_the_client_knows_it() -> None:
    runtime = make_runtime(CONFIG)
    pipeline = Pipeline(runtime)
    said = {"max_tokens": 9, "messages": [{"role": "user", "content": "x"}], **SEARCH}
    flow = call_flow(runtime, "anthropic", "google/g", **said)
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert body_of(attempt.request)["tools"] == [{"googleSearch": {}}]
    found = {"webSearchQueries": ["tides"], "groundingChunks": [{"web": {"uri": "https://a.test"}}]}
    content = {"role": "model", "parts": [{"text": "High."}]}
    candidate = {"content": content, "finishReason": "STOP", "groundingMetadata": found}
    pipeline.answer(attempt, {"candidates": [candidate]})
    assert attempt.receiver is not None
    told = json.loads(attempt.receiver.head().content or b"{}")
    kinds = [block["type"] for block in told["content"]]
    assert kinds == ["text", "server_tool_use", "web_search_tool_result"]


SHELL = {
    "tools": [{"type": "local_shell"}],
    "input": [
        {"role": "user", "content": "x"},
        {
            "type": "local_shell_call",
            "call_id": "ls1",
            "status": "completed",
            "action": {"type": "exec", "command": ["ls"], "env": {}},
        },
        {"type": "local_shell_call_output", "id": "ls1", "output": "file.txt"},
    ],
}


def test_a_shell_of_the_client_is_called_as_the_client_declared_it() -> None:
    runtime = make_runtime(CONFIG)
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-responses", "chat/m", **SHELL)
    exchange = pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert running(exchange).dropped == ()
    assert [m["content"] for m in body_of(attempt.request)["messages"]] == ["x", None, "file.txt"]
    call = {"id": "ls1", "type": "function"}
    call["function"] = {"name": "local_shell", "arguments": '{"command":["pwd"]}'}  # type: ignore[assignment]
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    pipeline.answer(attempt, {"id": "c", "object": "chat.completion", "choices": [choice]})
    assert attempt.receiver is not None
    (item,) = json.loads(attempt.receiver.head().content or b"{}")["output"]
    assert item["type"] == "local_shell_call"
    assert item["call_id"] != "ls1"
    assert item["action"] == {"type": "exec", "command": ["pwd"], "env": {}}


def test_a_provider_that_knows_functions_alone_is_offered_functions_alone() -> None:
    runtime = make_runtime(
        """
        providers:
          - name: p
            format: anthropic
            base-url: https://p.example
            api-key: k
            profile: {typed-tools: false, server-tools: none}
        """
    )
    bash = {"type": "bash_20250124", "name": "bash"}
    said = {"max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    tools = [*SEARCH["tools"], bash]
    request, exchange = sent(runtime, "anthropic", "p/m", **said, tools=tools)
    (tool,) = body_of(request)["tools"]
    assert (tool["name"], running(exchange).dropped) == ("bash", ("server-tools",))
    assert "command" in tool["input_schema"]["properties"]
    chosen = {"type": "tool", "name": "bash"}
    request, _ = sent(runtime, "anthropic", "p/m", **said, tools=tools, tool_choice=chosen)
    assert body_of(request)["tool_choice"] == chosen
    choice = {"type": "tool", "name": "web_search"}
    request, _ = sent(runtime, "anthropic", "p/m", **said, **SEARCH, tool_choice=choice)
    assert body_of(request).keys().isdisjoint({"tools", "tool_choice"})


def test_a_search_goes_to_google_in_the_format_that_has_one() -> None:
    runtime = make_runtime("providers: [{preset: gemini}]\n", GEMINI_API_KEY="k")
    said = {"max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    request, exchange = sent(runtime, "anthropic", "gemini/gemini-3-pro", **said, **SEARCH)
    assert body_of(request)["tools"] == [{"googleSearch": {}}]
    assert (running(exchange).dropped, request.path.startswith("/v1beta/models/")) == ((), True)
    request, _ = sent(runtime, "anthropic", "gemini/gemini-3-pro", **said)
    assert request.path == "/v1beta/openai/chat/completions"


LOCAL = """
    providers:
      - name: local
        base-url: http://local.example/v1
        profile: {tool-calls-as-text: true, thinking-tag: think, thinking-opened: true}
        models: [m]
"""
LOOK = {"tools": [{"name": "look", "input_schema": {"type": "object", "properties": {}}}]}


@pytest.mark.parametrize(("more", "kinds"), [(LOOK, ["thinking", "tool_use"]),
                                             ({}, ["thinking", "text"])])  # fmt: skip
def test_calls_in_the_text_are_calls_where_tools_were_offered(more: Any, kinds: list[str]) -> None:
    runtime = make_runtime(LOCAL)
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "anthropic", "local/m", **more)
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    said = 'Hm.\n</think>\n\n<tool_call>{"name": "look", "arguments": {}}</tool_call>'
    message = {"role": "assistant", "content": said}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    pipeline.answer(attempt, {"id": "c", "object": "chat.completion", "choices": [choice]})
    assert attempt.receiver is not None
    told = json.loads(attempt.receiver.head().content or b"{}")
    assert [block["type"] for block in told["content"]] == kinds
    assert told["stop_reason"] == ("tool_use" if more else "end_turn")
