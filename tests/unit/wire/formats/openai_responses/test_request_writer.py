"""Requests of other formats, written for the Responses API."""

import pytest

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
from switchyard.wire.registry import FORMATS
from tests.unit.wire.formats.openai_responses.request_support import FORMAT
from tests.unit.wire.formats.openai_responses.request_support import PNG
from tests.unit.wire.formats.openai_responses.request_support import REASONING
from tests.unit.wire.formats.openai_responses.request_support import SCHEMA
from tests.unit.wire.formats.openai_responses.request_support import call
from tests.unit.wire.formats.openai_responses.request_support import message
from tests.unit.wire.formats.openai_responses.request_support import output
from tests.unit.wire.formats.openai_responses.request_support import said


def foreign(*turns, **members):
    members = {"format": "anthropic", "model": "m", **members}
    return FORMAT.write_request(Conversation(turns=turns, **members))


def test_a_system_prompt_becomes_the_instructions():
    written = foreign(said("system", Text(text="Be brief")), said("user", Text(text="hi")))
    assert written["instructions"] == "Be brief"
    assert written["input"] == [message("user", "hi")]
    assert written["store"] is False


def test_a_system_prompt_in_pieces_stays_in_pieces():
    turn = said("system", Text(text="a"), Text(text="b"))
    [item] = foreign(turn)["input"]
    assert item["role"] == "system"
    assert [part["text"] for part in item["content"]] == ["a", "b"]


def test_a_system_prompt_alone_is_the_input():
    assert foreign(said("system", Text(text="a")))["input"] == [message("system", "a")]


def test_a_later_system_message_stays_in_its_place():
    items = foreign(said("user", Text(text="a")), said("developer", Text(text="b")))["input"]
    assert [item["role"] for item in items] == ["user", "developer"]


def test_a_turn_is_taken_apart_into_items():
    written = foreign(
        said("user", Text(text="look"), Media(kind="image", media_type="image/png", data="AAAA")),
        said(
            "assistant",
            Thinking(text="hm", signature="s", signer="anthropic"),
            Thinking(text="ah", redacted="gAAA", signer="openai-responses", id="rs_1"),
            Text(text=""),
            Text(text="I will"),
            Text(text=" look"),
            Media(kind="image", data="AAAA"),
            Refusal(text="no"),
            ToolCall(id="c1", name="f"),
            ToolCall(id="c2", name="exec", arguments="go", kind="custom"),
            Opaque(format="anthropic", kind="server_tool_use", raw={}),
            Opaque(format="anthropic", kind="compaction", raw={}, text="before"),
        ),
        said(
            "user",
            ToolResult(call_id="c1", parts=(Text(text="ok"),), is_error=True),
            ToolResult(call_id="c2"),
            ToolResult(call_id="c3", parts=(Text(text="a"), Text(text="b"))),
            Text(text="go on"),
        ),
        said("user"),
    )
    assert written["input"] == [
        message(
            "user",
            [
                {"type": "input_text", "text": "look"},
                {"type": "input_image", "image_url": PNG, "detail": "auto"},
            ],
        ),
        {**REASONING, "summary": [{"type": "summary_text", "text": "ah"}]},
        message(
            "assistant",
            [
                {"type": "output_text", "text": "I will", "annotations": []},
                {"type": "output_text", "text": " look", "annotations": []},
                {"type": "refusal", "refusal": "no"},
            ],
        ),
        call("c1"),
        {"type": "custom_tool_call", "call_id": "c2", "name": "exec", "input": "go"},
        message("assistant", "before"),
        output("c1", "ok"),
        {"type": "custom_tool_call_output", "call_id": "c2", "output": ""},
        output("c3", [{"type": "input_text", "text": t} for t in "ab"]),
        message("user", "go on"),
    ]
    assert written["include"] == ["reasoning.encrypted_content"]


@pytest.mark.parametrize(
    ("media", "part"),
    [
        (
            Media(kind="image", url="https://a.example/b.png", detail="low"),
            {"type": "input_image", "image_url": "https://a.example/b.png", "detail": "low"},
        ),
        (
            Media(kind="document", media_type="application/pdf", data="AAAA"),
            {
                "type": "input_file",
                "file_data": "data:application/pdf;base64,AAAA",
                "filename": "document.pdf",
            },
        ),
        (
            Media(kind="document", media_type="text/plain", text="hi", name="a.txt"),
            {
                "type": "input_file",
                "filename": "a.txt",
                "file_data": "data:text/plain;base64,aGk=",
            },
        ),
        (
            Media(kind="document", url="https://a.example/b.pdf"),
            {"type": "input_file", "file_url": "https://a.example/b.pdf"},
        ),
    ],
)
def test_media_are_written(media, part):
    [item] = foreign(said("user", media))["input"]
    assert item["content"] == [part]


@pytest.mark.parametrize(
    "media",
    [
        Media(kind="video", media_type="video/mp4", data="AAAA"),
        Media(kind="audio", url="https://a.example/a.mp3"),
        Media(kind="image"),
        Media(kind="document"),
    ],
)
def test_media_the_api_does_not_take_leave_no_empty_message(media):
    assert foreign(said("user", media))["input"] == []
    result = ToolResult(call_id="c", parts=(Text(text="x"),))
    assert foreign(said("user", media, result, media))["input"] == [output("c", "x")]


@pytest.mark.parametrize("strict", [True, False, None])
def test_a_function_for_chat_is_strict_only_where_that_was_said(strict: bool | None):
    """Left out, this API makes the schema strict where it can, optional members required ones
    (OpenAI's guide "Function calling", strict mode). Chat would refuse the same schema as strict,
    so there it stays as the client wrote it."""
    loose = {"type": "object", "properties": {"a": {"type": "string"}}}
    tool = {"type": "function", "name": "f", "parameters": loose}
    tool |= {} if strict is None else {"strict": strict}
    c = FORMATS["openai-responses"].read_request({"model": "m", "input": "Hi", "tools": [tool]})
    [written] = FORMATS["openai-chat"].write_request(c)["tools"]
    assert written["function"]["parameters"] == loose
    assert written["function"].get("strict") is strict


def test_functions_are_strict_only_where_that_was_said():
    tools = (Tool(name="f", parameters=SCHEMA), Tool(name="g", strict=True))
    written = foreign(tools=tools, tool_choice=ToolChoice(mode="tool", name="f"))
    assert written["tools"] == [
        {"type": "function", "name": "f", "parameters": SCHEMA, "strict": False},
        {"type": "function", "name": "g", "parameters": None, "strict": True},
    ]
    assert written["tool_choice"] == {"type": "function", "name": "f"}


def test_choices_among_tools_are_written():
    tools = (Tool(name="f"), Tool(name="exec", kind="custom"))
    allowed = ToolChoice(mode="allowed", allowed=("f", "exec"), required=True)
    assert foreign(tools=tools, tool_choice=allowed)["tool_choice"] == {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "exec"}],
    }


def test_a_choice_among_no_tools_is_left_out():
    server = Tool(kind="server", name="web_search", format="anthropic")
    written = foreign(
        tools=(server,), tool_choice=ToolChoice(mode="required"), parallel_tools=False
    )
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & written.keys()


def test_chat_web_search_becomes_the_hosted_tool():
    options = {
        "search_context_size": "low",
        "user_location": {"type": "approximate", "approximate": {"city": "Bonn"}},
    }
    assert foreign(format="openai-chat", web_search=options)["tools"] == [
        {
            "type": "web_search",
            "search_context_size": "low",
            "user_location": {"type": "approximate", "city": "Bonn"},
        }
    ]


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        (Reasoning(effort="high"), {"effort": "high"}),
        (Reasoning(budget=300), {"effort": "minimal", "summary": "auto"}),
        (Reasoning(budget=2048), {"effort": "low", "summary": "auto"}),
        (Reasoning(enabled=True, budget=32000), {"effort": "high", "summary": "auto"}),
        (Reasoning(adaptive=True, effort="max"), {"effort": "max", "summary": "auto"}),
        (Reasoning(adaptive=True, summary="omitted"), {}),
        (Reasoning(enabled=False), {}),
        (Reasoning(summary="detailed"), {"summary": "detailed"}),
    ],
)
def test_reasoning_is_asked_for_by_levels(asked, written):
    assert foreign(reasoning=asked).get("reasoning", {}) == written


def test_encrypted_reasoning_is_asked_for_only_where_there_is_reasoning():
    assert "include" not in foreign()
    assert "include" not in foreign(reasoning=Reasoning(enabled=False))
    assert foreign(reasoning=Reasoning(effort="low"), logprobs=True)["include"] == [
        "reasoning.encrypted_content",
        "message.output_text.logprobs",
    ]


def test_a_schema_gets_a_name():
    output_ = Output(kind="json_schema", schema=SCHEMA)
    assert foreign(output=output_)["text"] == {
        "format": {"type": "json_schema", "name": "answer", "schema": SCHEMA}
    }


def test_a_long_user_is_made_to_fit():
    assert foreign(user="u")["user"] == "u"
    long = foreign(user="u" * 65)["user"]
    assert len(long) == 64
    assert long == foreign(user="u" * 65)["user"]


def test_stream_and_model_are_set_without_touching_the_rest():
    request = {"model": "a", "input": "hi", "stream": True, "stream_options": {}}
    assert FORMAT.asks_stream(request, "/responses") is True
    assert FORMAT.asks_stream({"input": "hi"}, "/responses") is None
    assert FORMAT.with_stream(request, True) is request
    assert FORMAT.with_stream(request, False) == {"model": "a", "input": "hi", "stream": False}
    assert FORMAT.with_stream({"input": "hi"}, False) == {"input": "hi"}
    assert FORMAT.with_model(request, "b")["model"] == "b"
    assert FORMAT.with_model(request, "a") is request
    assert request["model"] == "a"


@pytest.mark.parametrize("text", [5, "low", ["low"], [[1, 2]], None, {}])
def test_settings_of_the_wrong_type_go_to_their_own_provider_as_they_are(text: object):
    body = {"model": "m", "input": "hi", "text": text}
    assert FORMAT.write_request(FORMAT.read_request(body)) == body
