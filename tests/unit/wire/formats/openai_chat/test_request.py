"""Requests of Chat Completions: every spelling is read, written back as it was, and translated."""

from typing import Any

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
from switchyard.wire.model.conversation import Turn
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.translate.losses import lost
from tests.unit.wire.formats.openai_chat.request_support import CHAT
from tests.unit.wire.formats.openai_chat.request_support import PIXEL
from tests.unit.wire.formats.openai_chat.request_support import read
from tests.unit.wire.formats.openai_chat.request_support import user


def translated(*turns: Turn, **settings: Any) -> dict[str, Any]:
    """The request that another format's conversation becomes."""
    return CHAT.write_request(Conversation(format="anthropic", model="m", turns=turns, **settings))


HELLO = user(Text(text="Hi"))


LOOK = Tool(name="look", description="Looks", parameters={"type": "object"})


class TestWrong:
    @pytest.mark.parametrize(
        ("body", "param"),
        [
            ({"messages": []}, "model"),
            ({"model": "", "messages": []}, "model"),
            ({"model": "m"}, "messages"),
            ({"model": "m", "messages": "Hi"}, "messages"),
            ({"model": "m", "messages": []}, "messages"),
            ({"model": "m", "messages": ["Hi"]}, "messages.0"),
            ({"model": "m", "messages": [{"role": "king", "content": "Hi"}]}, "messages.0.role"),
            ({"model": "m", "messages": [{"content": "Hi"}]}, "messages.0.role"),
            ({"model": "m", "messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
            (
                {"model": "m", "messages": [{"role": "user", "content": [5]}]},
                "messages.0.content.0",
            ),
            ({"tools": {}}, "tools"),
            ({"tools": ["look"]}, "tools.0"),
            ({"tools": [{"type": "function"}]}, "tools.0"),
            ({"tools": [{"type": "function", "function": {}}]}, "tools.0.name"),
            ({"functions": [{"name": ""}]}, "functions.0.name"),
        ],
    )
    def test_is_refused_with_the_field_that_is_wrong(
        self, body: dict[str, Any], param: str
    ) -> None:
        if "tools" in body or "functions" in body:
            body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **body}
        with pytest.raises(BadRequest) as caught:
            CHAT.read_request(body)
        assert caught.value.param == param and str(caught.value)

    def test_unknown_fields_are_fine(self) -> None:
        read(transforms=["a"], provider={"only": ["x"]}, echo=None, usage={"include": True})


class TestTranslated:
    def test_system_prompt_in_its_place_and_under_the_name_all_know(self) -> None:
        body = translated(
            Turn(role="developer", parts=(Text(text="a"), Text(text="b"))),
            HELLO,
            Turn(role="system", parts=(Text(text="c"),)),
        )
        assert body["messages"] == [
            {"role": "system", "content": "a\n\nb"},
            {"role": "user", "content": "Hi"},
            {"role": "system", "content": "c"},
        ]

    def test_texts_alone_are_one_string_and_stay_a_list_beside_an_image(self) -> None:
        """DeepSeek refuses a list as a tool's result."""
        words = (Text(text="a"), Text(text="b"))
        image = Media(kind="image", media_type="image/png", data=PIXEL)
        body = translated(
            Turn(role="assistant", parts=(ToolCall(id="1", name="look", arguments="{}"),)),
            user(ToolResult(call_id="1", parts=words), *words),
            Turn(role="assistant", parts=(Text(text="Well."),)),
            user(*words, image),
        )
        _, result, question, _, seen = body["messages"]
        assert result["content"] == "a\nb"
        assert question["content"] == "a\n\nb"
        assert [part["type"] for part in seen["content"]] == ["text", "text", "image_url"]

    def test_results_follow_their_calls_and_images_follow_the_results(self) -> None:
        image = Media(kind="image", media_type="image/png", data=PIXEL)
        body = translated(
            Turn(
                role="assistant",
                parts=(
                    ToolCall(id="1", name="look"),
                    ToolCall(id="2", name="look", arguments="{}"),
                ),
            ),
            user(Text(text="before"), ToolResult(call_id="1", parts=(Text(text="a"), image))),
            user(
                ToolResult(call_id="2", parts=(Text(text="b"),), is_error=True), Text(text="after")
            ),
        )
        assert body["messages"][1:] == [
            {"role": "tool", "tool_call_id": "1", "content": "a"},
            {"role": "tool", "tool_call_id": "2", "content": "b"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "before"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
                ],
            },
            {"role": "user", "content": "after"},
        ]
        assert [call["function"]["arguments"] for call in body["messages"][0]["tool_calls"]] == [
            "{}",
            "{}",
        ]

    def test_documents(self) -> None:
        (message,) = translated(
            user(
                Media(kind="document", text="words"),
                Media(kind="document", media_type="application/pdf", data=PIXEL),
                Media(kind="document", media_type="text/csv", data=PIXEL, name="t.csv"),
                Media(kind="document", file_id="file-1"),
                Media(kind="document", url="https://d.test/a.pdf"),
                Media(kind="audio", media_type="audio/x-wav", data=PIXEL),
                Media(kind="video", url="https://v.test/a"),
            )
        )["messages"]
        pdf = {"filename": "document.pdf", "file_data": f"data:application/pdf;base64,{PIXEL}"}
        csv = {"filename": "t.csv", "file_data": f"data:text/csv;base64,{PIXEL}"}
        assert message["content"] == [
            {"type": "text", "text": "words"},
            {"type": "file", "file": pdf},
            {"type": "file", "file": csv},
            {"type": "file", "file": {"file_id": "file-1"}},
            {"type": "input_audio", "input_audio": {"data": PIXEL, "format": "wav"}},
            {"type": "video_url", "video_url": {"url": "https://v.test/a"}},
        ]

    def test_nothing_is_sent_for_a_turn_of_which_nothing_can_be_said(self) -> None:
        body = translated(
            HELLO,
            Turn(role="assistant", parts=(Thinking(text="hm", signature="s", signer="anthropic"),)),
            user(Opaque(format="anthropic", kind="x", raw={})),
            user(Text(text="")),
        )
        assert body["messages"] == [{"role": "user", "content": "Hi"}]

    def test_thinking_goes_back_only_with_calls_and_only_unsigned(self) -> None:
        call = ToolCall(id="1", name="look")
        body = translated(
            Turn(role="assistant", parts=(Thinking(text="mine"), Text(text="a"))),
            Turn(role="assistant", parts=(Thinking(text="mine"), call)),
            Turn(
                role="assistant",
                parts=(Thinking(text="theirs", signature="s", signer="anthropic"), call),
            ),
        )
        assert [m.get("reasoning_content") for m in body["messages"]] == [None, "mine", None]

    def test_refusals_and_readable_blocks(self) -> None:
        (message,) = translated(
            Turn(
                role="assistant",
                parts=(Refusal(text="no"), Opaque(format="x", kind="y", raw={}, text="words")),
            )
        )["messages"]
        assert message == {"role": "assistant", "content": "words", "refusal": "no"}

    def test_tools(self) -> None:
        custom = Tool(kind="custom", name="run", grammar={"type": "grammar", "definition": "x"})
        server = Tool(kind="server", name="search", format="anthropic", raw={"type": "search"})
        one = Tool(name="look", namespace="a", parameters={})
        two = Tool(name="look", namespace="b", parameters={})
        call = ToolCall(id="1", name="run", kind="custom", arguments='say "hi"')
        body = translated(
            Turn(role="assistant", parts=(call, ToolCall(id="2", name="look", namespace="b"))),
            tools=(custom, server, one, two),
            tool_choice=ToolChoice(mode="allowed", allowed=("run",), required=True),
        )
        assert [tool["function"]["name"] for tool in body["tools"]] == ["run", "a__look", "b__look"]
        assert all(tool["type"] == "function" for tool in body["tools"])
        calls = [call["function"] for call in body["messages"][0]["tool_calls"]]
        assert calls[0] == {"name": "run", "arguments": '{"input":"say \\"hi\\""}'}
        assert calls[1]["name"] == "b__look"
        assert body["tool_choice"] == {
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": "required",
                "tools": [{"type": "function", "function": {"name": "run"}}],
            },
        }

    @pytest.mark.parametrize(
        ("choice", "said"),
        [
            (ToolChoice(mode="auto"), "auto"),
            (ToolChoice(mode="none"), "none"),
            (ToolChoice(mode="required"), "required"),
            (
                ToolChoice(mode="tool", name="look"),
                {"type": "function", "function": {"name": "look"}},
            ),
        ],
    )
    def test_choices(self, choice: ToolChoice, said: Any) -> None:
        assert translated(HELLO, tools=(LOOK,), tool_choice=choice)["tool_choice"] == said

    def test_no_choice_without_tools(self) -> None:
        body = translated(HELLO, tool_choice=ToolChoice(mode="auto"), parallel_tools=False)
        assert "tool_choice" not in body and "parallel_tool_calls" not in body

    @pytest.mark.parametrize(
        ("reasoning", "name", "effort"),
        [
            (None, "max_tokens", None),
            (Reasoning(enabled=False), "max_tokens", None),
            (Reasoning(adaptive=True), "max_tokens", None),
            (Reasoning(effort="high"), "max_completion_tokens", "high"),
            (Reasoning(effort="max", adaptive=True), "max_completion_tokens", "xhigh"),
            (Reasoning(enabled=True, budget=1024), "max_completion_tokens", "low"),
            (Reasoning(enabled=True, budget=8000), "max_completion_tokens", "medium"),
            (Reasoning(enabled=True, budget=30000), "max_completion_tokens", "high"),
        ],
    )
    def test_limit_and_effort(
        self, reasoning: Reasoning | None, name: str, effort: str | None
    ) -> None:
        body = translated(HELLO, max_tokens=9, reasoning=reasoning)
        assert body[name] == 9 and body.get("reasoning_effort") == effort
        assert len({"max_tokens", "max_completion_tokens"} & body.keys()) == 1

    def test_output(self) -> None:
        output = Output(kind="json_schema", schema={"type": "object"})
        assert translated(HELLO, output=output)["response_format"] == {
            "type": "json_schema",
            "json_schema": {"name": "response", "schema": {"type": "object"}},
        }
        assert translated(HELLO, output=Output(kind="json_object"))["response_format"] == {
            "type": "json_object"
        }

    def test_a_stream_asks_for_its_usage(self) -> None:
        body = translated(HELLO, stream=True)
        assert body["stream"] is True and body["stream_options"] == {"include_usage": True}
        assert "stream_options" not in translated(HELLO, stream=False)

    def test_what_only_openai_takes_is_said_only_where_it_matters(self) -> None:
        body = translated(
            HELLO,
            store=False,
            metadata={"a": "b"},
            cache_key="key",
            service_tier="standard_only",
            user="u" * 65,
        )
        assert body.keys() == {"model", "messages"}
        body = translated(HELLO, store=True, metadata={"a": "b"}, service_tier="flex", user="ann")
        assert body["metadata"] == {"a": "b"} and body["service_tier"] == "flex"
        assert body["user"] == "ann"

    def test_losses_are_reported(self) -> None:
        conversation = Conversation(
            format="anthropic",
            model="m",
            top_k=5,
            turns=(
                user(
                    Text(text="a", cache={"type": "ephemeral"}),
                    Media(kind="document", url="https://d.test/a.pdf"),
                    Media(kind="image", file_id="file-1"),
                    ToolResult(call_id="1", is_error=True),
                ),
            ),
        )
        assert lost(conversation, "openai-chat") == [
            "cache_control",
            "document-url",
            "image-file-id",
            "tool-result-errors",
            "top_k",
        ]


class TestStreamWish:
    def test_asks_stream(self) -> None:
        assert CHAT.asks_stream({"stream": True}, "") is True
        assert CHAT.asks_stream({"stream": False}, "") is False
        assert CHAT.asks_stream({}, "") is None
        assert CHAT.asks_stream({"stream": None}, "") is None

    def test_a_client_that_streams_keeps_its_own_options(self) -> None:
        body = {"stream": True, "stream_options": {"include_usage": False}}
        assert CHAT.with_stream(body, True) is body

    def test_a_stream_made_for_a_client_that_wants_none_asks_for_usage(self) -> None:
        body = {"model": "m", "stream": False}
        assert CHAT.with_stream(body, True) == {
            "model": "m",
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        assert body == {"model": "m", "stream": False}

    @pytest.mark.parametrize(
        ("options", "sent"),
        [
            (None, {"include_usage": True}),
            ({}, {"include_usage": True}),
            ({"include_usage": False}, {"include_usage": True}),
            (
                {"include_obfuscation": False},
                {"include_obfuscation": False, "include_usage": True},
            ),
        ],
    )
    def test_a_stream_is_asked_for_its_usage(self, options: Any, sent: Any) -> None:
        body = {"stream": True, "stream_options": options}
        assert CHAT.with_usage(body) == {"stream": True, "stream_options": sent}
        assert CHAT.with_usage({"stream": True})["stream_options"] == {"include_usage": True}

    @pytest.mark.parametrize("options", [{"include_usage": True}, "what the provider refuses"])
    def test_a_stream_that_asks_for_its_usage_stays(self, options: Any) -> None:
        body = {"stream": True, "stream_options": options}
        assert CHAT.with_usage(body) is body

    def test_stream_options_are_refused_without_a_stream(self) -> None:
        body = {"stream": True, "stream_options": {"include_usage": True}}
        assert CHAT.with_stream(body, False) == {"stream": False}
        assert CHAT.with_stream({}, False) == {"stream": False}

    def test_model(self) -> None:
        body = {"model": "a", "x": 1}
        assert CHAT.with_model(body, "a") is body
        assert CHAT.with_model(body, "b") == {"model": "b", "x": 1}
        assert body["model"] == "a"
