"""Requests of Chat Completions: every spelling is read, written back as it was, and translated."""

import copy
from typing import Any

import pytest

from switchyard.wire.formats.openai_chat import OpenAIChat
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Output
from switchyard.wire.model.conversation import Part
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

CHAT = OpenAIChat()
PIXEL = "iVBORw0KGgo="


def read(**body: Any) -> Conversation:
    """A request that is also shown to come back as it was, and unchanged."""
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **body}
    before = copy.deepcopy(body)
    conversation = CHAT.read_request(body)
    assert CHAT.write_request(conversation) == body
    assert body == before
    return conversation


def parts(*messages: dict[str, Any]) -> list[tuple[Part, ...]]:
    return [turn.parts for turn in read(messages=list(messages)).turns]


def plain(part: Part) -> Part:
    """A part without what only its own format's writer looks at."""
    match part:
        case Media():
            known = (part.kind, part.media_type, part.data, part.url, part.file_id, part.name)
            kind, media_type, data, url, file_id, name = known
            return Media(
                kind=kind,
                media_type=media_type,
                data=data,
                url=url,
                file_id=file_id,
                name=name,
                detail=part.detail,
                cache=part.cache,
            )
        case Text():
            return Text(text=part.text, cache=part.cache)
    return part


def translated(*turns: Turn, **settings: Any) -> dict[str, Any]:
    """The request that another format's conversation becomes."""
    return CHAT.write_request(Conversation(format="anthropic", model="m", turns=turns, **settings))


def user(*said: Part) -> Turn:
    return Turn(role="user", parts=said)


HELLO = user(Text(text="Hi"))
LOOK = Tool(name="look", description="Looks", parameters={"type": "object"})


class TestMessages:
    def test_roles(self) -> None:
        turns = read(
            messages=[
                {"role": "system", "content": "s"},
                {"role": "developer", "content": [{"type": "text", "text": "d"}]},
                {"role": "user", "content": "u", "name": "ann"},
                {"role": "assistant", "content": "a"},
            ]
        ).turns
        assert [turn.role for turn in turns] == ["system", "developer", "user", "assistant"]
        assert turns[2].name == "ann"
        assert [plain(turn.parts[0]) for turn in turns] == [Text(text=t) for t in "sdua"]

    @pytest.mark.parametrize("content", ["", None, []])
    def test_content_that_says_nothing(self, content: Any) -> None:
        assert parts({"role": "assistant", "content": content}) == [()]

    def test_absent_content(self) -> None:
        call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        assert parts({"role": "assistant", "tool_calls": [call]}) == [
            (ToolCall(id="1", name="look", arguments="{}"),)
        ]

    def test_members_without_a_name_in_the_model_come_back(self) -> None:
        message = {"role": "assistant", "content": "x", "prefix": True, "tool_calls": None}
        parts({**message, "name": None}, {"role": "user", "content": "y", "weight": 0})

    def test_images(self) -> None:
        (said,) = parts(
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
                    {
                        "type": "image_url",
                        "image_url": {"url": "https://i.test/a", "detail": "low"},
                    },
                    {"type": "image_url", "image_url": "https://i.test/b"},
                    {"type": "image_url", "image_url": {"url": "https://i.test/c"}, "text": None},
                ],
            }
        )
        assert [plain(part) for part in said] == [
            Media(kind="image", media_type="image/png", data=PIXEL),
            Media(kind="image", url="https://i.test/a", detail="low"),
            Media(kind="image", url="https://i.test/b"),
            Media(kind="image", url="https://i.test/c"),
        ]

    def test_files(self) -> None:
        pdf = f"data:application/pdf;base64,{PIXEL}"
        (said,) = parts(
            {
                "role": "user",
                "content": [
                    {"type": "file", "file": {"filename": "a.pdf", "file_data": pdf}},
                    {"type": "file", "file": {"filename": "a.csv", "file_data": PIXEL}},
                    {"type": "file", "file": {"file_id": "file-1"}},
                    {"type": "file", "file": {"file_data": "https://d.test/a.pdf"}},
                    {"type": "document_url", "document_url": "https://d.test/b.pdf"},
                    {"type": "document_url", "document_url": pdf},
                    {"type": "input_audio", "input_audio": {"data": PIXEL, "format": "mp3"}},
                    {"type": "video_url", "video_url": {"url": "https://v.test/a"}},
                ],
            }
        )
        assert [plain(part) for part in said] == [
            Media(kind="document", media_type="application/pdf", data=PIXEL, name="a.pdf"),
            Media(kind="document", media_type="text/csv", data=PIXEL, name="a.csv"),
            Media(kind="document", file_id="file-1"),
            Media(kind="document", url="https://d.test/a.pdf"),
            Media(kind="document", url="https://d.test/b.pdf"),
            Media(kind="document", media_type="application/pdf", data=PIXEL),
            Media(kind="audio", media_type="audio/mpeg", data=PIXEL),
            Media(kind="video", url="https://v.test/a"),
        ]

    def test_other_parts(self) -> None:
        marked = {"type": "text", "text": "t", "cache_control": {"type": "ephemeral"}}
        odd = {"type": "map", "map": [1]}
        (said,) = parts(
            {
                "role": "assistant",
                "content": [
                    marked,
                    {"type": "refusal", "refusal": "no"},
                    {
                        "type": "thinking",
                        "thinking": [{"type": "text", "text": "hm"}],
                        "closed": True,
                    },
                    "bare",
                    odd,
                ],
            }
        )
        assert plain(said[0]) == Text(text="t", cache={"type": "ephemeral"})
        assert isinstance(said[1], Refusal) and said[1].text == "no"
        assert isinstance(said[2], Thinking) and said[2].text == "hm"
        assert plain(said[3]) == Text(text="bare")
        assert said[4] == Opaque(format="openai-chat", kind="map", raw=odd)

    def test_refusals_and_audio_of_earlier_answers(self) -> None:
        (said,) = parts(
            {"role": "assistant", "content": None, "refusal": "no", "audio": {"id": "audio-1"}}
        )
        assert isinstance(said[0], Refusal) and said[0].text == "no"
        assert isinstance(said[1], Media) and said[1].file_id == "audio-1"

    def test_calls_and_results(self) -> None:
        turns = read(
            messages=[
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "1",
                            "type": "function",
                            "index": 0,
                            "function": {"name": "look", "arguments": '{"at": 1}'},
                        },
                        {"id": "2", "type": "custom", "custom": {"name": "run", "input": "ls"}},
                        {"id": "3", "function": {"name": "untyped", "arguments": ""}},
                    ],
                },
                {"role": "tool", "tool_call_id": "1", "content": "seen"},
                {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": "a"}]},
                {"role": "tool", "tool_call_id": "3", "content": "", "name": "untyped"},
            ]
        ).turns
        calls = [part for part in turns[0].parts if isinstance(part, ToolCall)]
        assert [(c.id, c.name, c.arguments, c.kind) for c in calls] == [
            ("1", "look", '{"at": 1}', "function"),
            ("2", "run", "ls", "custom"),
            ("3", "untyped", "", "function"),
        ]
        results = [part for turn in turns[1:] for part in turn.parts]
        assert [(r.call_id, r.text) for r in results if isinstance(r, ToolResult)] == [
            ("1", "seen"),
            ("2", "a"),
            ("3", ""),
        ]
        assert all(turn.role == "user" for turn in turns[1:])

    def test_deprecated_functions(self) -> None:
        conversation = read(
            messages=[
                {"role": "user", "content": "Hi"},
                {
                    "role": "assistant",
                    "content": None,
                    "function_call": {"name": "look", "arguments": "{}"},
                },
                {"role": "function", "name": "look", "content": "seen"},
            ],
            functions=[{"name": "look", "parameters": {"type": "object"}}],
            function_call={"name": "look"},
        )
        call, result = (conversation.turns[i].parts[0] for i in (1, 2))
        assert isinstance(call, ToolCall) and isinstance(result, ToolResult)
        assert call.id and call.id == result.call_id
        assert conversation.tools[0].name == "look"
        choice = conversation.tool_choice
        assert choice is not None and (choice.mode, choice.name) == ("tool", "look")

    def test_a_result_that_names_no_call_answers_the_oldest_open_one(self) -> None:
        call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        turns = CHAT.read_request(
            {
                "model": "m",
                "messages": [
                    {"role": "assistant", "tool_calls": [call, {**call, "id": "2"}]},
                    {"role": "tool", "tool_call_id": "1", "content": "a"},
                    {"role": "tool", "content": "b"},
                ],
            }
        ).turns
        assert [t.parts[0].call_id for t in turns[1:] if isinstance(t.parts[0], ToolResult)] == [
            "1",
            "2",
        ]

    def test_a_made_up_id_is_the_same_every_time_and_another_for_every_message(self) -> None:
        call = {"id": "", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        body = {"model": "m", "messages": [{"role": "assistant", "tool_calls": [call]}] * 2}
        ids = [
            [
                part.id
                for turn in CHAT.read_request(body).turns
                for part in turn.parts
                if isinstance(part, ToolCall)
            ]
            for _ in range(2)
        ]
        assert ids[0] == ids[1] and len(set(ids[0])) == 2

    def test_arguments_given_as_an_object(self) -> None:
        call = {"id": "1", "function": {"name": "look", "arguments": {"at": 1}}}
        body = {"model": "m", "messages": [{"role": "assistant", "tool_calls": [call]}]}
        (said,) = CHAT.read_request(body).turns[0].parts
        assert isinstance(said, ToolCall) and said.arguments == '{"at":1}'


class TestThinking:
    @pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
    def test_plain_words(self, name: str) -> None:
        (said,) = parts({"role": "assistant", "content": "a", name: "hm"})
        assert isinstance(said[0], Thinking) and said[0].text == "hm"

    def test_the_same_words_under_several_names_count_once(self) -> None:
        (said,) = parts(
            {
                "role": "assistant",
                "content": "a",
                "reasoning": "hm",
                "reasoning_content": "hm",
                "reasoning_details": [{"type": "reasoning.text", "text": "hm", "index": 0}],
            }
        )
        assert [part.text for part in said if isinstance(part, Thinking)] == ["hm"]

    def test_signatures(self) -> None:
        (said,) = parts(
            {
                "role": "assistant",
                "content": "a",
                "reasoning_details": [
                    {
                        "type": "reasoning.text",
                        "text": "hm",
                        "signature": "sig",
                        "format": "anthropic-claude-v1",
                        "index": 0,
                    },
                    {
                        "type": "reasoning.encrypted",
                        "data": "blob",
                        "format": "anthropic-claude-v1",
                        "index": 1,
                    },
                ],
            }
        )
        first, second = (part for part in said if isinstance(part, Thinking))
        assert (first.text, first.signature, first.signer) == ("hm", "sig", "anthropic")
        assert (second.text, second.redacted, second.signer) == ("", "blob", "anthropic")

    def test_a_responses_item_is_one(self) -> None:
        kind = {"format": "openai-responses-v1", "index": 0}
        (said,) = parts(
            {
                "role": "assistant",
                "content": "a",
                "reasoning_details": [
                    {"type": "reasoning.summary", "summary": "in short", **kind},
                    {"type": "reasoning.encrypted", "data": "blob", "id": "rs_1", **kind},
                ],
            }
        )
        (thinking,) = (part for part in said if isinstance(part, Thinking))
        assert (thinking.text, thinking.summary) == ("in short", True)
        assert (thinking.redacted, thinking.id) == ("blob", "rs_1")
        assert thinking.signer == "openai-responses"

    def test_pieces_of_a_stream_that_were_never_added_up(self) -> None:
        entry = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
        body = {
            "model": "m",
            "messages": [
                {
                    "role": "assistant",
                    "content": "a",
                    "reasoning_details": [
                        {**entry, "text": "h"},
                        {**entry, "text": "m"},
                        {**entry, "signature": "sig"},
                    ],
                }
            ],
        }
        first = CHAT.read_request(body).turns[0].parts[0]
        assert isinstance(first, Thinking)
        assert (first.text, first.signature) == ("hm", "sig")

    def test_a_signature_apart_from_its_words(self) -> None:
        body = {
            "role": "assistant",
            "content": "a",
            "reasoning": "hm",
            "reasoning_details": [
                {"type": "reasoning.text", "signature": "sig", "format": "google-gemini-v1"}
            ],
        }
        (said,) = parts(body)
        (thinking,) = (part for part in said if isinstance(part, Thinking))
        assert (thinking.text, thinking.signature, thinking.signer) == ("hm", "sig", "gemini")


class TestSettings:
    def test_plain_members(self) -> None:
        conversation = read(
            temperature=0.5,
            top_p=1,
            top_k=40,
            seed=7,
            n=2,
            presence_penalty=0.1,
            frequency_penalty=-0.1,
            logit_bias={"5": 1},
            logprobs=True,
            top_logprobs=3,
            parallel_tool_calls=False,
            user="ann",
            store=True,
            metadata={"a": "b"},
            service_tier="flex",
            verbosity="low",
            prompt_cache_key="key",
            safety_identifier="who",
            modalities=["text", "audio"],
            audio={"voice": "x", "format": "mp3"},
            prediction={"type": "content", "content": "x"},
            web_search_options={},
        )
        assert conversation.temperature == 0.5 and conversation.candidates == 2
        assert conversation.parallel_tools is False and conversation.modalities[1] == "audio"
        assert conversation.cache_key == "key" and conversation.web_search == {}

    def test_null_and_absent_stay_apart(self) -> None:
        conversation = read(temperature=None, tools=None, stop=None, stream=None, n=None)
        assert conversation.temperature is None and conversation.stop == ()
        read(tools=[], stop=[], response_format=None)

    def test_what_is_of_the_wrong_type_is_left_for_the_provider_to_judge(self) -> None:
        conversation = read(temperature="warm", max_tokens="many", stop=[1], tool_choice="maybe")
        assert conversation.temperature is None and conversation.max_tokens is None
        assert conversation.stop == () and conversation.tool_choice is None

    @pytest.mark.parametrize("stop", ["end", ["a", "b"]])
    def test_stop(self, stop: Any) -> None:
        assert read(stop=stop).stop == (("end",) if stop == "end" else ("a", "b"))

    @pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
    def test_the_limit_keeps_its_name(self, name: str) -> None:
        assert read(**{name: 5}).max_tokens == 5

    def test_both_limits(self) -> None:
        assert read(max_tokens=5, max_completion_tokens=6).max_tokens == 6

    def test_stream_options(self) -> None:
        conversation = read(stream=True, stream_options={"include_usage": True, "other": 1})
        assert conversation.stream is True and conversation.include_usage is True
        assert read(stream=True).include_usage is None

    @pytest.mark.parametrize(
        ("body", "meant"),
        [
            ({"reasoning_effort": "high"}, Reasoning(effort="high")),
            ({"reasoning_effort": "none"}, Reasoning(effort="none", enabled=False)),
            (
                {"reasoning": {"effort": "low", "enabled": True}},
                Reasoning(effort="low", enabled=True),
            ),
            ({"reasoning": {"max_tokens": 900}}, Reasoning(budget=900)),
            ({"thinking": {"type": "enabled", "clear_thinking": False}}, Reasoning(enabled=True)),
            ({"thinking": {"type": "disabled"}}, Reasoning(enabled=False)),
            (
                {"thinking": {"type": "enabled", "budget_tokens": 9}},
                Reasoning(enabled=True, budget=9),
            ),
            ({"thinking": {"clear_thinking": False}}, None),
        ],
    )
    def test_reasoning(self, body: dict[str, Any], meant: Reasoning | None) -> None:
        assert read(**body).reasoning == meant

    @pytest.mark.parametrize(
        ("given", "meant"),
        [
            ({"type": "text"}, Output(kind="text")),
            ({"type": "json_object"}, Output(kind="json_object")),
            (
                {"type": "json_object", "schema": {"a": 1}},
                Output(kind="json_schema", schema={"a": 1}),
            ),
            (
                {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}},
                Output(kind="json_schema", name="n", schema={}, strict=True),
            ),
            ({"type": "grammar", "grammar": "x"}, None),
        ],
    )
    def test_output(self, given: dict[str, Any], meant: Output | None) -> None:
        assert read(response_format=given).output == meant


class TestTools:
    def test_functions(self) -> None:
        function = {"name": "look", "description": "Looks", "parameters": {}, "strict": None}
        (first, second) = read(
            tools=[
                {"type": "function", "function": function, "cache_control": {"type": "ephemeral"}},
                {"function": {"name": "bare", "x": 1}},
            ]
        ).tools
        assert (first.name, first.description, first.parameters) == ("look", "Looks", {})
        assert first.cache == {"type": "ephemeral"} and second.name == "bare"

    def test_custom(self) -> None:
        grammar = {"definition": "start: /x/", "syntax": "lark"}
        custom = {"name": "run", "format": {"type": "grammar", "grammar": grammar}}
        (tool,) = read(tools=[{"type": "custom", "custom": custom}]).tools
        assert tool.kind == "custom" and tool.grammar == {"type": "grammar", **grammar}

    def test_tools_of_the_provider(self) -> None:
        (tool,) = read(
            tools=[{"type": "openrouter:web_search", "parameters": {"max_uses": 1}}]
        ).tools
        assert (tool.kind, tool.name) == ("server", "openrouter:web_search")

    @pytest.mark.parametrize(
        ("given", "meant"),
        [
            ("auto", ToolChoice(mode="auto")),
            ("none", ToolChoice(mode="none")),
            ("required", ToolChoice(mode="required")),
            ("any", ToolChoice(mode="required")),
            ({"type": "function", "function": {"name": "a"}}, ToolChoice(mode="tool", name="a")),
            ({"type": "custom", "custom": {"name": "a"}}, ToolChoice(mode="tool", name="a")),
            ({"function": {"name": "a"}}, ToolChoice(mode="tool", name="a")),
            (
                {
                    "type": "allowed_tools",
                    "allowed_tools": {
                        "mode": "required",
                        "tools": [{"type": "function", "function": {"name": "a"}}],
                    },
                },
                ToolChoice(mode="allowed", allowed=("a",), required=True),
            ),
        ],
    )
    def test_choice(self, given: Any, meant: ToolChoice) -> None:
        choice = read(tool_choice=given).tool_choice
        assert choice is not None
        said = (choice.mode, choice.name, choice.allowed, choice.required)
        assert said == (meant.mode, meant.name, meant.allowed, meant.required)


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

    def test_stream_options_are_refused_without_a_stream(self) -> None:
        body = {"stream": True, "stream_options": {"include_usage": True}}
        assert CHAT.with_stream(body, False) == {"stream": False}
        assert CHAT.with_stream({}, False) == {"stream": False}

    def test_model(self) -> None:
        body = {"model": "a", "x": 1}
        assert CHAT.with_model(body, "a") is body
        assert CHAT.with_model(body, "b") == {"model": "b", "x": 1}
        assert body["model"] == "a"
