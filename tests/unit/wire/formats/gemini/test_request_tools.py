from dataclasses import replace
from typing import Any

import pytest

from switchyard.wire.formats.gemini.names import NO_SIGNATURE
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.shared.call_ids import is_made_up
from tests.unit.wire.formats.gemini.request_support import GEMINI
from tests.unit.wire.formats.gemini.request_support import HI
from tests.unit.wire.formats.gemini.request_support import USER
from tests.unit.wire.formats.gemini.request_support import assistant
from tests.unit.wire.formats.gemini.request_support import body
from tests.unit.wire.formats.gemini.request_support import read
from tests.unit.wire.formats.gemini.request_support import user
from tests.unit.wire.formats.gemini.request_support import write


def test_calls_and_responses_pair_by_id():
    c = read(
        USER,
        {
            "role": "model",
            "parts": [{"functionCall": {"id": "a", "name": "f", "args": {"x": 1}}}],
        },
        {
            "role": "user",
            "parts": [{"functionResponse": {"id": "a", "name": "f", "response": {"output": "o"}}}],
        },
    )
    call, result = c.turns[1].parts[0], c.turns[2].parts[0]
    assert isinstance(call, ToolCall) and (call.id, call.arguments) == ("a", '{"x":1}')
    assert isinstance(result, ToolResult)
    assert (result.call_id, result.text, result.is_error) == ("a", "o", None)


def test_calls_without_ids_pair_by_name_and_order():
    def call(name: str) -> dict[str, Any]:
        return {"functionCall": {"name": name}}

    def response(name: str, **more: Any) -> dict[str, Any]:
        return {"functionResponse": {"name": name, "response": {"result": name}, **more}}

    c = read(
        {"role": "model", "parts": [call("f"), call("g"), call("f")]},
        {"role": "function", "parts": [response("f"), response("f"), response("g")]},
        {"role": "model", "parts": [call("g")]},
        {"role": "user", "parts": [response("g", id="client-made")]},
        {"role": "user", "parts": [response("lost")]},
    )
    calls = [part for part in c.parts() if isinstance(part, ToolCall)]
    results = [part for part in c.parts() if isinstance(part, ToolResult)]
    assert all(is_made_up(call.id) for call in calls) and len({c.id for c in calls}) == 4
    answered = [result.call_id for result in results]
    assert answered[:4] == [calls[0].id, calls[2].id, calls[1].id, calls[3].id]
    assert answered[4] not in {call.id for call in calls}
    # As the conversation grows, the ids of what was said before stay.
    longer = GEMINI.read_request(body({"role": "model", "parts": [call("f"), call("g")]}))
    assert [part.id for part in longer.parts() if isinstance(part, ToolCall)] == [
        calls[0].id,
        calls[1].id,
    ]


@pytest.mark.parametrize(
    ("response", "text", "error"),
    [
        ({"output": "o"}, "o", None),
        ({"result": 3}, "3", None),
        ({"output": {"a": 1}}, '{"a":1}', None),
        ({"output": ["a", "b"]}, "a\nb", None),
        ({"output": ["a", 1]}, '["a",1]', None),
        ({"error": "bad"}, "bad", True),
        ({"error": None}, '{"error":null}', None),
        ({"return_value": "x"}, '{"return_value":"x"}', None),
        ({"output": "o", "more": 1}, '{"output":"o","more":1}', None),
        ({}, "", None),
        (None, "", None),
    ],
)
def test_function_responses(response: Any, text: str, error: bool | None):
    raw = {"functionResponse": {"name": "f", "response": response, "scheduling": "SILENT"}}
    result = read({"role": "user", "parts": [raw]}).turns[0].parts[0]
    assert isinstance(result, ToolResult)
    assert (result.text, result.is_error) == (text, error)


def test_media_in_function_responses():
    raw = {
        "functionResponse": {
            "name": "f",
            "response": {"output": "see", "image": {"$ref": "a.png"}},
            "parts": [
                {"inlineData": {"mimeType": "image/png", "data": "AAAA", "displayName": "a.png"}}
            ],
        }
    }
    result = read({"role": "user", "parts": [raw]}).turns[0].parts[0]
    assert isinstance(result, ToolResult) and isinstance(result.parts[1], Media)


def test_foreign_tool_loop():
    turns = (
        HI,
        assistant(
            Text(text=""),
            ToolCall(id="1", name="f", arguments='{"a":1}'),
            ToolCall(id="2", name="g", arguments="{broken"),
            ToolCall(id="3", name="h", arguments="free", kind="custom"),
        ),
        user(ToolResult(call_id="1", parts=(Text(text='{"$ref":"#/x"}'),))),
        user(
            Text(text="and"),
            ToolResult(
                call_id="2",
                parts=(Text(text="a"), Text(text="b"), Media(kind="image", data="AAAA")),
            ),
        ),
        user(ToolResult(call_id="3", parts=(Text(text="no"),), is_error=True)),
        user(ToolResult(call_id="9")),
    )
    contents = write(*turns)["contents"]
    assert [content["role"] for content in contents] == ["user", "model", "user", "user"]
    calls = contents[1]["parts"]
    assert calls[0]["thoughtSignature"] == NO_SIGNATURE
    assert "thoughtSignature" not in calls[1]
    assert [part["functionCall"] for part in calls] == [
        {"id": "1", "name": "f", "args": {"a": 1}},
        {"id": "2", "name": "g", "args": {"arguments": "{broken"}},
        {"id": "3", "name": "h", "args": {"input": "free"}},
    ]
    assert [part["functionResponse"] for part in contents[2]["parts"]] == [
        {"id": "1", "name": "f", "response": {"output": '{"$ref":"#/x"}'}},
        {
            "id": "2",
            "name": "g",
            "response": {"output": ["a", "b"]},
            "parts": [{"inlineData": {"mimeType": "image/jpeg", "data": "AAAA"}}],
        },
        {"id": "3", "name": "h", "response": {"error": "no"}},
        {"id": "9", "name": "tool", "response": {}},
    ]
    assert contents[3]["parts"] == [{"text": "and"}]


def test_tools():
    parameters = {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}}
    c = read(
        tools=[
            {
                "functionDeclarations": [
                    {"name": "f", "description": "", "parameters": parameters, "response": {}},
                    {"name": "g", "parametersJsonSchema": {"type": "object"}, "behavior": "X"},
                ],
                "googleSearch": {},
            },
            {"codeExecution": {}},
            {"functionDeclarations": [{"name": "h", "description": "H"}]},
        ]
    )
    assert [(t.kind, t.name) for t in c.tools] == [
        ("function", "f"),
        ("function", "g"),
        ("server", "googleSearch"),
        ("server", "codeExecution"),
        ("function", "h"),
    ]
    assert c.tools[0].parameters == {
        "type": "object",
        "properties": {"a": {"type": ["string", "null"]}},
    }
    assert c.tools[0].description is None


def test_foreign_tools():
    schema = {"type": "object", "properties": {"x": {"$ref": "#/$defs/X", "title": "t"}}}
    schema["$defs"] = {"X": {"type": "string"}}
    written = write(
        HI,
        tools=(
            Tool(name="f", description="F", parameters=schema, strict=True),
            Tool(name="c", kind="custom", description="C", grammar={"definition": "g"}),
            Tool(name="s", kind="server", format="anthropic", raw={}),
            Tool(name="dup", namespace="a"),
            Tool(name="dup", namespace="b"),
        ),
        tool_choice=ToolChoice(mode="tool", name="f"),
    )
    (group,) = written["tools"]
    f, c, first, second = group["functionDeclarations"]
    assert f["parametersJsonSchema"]["properties"] == {"x": {"type": "string", "title": "t"}}
    assert c["parametersJsonSchema"]["required"] == ["input"] and "g" in c["description"]
    assert (first["name"], second["name"]) == ("a__dup", "b__dup")
    assert written["toolConfig"] == {
        "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}
    }


def test_web_search_is_googles_where_there_are_no_functions():
    assert write(HI, web_search={})["tools"] == [{"googleSearch": {}}]
    with_tool = write(HI, web_search={}, tools=(Tool(name="f"),))["tools"]
    assert len(with_tool) == 1 and "googleSearch" not in with_tool[0]


@pytest.mark.parametrize(
    ("calling", "expected"),
    [
        ({"mode": "AUTO"}, ToolChoice(mode="auto")),
        ({}, ToolChoice(mode="auto")),
        ({"mode": "VALIDATED"}, ToolChoice(mode="auto")),
        ({"mode": "NONE"}, ToolChoice(mode="none")),
        ({"mode": "ANY"}, ToolChoice(mode="required")),
        ({"mode": "ANY", "allowedFunctionNames": []}, ToolChoice(mode="required")),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice(mode="tool", name="f")),
        (
            {
                "mode": "ANY",
                "allowedFunctionNames": ["f", "g"],
                "streamFunctionCallArguments": True,
            },
            ToolChoice(mode="allowed", allowed=("f", "g"), required=True),
        ),
        (
            {"mode": "VALIDATED", "allowedFunctionNames": ["f"]},
            ToolChoice(mode="allowed", allowed=("f",)),
        ),
    ],
)
def test_tool_choice(calling: dict[str, Any], expected: ToolChoice):
    tools = [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}]
    config = {"functionCallingConfig": calling, "includeServerSideToolInvocations": True}
    c = read(tools=tools, toolConfig=config)
    assert c.tool_choice and replace(c.tool_choice, extra={}) == replace(expected, extra={})
    again = GEMINI.read_request(GEMINI.write_request(replace(c, format="openai-chat")))
    assert again.tool_choice and replace(again.tool_choice, extra={}) == replace(expected, extra={})
