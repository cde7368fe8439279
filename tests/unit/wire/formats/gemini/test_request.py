"""Requests of the Gemini API: read, written, and carried over from other formats."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.formats.gemini import Gemini
from switchyard.wire.formats.gemini.names import NO_SIGNATURE
from switchyard.wire.formats.gemini.tools import with_openapi_schemas
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Output
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.registry import FORMATS
from switchyard.wire.shared.call_ids import is_made_up
from tests.unit.wire import laws

GEMINI = Gemini()

USER = {"role": "user", "parts": [{"text": "Hi"}]}


def body(*contents: Any, **members: Any) -> dict[str, Any]:
    return {"contents": list(contents or (USER,)), **members}


def read(*contents: Any, **members: Any) -> Conversation:
    """Read, after seeing that nothing is lost."""
    said = body(*contents, **members)
    laws.request_identity(GEMINI, said)
    return GEMINI.read_request(said)


def foreign(*turns: Turn, **members: Any) -> Conversation:
    return Conversation(format="openai-chat", model="m", turns=turns, **members)


def write(*turns: Turn, **members: Any) -> dict[str, Any]:
    return GEMINI.write_request(foreign(*turns, **members))


def user(*parts: Any) -> Turn:
    return Turn(role="user", parts=parts)


def assistant(*parts: Any) -> Turn:
    return Turn(role="assistant", parts=parts)


HI = user(Text(text="Hi"))


def test_system_instruction_and_roles():
    c = read(
        USER,
        {"role": "model", "parts": [{"text": "Hello"}, {"text": " there"}]},
        {"parts": [{"text": "no role"}]},
        {"role": None, "parts": [{"text": "null role"}]},
        {"role": "user"},
        systemInstruction={"role": "user", "parts": [{"text": "Be"}, {"text": "kind"}]},
    )
    roles = [turn.role for turn in c.turns]
    assert roles == ["system", "user", "assistant", "user", "user", "user"]
    assert [part.text for part in c.turns[0].parts if isinstance(part, Text)] == ["Be", "kind"]


def test_shorthands_of_the_sdk():
    c = read("Hi", systemInstruction="Be kind")
    assert c.turns[0].parts == (Text(text="Be kind"),)
    assert c.turns[1].parts == (Text(text="Hi"),)
    assert GEMINI.read_request({"contents": "Hi"}).turns[0].parts == (Text(text="Hi"),)
    assert GEMINI.read_request({"contents": USER}).turns[0].parts == (Text(text="Hi"),)


def test_model_and_stream_wish_are_members():
    c = read(model="gemini-x", stream=True)
    assert (c.model, c.stream) == ("gemini-x", True)
    assert GEMINI.read_request(body(model="models/gemini-x")).model == "gemini-x"


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"contents": None}, "contents"),
        ({"contents": [3]}, "contents[0]"),
        ({"contents": [{"role": "robot", "parts": []}]}, "contents[0].role"),
        ({"contents": [{"role": 3, "parts": []}]}, "contents[0].role"),
        ({"contents": [{"parts": 3}]}, "contents[0].parts"),
        ({"contents": [{"parts": [USER, 3]}]}, "contents[0].parts[1]"),
        ({"contents": [USER], "systemInstruction": 3}, "systemInstruction"),
    ],
)
def test_what_is_certainly_wrong(members: dict[str, Any], param: str):
    with pytest.raises(BadRequest) as caught:
        GEMINI.read_request(members)
    assert caught.value.param == param


def test_media():
    c = read(
        {
            "role": "user",
            "parts": [
                {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                {"inlineData": {"mimeType": "application/pdf", "data": "BBBB", "displayName": "d"}},
                {"inlineData": {"mimeType": "text/plain", "data": "aGk="}},
                {"inlineData": {"mimeType": "text/plain", "data": "/w=="}},
                {"fileData": {"fileUri": "https://x.example/a.mp3", "mimeType": "audio/mpeg"}},
                {"fileData": {"fileUri": "https://x.example/a.png"}},
                {"fileData": {"fileUri": "https://youtu.be/x"}, "videoMetadata": {"fps": 1}},
                {"fileData": {"fileUri": "gs://bucket/v.mp4", "mimeType": "video/mp4"}},
                {
                    "fileData": {
                        "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc",
                        "mimeType": "image/jpeg",
                    }
                },
            ],
        }
    )
    image, pdf, text, broken, mp3, png, tube, stored, uploaded = c.turns[0].parts
    assert isinstance(image, Media) and (image.kind, image.data) == ("image", "AAAA")
    assert isinstance(pdf, Media) and (pdf.kind, pdf.name) == ("document", "d")
    assert isinstance(text, Media) and (text.text, text.data) == ("hi", None)
    assert isinstance(broken, Media) and (broken.text, broken.data) == (None, "/w==")
    assert isinstance(mp3, Media) and (mp3.kind, mp3.url) == ("audio", "https://x.example/a.mp3")
    assert isinstance(png, Media) and png.kind == "image"
    assert isinstance(tube, Media) and tube.kind == "video"
    assert isinstance(stored, Media) and (stored.kind, stored.url) == ("video", None)
    assert isinstance(uploaded, Media) and uploaded.file_id and uploaded.kind == "image"


def test_foreign_media():
    written = write(
        user(
            Media(kind="image", url="https://x.example/photo"),
            Media(kind="image", url="https://x.example/a.webp?w=1"),
            Media(kind="image", data="AAAA"),
            Media(kind="document", text="words"),
            Media(kind="document", file_id="file-123"),
        )
    )
    assert written["contents"] == [
        {
            "role": "user",
            "parts": [
                {"fileData": {"fileUri": "https://x.example/photo", "mimeType": "image/jpeg"}},
                {"fileData": {"fileUri": "https://x.example/a.webp?w=1", "mimeType": "image/webp"}},
                {"inlineData": {"mimeType": "image/jpeg", "data": "AAAA"}},
                {"inlineData": {"mimeType": "text/plain", "data": "d29yZHM="}},
            ],
        }
    ]


def test_pieces_only_gemini_knows():
    raw = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "AAAA"}
    server = {"toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "id": "1"}}
    meta = {"videoMetadata": {"startOffset": "2s"}}
    c = read({"role": "model", "parts": [raw, server, meta]})
    kinds = [part.kind for part in c.turns[0].parts if isinstance(part, Opaque)]
    assert kinds == ["executableCode", "toolCall", "videoMetadata"]
    parts = (*c.turns[0].parts, Opaque(format="anthropic", kind="x", raw={}, text="in words"))
    written = GEMINI.write_request(foreign(assistant(*parts)))
    assert written["contents"][0]["parts"] == [raw, server, meta, {"text": "in words"}]


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


def test_system_messages_are_hoisted_in_order_unless_they_came_later():
    written = write(
        Turn(role="system", parts=(Text(text="one"),)),
        Turn(role="developer", parts=(Text(text="two"), Text(text=""))),
        HI,
        Turn(role="developer", parts=(Text(text="three"), Text(text=""))),
        user(Text(text="Go")),
    )
    assert written["systemInstruction"] == {"parts": [{"text": "one"}, {"text": "two"}]}
    later = {"text": "<system-reminder>\nthree\n</system-reminder>"}
    said = [{"text": "Hi"}, later, {"text": "Go"}]
    assert written["contents"] == [{"role": "user", "parts": said}]


def test_a_request_without_turns_still_has_contents():
    written = write(Turn(role="system", parts=(Text(text="one"),)))
    assert written["contents"] == [{"role": "user", "parts": [{"text": " "}]}]


def test_thoughts_in_the_history():
    c = read(
        {
            "role": "model",
            "parts": [
                {"text": "hm", "thought": True, "thoughtSignature": "AAAA"},
                {"text": "unsigned", "thought": True},
                {"text": "yes", "thoughtSignature": "BBBB"},
                {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "CCCC"},
                {"functionCall": {"name": "g", "args": {}}, "thoughtSignature": NO_SIGNATURE},
                {"thoughtSignature": "DDDD"},
            ],
        }
    )
    signed, unsigned, text, call, stand_in, loose = c.turns[0].parts
    assert signed == Thinking(text="hm", signature="AAAA", signer="gemini")
    assert unsigned == Thinking(text="unsigned")
    assert isinstance(text, Text) and isinstance(loose, Text)
    assert isinstance(call, ToolCall) and (call.signature, call.signer) == ("CCCC", "gemini")
    assert isinstance(stand_in, ToolCall) and stand_in.signature is None


def test_only_thoughts_that_gemini_signed_go_back_to_it():
    written = write(
        HI,
        assistant(
            Thinking(text="mine", signature="AAAA", signer="gemini"),
            Thinking(text="other", signature="sig", signer="anthropic"),
            Thinking(text="plain"),
            Thinking(signature="BBBB", signer="gemini"),
            ToolCall(id="1", name="f"),
            ToolCall(id="2", name="f", signature="CCCC", signer="gemini"),
            Refusal(text="no"),
            Thinking(redacted="DDDD", signer="gemini"),
        ),
    )
    assert written["contents"][1]["parts"] == [
        {"text": "mine", "thought": True, "thoughtSignature": "AAAA"},
        {"functionCall": {"id": "1", "name": "f", "args": {}}, "thoughtSignature": "BBBB"},
        {"functionCall": {"id": "2", "name": "f", "args": {}}, "thoughtSignature": "CCCC"},
        {"text": "no"},
        {"text": "", "thoughtSignature": "DDDD"},
    ]


def test_generation_config():
    config = {
        "maxOutputTokens": 9,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40.0,
        "seed": 1,
        "presencePenalty": 0.1,
        "frequencyPenalty": -0.2,
        "stopSequences": ["x"],
        "candidateCount": 2,
        "responseLogprobs": True,
        "logprobs": 3,
        "responseModalities": ["TEXT", "IMAGE"],
        "imageConfig": {"aspectRatio": "1:1"},
        "mediaResolution": "MEDIA_RESOLUTION_LOW",
    }
    c = read(generationConfig=config)
    assert (c.max_tokens, c.temperature, c.top_p, c.top_k, c.seed) == (9, 0.5, 0.9, 40, 1)
    assert (c.presence_penalty, c.frequency_penalty, c.stop) == (0.1, -0.2, ("x",))
    assert (c.candidates, c.logprobs, c.top_logprobs) == (2, True, 3)
    assert c.modalities == ("text", "image")
    foreign_config = GEMINI.write_request(replace(c, format="openai-chat"))["generationConfig"]
    unnamed = ("imageConfig", "mediaResolution")
    assert foreign_config == {k: v for k, v in config.items() if k not in unnamed}
    assert read(generationConfig={}).max_tokens is None


def test_everything_unnamed_survives():
    read(
        safetySettings=[{"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_NONE"}],
        cachedContent="cachedContents/x",
        labels={"team": "a", "mime_type": "kept"},
        toolConfig={"retrievalConfig": {"languageCode": "de"}},
        futureMember={"some_thing": 1},
        generationConfig={"responseModalities": ["Text"], "stopSequences": []},
    )


@pytest.mark.parametrize(
    ("thinking", "expected"),
    [
        ({"thinkingBudget": 0}, Reasoning(enabled=False)),
        ({"thinkingBudget": -1}, Reasoning(enabled=True, adaptive=True)),
        ({"thinkingBudget": 512}, Reasoning(enabled=True, budget=512)),
        ({"thinkingLevel": "HIGH"}, Reasoning(enabled=True, effort="high")),
        ({"includeThoughts": True}, Reasoning(enabled=True, summary="auto")),
        ({"includeThoughts": False}, Reasoning()),
    ],
)
def test_thinking_config(thinking: dict[str, Any], expected: Reasoning):
    reasoning = read(generationConfig={"thinkingConfig": thinking}).reasoning
    assert reasoning and replace(reasoning, extra={}) == replace(expected, extra={})


@pytest.mark.parametrize(
    ("reasoning", "thinking"),
    [
        (Reasoning(effort="xhigh"), {"thinkingLevel": "HIGH", "includeThoughts": True}),
        (Reasoning(budget=99, enabled=True), {"thinkingBudget": 99, "includeThoughts": True}),
        (Reasoning(enabled=True, summary="omitted"), {"includeThoughts": False}),
        (Reasoning(effort="none"), {"thinkingBudget": 0}),
        (Reasoning(enabled=False), {"thinkingBudget": 0}),
    ],
)
def test_foreign_reasoning(reasoning: Reasoning, thinking: dict[str, Any]):
    assert write(HI, reasoning=reasoning)["generationConfig"] == {"thinkingConfig": thinking}


def test_response_schemas():
    upper = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}
    lower = {"type": "object", "properties": {"a": {"type": "string"}}}
    for key in ("responseSchema", "responseJsonSchema"):
        c = read(generationConfig={"responseMimeType": "application/json", key: upper})
        assert c.output and (c.output.kind, c.output.schema) == ("json_schema", lower)
    c = read(generationConfig={"responseMimeType": "application/json"})
    assert c.output and c.output.kind == "json_object"
    choice = {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING"}}
    c = read(generationConfig=choice)
    assert c.output and c.output.kind == "text"
    written = write(HI, output=Output(kind="json_schema", name="x", schema=lower, strict=True))
    assert written["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": lower,
    }


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


def test_snake_case_reads_the_same_and_comes_back_as_it_was():
    snake = {
        "contents": [
            {
                "role": "model",
                "parts": [{"function_call": {"name": "f", "args": {"mime_type": 1}}}],
            },
            {
                "role": "user",
                "parts": [
                    {
                        "function_response": {
                            "name": "f",
                            "response": {"file_uri": 2},
                            "parts": [{"inline_data": {"mime_type": "image/png", "data": "AA=="}}],
                        }
                    }
                ],
            },
        ],
        "system_instruction": {"parts": [{"text": "Be"}]},
        "generation_config": {"max_output_tokens": 3, "response_json_schema": {"top_p": 1}},
        "tools": {"function_declarations": [{"name": "f", "parameters_json_schema": {}}]},
        "tool_config": {"function_calling_config": {"mode": "NONE"}},
    }
    laws.request_identity(GEMINI, snake)
    c = GEMINI.read_request(snake)
    call = c.turns[1].parts[0]
    assert isinstance(call, ToolCall) and call.arguments == '{"mime_type":1}'
    assert (c.max_tokens, c.tools[0].name) == (3, "f")
    assert c.tool_choice and c.tool_choice.mode == "none"
    both = {"contents": [USER], "generationConfig": {"topP": 1, "top_p": 2}}
    assert GEMINI.read_request(both).top_p == 1


def test_schemas_for_upstreams_that_know_only_their_own():
    written = write(
        HI,
        tools=(
            Tool(name="f", parameters={"type": "object", "properties": {"a": {"type": "string"}}}),
            Tool(name="g", parameters={"type": "object", "properties": {}}),
        ),
        output=Output(kind="json_schema", schema={"type": ["integer", "null"]}),
    )
    before = repr(written)
    openapi = with_openapi_schemas(written)
    assert repr(written) == before
    f, g = openapi["tools"][0]["functionDeclarations"]
    assert f["parameters"]["type"] == "OBJECT" and "parametersJsonSchema" not in f
    assert g == {"name": "g"}
    assert openapi["generationConfig"]["responseSchema"] == {"type": "INTEGER", "nullable": True}


@pytest.mark.parametrize("target", ["openai-chat", "openai-responses", "anthropic", "ollama"])
def test_bytes_in_the_alphabet_for_urls(target: str):
    """Google's SDK writes bytes so; no other provider takes it."""
    data = base64.b64encode(b"\x89PNG\xff\xfe\xfb\xef").decode()
    spelled = data.replace("+", "-").replace("/", "_").rstrip("=")
    assert spelled != data
    picture = {"inlineData": {"mimeType": "image/png", "data": spelled}}
    c = read({"role": "user", "parts": [picture]})
    written = dumps(FORMATS[target].write_request(c)).decode()
    assert data in written and spelled not in written


def test_a_call_is_never_the_first_content():
    """The API: "function call turn comes immediately after a user turn"."""
    contents = write(assistant(ToolCall(id="c", name="f", arguments="{}")))["contents"]
    assert [content["role"] for content in contents] == ["user", "model"]
    assert [content["role"] for content in write(assistant(Text(text="Hi")))["contents"]] == [
        "model"
    ]


@pytest.mark.parametrize("target", ["openai-chat", "gemini", "ollama"])
def test_no_number_of_log_probabilities_without_a_wish_for_them(target: str):
    """The APIs refuse it."""
    told = FORMATS[target].write_request(
        Conversation(format="openai-responses", model="m", turns=(HI,), top_logprobs=2)
    )
    assert b"logprobs" not in dumps(told)


@pytest.mark.parametrize("target", ["openai-responses", "gemini"])
def test_words_for_an_effort_that_only_one_provider_knows(target: str):
    c = foreign(HI, reasoning=Reasoning(effort="default"))
    assert b"default" not in dumps(FORMATS[target].write_request(c)).lower()
