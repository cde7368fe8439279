"""What a tool returned reaches the model whole, however a client writes it."""

import json
from typing import Any

import pytest

from switchyard.wire.registry import FORMATS
from tests.unit.wire.crossing import sent

type Json = dict[str, Any]

CALL = {"name": "read", "arguments": "{}"}
ODD: list[Any] = [
    {"rows": [{"n": 1}], "id": "r7"},
    [{"n": 1}, {"n": 2}],
    [1, 2],
    ["said", {"n": 1}],
    7,
    0.5,
    True,
]
TEXTS: list[tuple[Any, str]] = [
    ({"type": "text", "text": "said"}, "said"),
    ([{"type": "text", "text": "said"}], "said"),
    ([{"text": "said"}], "said"),
    ("said", "said"),
    ("", ""),
    ([], ""),
    (None, ""),
]


def history(client: str, result: Any) -> Json:
    """A request whose last message is the result of a call."""
    match client:
        case "openai-chat":
            calls = [{"id": "c1", "type": "function", "function": CALL}]
            return {"messages": [
                {"role": "user", "content": "Go."},
                {"role": "assistant", "tool_calls": calls},
                {"role": "tool", "tool_call_id": "c1", "content": result}]}  # fmt: skip
        case "openai-responses":
            return {"input": [
                {"role": "user", "content": "Go."},
                {"type": "function_call", "call_id": "c1", **CALL},
                {"type": "function_call_output", "call_id": "c1", "output": result}]}  # fmt: skip
        case "anthropic":
            use = {"type": "tool_use", "id": "c1", "name": "read", "input": {}}
            told = {"type": "tool_result", "tool_use_id": "c1", "content": result}
            return {"messages": [
                {"role": "user", "content": "Go."},
                {"role": "assistant", "content": [use]},
                {"role": "user", "content": [told]}]}  # fmt: skip
        case "gemini":
            told = {"functionResponse": {"name": "read", "response": result}}
            return {"contents": [
                {"role": "user", "parts": [{"text": "Go."}]},
                {"role": "model", "parts": [{"functionCall": {"name": "read", "args": {}}}]},
                {"role": "user", "parts": [told]}]}  # fmt: skip
    calls = [{"function": {"name": "read", "arguments": {}}}]
    return {"messages": [
        {"role": "user", "content": "Go."},
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "tool_name": "read", "content": result}]}  # fmt: skip


CLIENTS = ("openai-chat", "openai-responses", "anthropic", "gemini", "ollama")


def told(client: str, result: Any) -> str:
    """The result as another provider is sent it."""
    if client == "ollama":
        return sent(client, "openai-chat", history(client, result))["messages"][-1]["content"]
    return sent(client, "ollama", history(client, result))["messages"][-1]["content"]


@pytest.mark.parametrize("result", ODD, ids=repr)
@pytest.mark.parametrize("client", CLIENTS)
def test_data_is_written_as_json(client: str, result: Any) -> None:
    said = told(client, result)
    if said.startswith("said\n"):
        assert json.loads(said.removeprefix("said\n")) == result[1]
    else:
        assert json.loads(said) == result


@pytest.mark.parametrize(("result", "text"), TEXTS, ids=repr)
@pytest.mark.parametrize("client", CLIENTS[:3])
def test_words_stay_words(client: str, result: Any, text: str) -> None:
    assert told(client, result) == text


@pytest.mark.parametrize("result", [*ODD, "said", "", [], None], ids=repr)
@pytest.mark.parametrize("client", ["anthropic", "openai-responses", "gemini", "ollama"])
def test_the_own_format_gets_it_as_it_was(client: str, result: Any) -> None:
    body = history(client, result)
    written = FORMATS[client].write_request(FORMATS[client].read_request({"model": "m", **body}))
    member = {"gemini": "contents", "openai-responses": "input"}.get(client, "messages")
    assert written[member][-1] == body[member][-1]


@pytest.mark.parametrize("args", ['{"p": 1}', {"p": 1}], ids=["text", "object"])
def test_arguments_that_are_a_text_are_read(args: Any) -> None:
    body = history("gemini", {"output": "x"})
    body["contents"][1]["parts"][0]["functionCall"]["args"] = args
    (call,) = sent("gemini", "openai-chat", body)["messages"][1]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"p": 1}
