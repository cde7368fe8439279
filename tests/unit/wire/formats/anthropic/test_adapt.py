"""Conversations of other formats, written as the Messages API accepts them."""

from base64 import b64encode
from typing import Any

import pytest

from switchyard.wire.formats.anthropic import Anthropic
from switchyard.wire.formats.anthropic.schema import closed
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Output
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Role
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.shared.claude import MAX_TOKENS
from switchyard.wire.shared.claude import claude_version

FORMAT = Anthropic()

HELLO = Text(text="Hello", extra={"foreign": 1})


def turn(role: Role, *parts: Part) -> Turn:
    return Turn(role=role, parts=parts, extra={"foreign": 1}, form="string")


def written(*turns: Turn, **settings: Any) -> dict[str, Any]:
    settings = {"model": "some-model", **settings}
    c = Conversation(format="openai-chat", turns=turns or (turn("user", HELLO),), **settings)
    return FORMAT.write_request(c)


def call(call_id: str, name: str = "f", arguments: str = "{}") -> ToolCall:
    return ToolCall(id=call_id, name=name, arguments=arguments)


def result(call_id: str, text: str = "ok", **more: Any) -> ToolResult:
    return ToolResult(call_id=call_id, parts=(Text(text=text),), **more)


def use(call_id: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": "f", "input": arguments}


def answer(call_id: str, text: str = "ok") -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": text}


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


UNANSWERED = {"content": "This call was not answered.", "is_error": True}


def test_the_least_request():
    assert written() == {
        "model": "some-model",
        "max_tokens": MAX_TOKENS,
        "messages": [{"role": "user", "content": [said("Hello")]}],
    }


def test_system_messages_become_the_system_prompt():
    body = written(
        turn("system", Text(text="One.", cache={"type": "ephemeral"})),
        turn("developer", Text(text="Two."), Text(text="  ")),
        turn("user", HELLO),
        turn("assistant", Text(text="Hi.")),
        turn("user", HELLO),
    )
    assert body["system"] == [
        {**said("One."), "cache_control": {"type": "ephemeral"}},
        said("Two."),
    ]
    assert [m["role"] for m in body["messages"]] == ["user", "assistant", "user"]


def test_system_messages_alone_get_a_turn():
    body = written(turn("system", Text(text="Say hi.")))
    assert body["system"] == [said("Say hi.")]
    assert body["messages"] == [{"role": "user", "content": [said(".")]}]


def test_same_role_turns_are_merged_and_empty_texts_left_out():
    body = written(
        turn("user", HELLO, Text(text="")),
        turn("user", Text(text="there")),
        turn("assistant", Text(text=" \n")),
        turn("user", Text(text="?")),
    )
    assert body["messages"] == [
        {"role": "user", "content": [said("Hello"), said("there"), said("?")]}
    ]


def test_a_conversation_may_begin_with_the_assistant():
    body = written(turn("assistant", Text(text="Welcome.")), turn("user", HELLO))
    assert [m["role"] for m in body["messages"]] == ["assistant", "user"]


def test_a_prefill_loses_only_white_space_at_its_end():
    body = written(turn("user", HELLO), turn("assistant", Text(text="The answer is \n")))
    assert body["messages"][-1] == {"role": "assistant", "content": [said("The answer is")]}


class TestTools:
    def test_results_stand_right_after_their_calls_and_first(self):
        body = written(
            turn("user", HELLO),
            turn("assistant", Text(text="Let me see."), call("a"), call("b")),
            turn("user", Text(text="Meanwhile"), result("b", "B")),
            turn("user", result("a", "A")),
        )
        assert body["messages"][1:] == [
            {"role": "assistant", "content": [said("Let me see."), use("a"), use("b")]},
            {"role": "user", "content": [answer("a", "A"), answer("b", "B"), said("Meanwhile")]},
        ]

    def test_a_late_result_moves_to_its_call(self):
        body = written(
            turn("assistant", call("a")),
            turn("assistant", Text(text="Waiting.")),
            turn("user", HELLO),
            turn("assistant", Text(text="Still waiting.")),
            turn("user", result("a", "A")),
        )
        assert body["messages"][1] == {"role": "user", "content": [answer("a", "A"), said("Hello")]}
        assert body["messages"][3:] == [{"role": "user", "content": [said("A")]}]

    def test_a_call_without_result_gets_one_that_says_so(self):
        body = written(turn("user", HELLO), turn("assistant", call("a"), call("b")))
        assert body["messages"][2]["content"] == [
            {"type": "tool_result", "tool_use_id": "a", **UNANSWERED},
            {"type": "tool_result", "tool_use_id": "b", **UNANSWERED},
        ]

    def test_a_result_without_call_becomes_text(self):
        body = written(turn("user", result("gone", "42"), HELLO))
        assert body["messages"] == [{"role": "user", "content": [said("42"), said("Hello")]}]

    def test_ids_are_made_acceptable_and_unique(self):
        body = written(
            turn("assistant", call("fc:1/é")),
            turn("user", result("fc:1/é", "one")),
            turn("assistant", call("fc:1/é"), call("")),
            turn("user", result("fc:1/é", "two"), result("", "three")),
        )
        contents = [m["content"] for m in body["messages"]]
        assert contents == [
            [use("fc_1__")],
            [answer("fc_1__", "one")],
            [use("fc_1___2"), use("call")],
            [answer("fc_1___2", "two"), answer("call", "three")],
        ]

    def test_results_with_media_errors_and_nothing(self):
        image = Media(kind="image", media_type="image/png", data="iVBORw0KGgo=", detail="high")
        body = written(
            turn("assistant", call("a"), call("b"), call("c"), call("d")),
            turn(
                "user",
                ToolResult(call_id="a", parts=(Text(text="see"), image)),
                result("b", "boom", is_error=True),
                ToolResult(call_id="c"),
                ToolResult(call_id="d", is_error=True),
            ),
        )
        source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
        assert body["messages"][1]["content"] == [
            {
                "type": "tool_result",
                "tool_use_id": "a",
                "content": [said("see"), {"type": "image", "source": source}],
            },
            {**answer("b", "boom"), "is_error": True},
            answer("c", ""),
            {**answer("d", "error"), "is_error": True},
        ]

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            ('{"a": 1}', {"a": 1}),
            ("", {}),
            ("  ", {}),
            ('{"a": ', {"arguments": '{"a": '}),
            ("[1]", {"arguments": "[1]"}),
        ],
    )
    def test_arguments_become_an_object(self, arguments: str, expected: dict[str, Any]):
        body = written(turn("assistant", call("a", arguments=arguments)))
        assert body["messages"][0]["content"][0]["input"] == expected

    def test_custom_tools_become_functions(self):
        custom = ToolCall(id="a", name="sql", arguments="SELECT 1", kind="custom")
        grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
        body = written(
            turn("assistant", custom),
            turn("user", result("a", kind="custom")),
            tools=(Tool(kind="custom", name="sql", description="Run SQL.", grammar=grammar),),
            tool_choice=ToolChoice(mode="tool", name="sql"),
        )
        (tool,) = body["tools"]
        assert tool["input_schema"]["required"] == ["input"]
        assert "Run SQL." in tool["description"] and "start: /.+/" in tool["description"]
        assert body["messages"][0]["content"][0]["input"] == {"input": "SELECT 1"}
        assert body["tool_choice"] == {"type": "tool", "name": "sql"}

    def test_tools_get_an_object_schema_and_no_foreign_members(self):
        body = written(
            tools=(
                Tool(name="f", strict=True, extra={"foreign": 1}),
                Tool(name="g", parameters={"properties": {"x": {}}}),
                Tool(kind="server", name="web_search", format="openai-responses"),
            )
        )
        assert body["tools"] == [
            {"name": "f", "input_schema": {"type": "object", "properties": {}}},
            {"name": "g", "input_schema": {"type": "object", "properties": {"x": {}}}},
        ]

    def test_namespaces_become_one_name(self):
        tools = (
            Tool(name="read", namespace="files"),
            Tool(name="read", namespace="mail"),
        )
        calls = ToolCall(id="a", name="read", namespace="mail")
        body = written(turn("assistant", calls), tools=tools)
        names = [tool["name"] for tool in body["tools"]]
        assert len(set(names)) == 2
        assert body["messages"][0]["content"][0]["name"] == names[1]

    @pytest.mark.parametrize(
        ("choice", "parallel", "expected"),
        [
            (None, None, None),
            (None, True, None),
            (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
            (ToolChoice(mode="required"), None, {"type": "any"}),
            (ToolChoice(mode="none"), False, {"type": "none"}),
            (
                ToolChoice(mode="tool", name="f"),
                False,
                {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
            ),
        ],
    )
    def test_tool_choice(
        self,
        choice: ToolChoice | None,
        parallel: bool | None,
        expected: dict[str, Any] | None,
    ):
        body = written(tools=(Tool(name="f"),), tool_choice=choice, parallel_tools=parallel)
        assert body.get("tool_choice") == expected

    def test_a_choice_among_some_offers_only_these(self):
        tools = (Tool(name="f"), Tool(name="g"), Tool(name="h"))
        some = ToolChoice(mode="allowed", allowed=("f", "h"), required=True)
        body = written(tools=tools, tool_choice=some)
        assert [tool["name"] for tool in body["tools"]] == ["f", "h"]
        assert body["tool_choice"] == {"type": "any"}
        one = ToolChoice(mode="allowed", allowed=("g",), required=True)
        body = written(tools=tools, tool_choice=one)
        assert body["tool_choice"] == {"type": "tool", "name": "g"}

    def test_there_is_no_choice_without_tools(self):
        assert "tool_choice" not in written(tool_choice=ToolChoice(mode="auto"))


class TestContent:
    def test_media(self):
        text = b64encode(b'{"a": 1}').decode()
        body = written(
            turn(
                "user",
                Media(kind="image", url="https://a.test/i.png", detail="low"),
                Media(kind="image", data="/9j/4AAQ"),
                Media(kind="document", data="JVBERg==", name="a.pdf", extra={"foreign": 1}),
                Media(kind="document", data=text, media_type="application/json"),
                Media(kind="image", extra={"source": {"type": "star"}}),
                Media(kind="audio", data="AAAA"),
                Media(kind="video", url="https://a.test/v"),
            )
        )
        assert body["messages"][0]["content"] == [
            {"type": "image", "source": {"type": "url", "url": "https://a.test/i.png"}},
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9j/4AAQ"},
            },
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
                "title": "a.pdf",
            },
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": '{"a": 1}'},
            },
        ]

    def test_media_of_an_answer_go_to_the_next_user_turn(self):
        image = Media(kind="image", url="https://a.test/i.png")
        body = written(
            turn("user", HELLO),
            turn("assistant", Text(text="Here."), image),
            turn("user", Text(text="Make it blue.")),
        )
        assert body["messages"][1]["content"] == [said("Here.")]
        assert [b["type"] for b in body["messages"][2]["content"]] == ["image", "text"]

    def test_only_thinking_signed_here_is_sent(self):
        body = written(
            turn(
                "assistant",
                Thinking(text="unsigned"),
                Thinking(text="foreign", signature="x", signer="gemini"),
                Thinking(text="own", signature="c2ln", signer="anthropic"),
                Thinking(redacted="b3A=", signer="anthropic"),
                Text(text="Hi."),
            ),
            turn("user", HELLO),
        )
        assert body["messages"][0]["content"] == [
            {"type": "thinking", "thinking": "own", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "b3A="},
            said("Hi."),
        ]

    def test_refusals_citations_and_blocks_of_others_become_words(self):
        cited = Citation(url="https://a.test", format="openai-chat", raw={"type": "url_citation"})
        body = written(
            turn(
                "assistant",
                Refusal(text="No."),
                Text(text="Cited.", citations=(cited,)),
                Opaque(format="openai-responses", kind="x", raw={}, text="Shown."),
                Opaque(format="openai-responses", kind="y", raw={}),
            ),
            turn("user", HELLO),
        )
        assert body["messages"][0]["content"] == [said("No."), said("Cited."), said("Shown.")]


class TestThinking:
    @pytest.mark.parametrize(
        ("reasoning", "expected"),
        [
            (Reasoning(effort="minimal"), {"type": "enabled", "budget_tokens": 1024}),
            (Reasoning(effort="low"), {"type": "enabled", "budget_tokens": 2048}),
            (Reasoning(effort="medium"), {"type": "enabled", "budget_tokens": 8192}),
            (Reasoning(effort="high"), {"type": "enabled", "budget_tokens": 24576}),
            (Reasoning(effort="xhigh"), {"type": "enabled", "budget_tokens": 32768}),
            (Reasoning(budget=5000), {"type": "enabled", "budget_tokens": 5000}),
            (Reasoning(budget=10), {"type": "enabled", "budget_tokens": 1024}),
            (Reasoning(enabled=True), {"type": "enabled", "budget_tokens": 8192}),
            (Reasoning(adaptive=True), {"type": "enabled", "budget_tokens": 8192}),
            (Reasoning(effort="none"), {"type": "disabled"}),
            (Reasoning(budget=0), {"type": "disabled"}),
            (Reasoning(enabled=False), {"type": "disabled"}),
            (Reasoning(summary="auto"), None),
            (None, None),
        ],
    )
    def test_a_budget_where_the_model_takes_one(
        self, reasoning: Reasoning | None, expected: dict[str, Any] | None
    ):
        body = written(reasoning=reasoning)
        assert body.get("thinking") == expected
        assert "output_config" not in body
        assert body["max_tokens"] > (expected or {}).get("budget_tokens", 0)

    @pytest.mark.parametrize(
        ("reasoning", "effort"),
        [
            (Reasoning(effort="minimal"), "low"),
            (Reasoning(effort="xhigh"), "xhigh"),
            (Reasoning(budget=8192), "medium"),
            (Reasoning(budget=100_000), "max"),
            (Reasoning(enabled=True), None),
        ],
    )
    def test_an_effort_where_the_model_takes_no_budget(
        self, reasoning: Reasoning, effort: str | None
    ):
        body = written(model="claude-opus-4-7", reasoning=reasoning)
        assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
        assert body.get("output_config") == ({"effort": effort} if effort else None)

    @pytest.mark.parametrize(
        ("limit", "budget", "max_tokens"),
        [(None, 24576, 32768), (50_000, 24576, 50_000), (8000, 4000, 8000), (500, 1024, 1524)],
    )
    def test_the_budget_stays_below_the_limit(
        self, limit: int | None, budget: int, max_tokens: int
    ):
        body = written(reasoning=Reasoning(effort="high"), max_tokens=limit)
        assert (body["thinking"]["budget_tokens"], body["max_tokens"]) == (budget, max_tokens)

    @pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-5"])
    def test_not_with_a_forced_tool_choice(self, model: str):
        body = written(
            model=model,
            reasoning=Reasoning(effort="high"),
            tools=(Tool(name="f"),),
            tool_choice=ToolChoice(mode="required"),
            temperature=0.5,
        )
        assert "thinking" not in body
        assert body["tool_choice"] == {"type": "any"}
        assert body.get("temperature") == (0.5 if model == "claude-sonnet-4-5" else None)

    def test_not_with_a_budget_in_a_tool_loop_without_thinking(self):
        loop = (turn("user", HELLO), turn("assistant", call("a")), turn("user", result("a")))
        assert "thinking" not in written(*loop, reasoning=Reasoning(effort="high"))
        adaptive = written(*loop, reasoning=Reasoning(effort="high"), model="claude-opus-5")
        assert adaptive["thinking"]["type"] == "adaptive"
        signed = Thinking(text="hm", signature="c2ln", signer="anthropic")
        loop = (
            turn("user", HELLO),
            turn("assistant", signed, call("a")),
            turn("user", result("a")),
        )
        assert written(*loop, reasoning=Reasoning(effort="high"))["thinking"]["type"] == "enabled"

    def test_not_with_a_budget_and_a_prefill(self):
        body = written(
            turn("user", HELLO),
            turn("assistant", Text(text="So")),
            reasoning=Reasoning(effort="high"),
        )
        assert "thinking" not in body


class TestSampling:
    @pytest.mark.parametrize(
        ("settings", "expected"),
        [
            ({"temperature": 0.3, "top_p": 0.5, "top_k": 9}, (0.3, 0.5, 9)),
            ({"temperature": 1.7}, (1.0, None, None)),
            ({"temperature": 0.3, "top_p": 0.5, "model": "claude-3-haiku"}, (0.3, 0.5, None)),
            ({"temperature": 0.3, "top_p": 0.5, "model": "claude-haiku-4-5"}, (0.3, None, None)),
            ({"top_p": 0.5, "model": "claude-haiku-4-5"}, (None, 0.5, None)),
            ({"temperature": 0.3, "top_k": 9, "model": "claude-opus-5"}, (None, None, None)),
        ],
    )
    def test_what_the_model_takes(self, settings: dict[str, Any], expected: tuple[Any, ...]):
        body = written(**settings)
        assert tuple(body.get(n) for n in ("temperature", "top_p", "top_k")) == expected

    @pytest.mark.parametrize(
        ("settings", "expected"),
        [
            ({"temperature": 0.3, "top_p": 0.5, "top_k": 9}, (None, None, None)),
            ({"temperature": 1.0, "top_p": 0.97}, (1.0, 0.97, None)),
        ],
    )
    def test_with_thinking(self, settings: dict[str, Any], expected: tuple[Any, ...]):
        body = written(reasoning=Reasoning(effort="low"), **settings)
        assert tuple(body.get(n) for n in ("temperature", "top_p", "top_k")) == expected

    @pytest.mark.parametrize(
        ("model", "version"),
        [
            ("claude-opus-4-7", (4, 7)),
            ("anthropic/claude-opus-4.8", (4, 8)),
            ("us.anthropic.claude-sonnet-4-20250514-v1:0", (4, 0)),
            ("claude-3-5-sonnet-20241022", (3, 5)),
            ("claude-4.6-opus", (4, 6)),
            ("claude-sonnet-5", (5, 0)),
            ("Claude-Haiku-4-5@20251001", (4, 5)),
            ("glm-4.7", None),
            ("claude-mythos-preview", None),
        ],
    )
    def test_versions(self, model: str, version: tuple[int, int] | None):
        assert claude_version(model) == version


class TestOutput:
    def test_a_schema(self):
        schema = {"type": "object", "properties": {}, "additionalProperties": False}
        body = written(output=Output(kind="json_schema", name="n", schema=schema, strict=True))
        assert body["output_config"] == {"format": {"type": "json_schema", "schema": schema}}

    def test_json_without_a_schema_is_an_instruction_at_the_end(self):
        body = written(
            turn("system", Text(text="Be brief.")),
            turn("user", HELLO),
            output=Output(kind="json_object"),
        )
        assert body["system"][0] == said("Be brief.")
        assert "JSON object" in body["system"][1]["text"]
        assert "output_config" not in body

    def test_a_schema_that_cannot_be_enforced_is_an_instruction(self):
        schema = {"type": "object", "additionalProperties": {"type": "integer"}}
        body = written(output=Output(kind="json_schema", schema=schema))
        assert '"additionalProperties":{"type":"integer"}' in body["system"][0]["text"]
        assert "output_config" not in body

    def test_objects_are_closed(self):
        schema = {
            "type": "object",
            "properties": {
                "a": {"anyOf": [{"type": "object", "properties": {}}, {"type": "null"}]},
                "b": {"type": "array", "items": {"$ref": "#/$defs/b"}, "minItems": 1},
            },
            "$defs": {"b": {"type": "object", "properties": {"minimum": {"type": "integer"}}}},
        }
        assert closed(schema) == {
            "type": "object",
            "properties": {
                "a": {
                    "anyOf": [
                        {"type": "object", "properties": {}, "additionalProperties": False},
                        {"type": "null"},
                    ]
                },
                "b": {"type": "array", "items": {"$ref": "#/$defs/b"}, "minItems": 1},
            },
            "$defs": {
                "b": {
                    "type": "object",
                    "properties": {"minimum": {"type": "integer"}},
                    "additionalProperties": False,
                }
            },
            "additionalProperties": False,
        }
        assert "additionalProperties" not in schema

    def test_limits_are_told_in_the_description(self):
        schema = {"type": "integer", "minimum": 1, "maximum": 9, "description": "A digit."}
        assert closed(schema) == {
            "type": "integer",
            "description": 'A digit. {"minimum":1,"maximum":9}',
        }
        assert closed({"type": "string", "format": "email"}) == {
            "type": "string",
            "format": "email",
        }
        assert closed({"type": "string", "format": "phone"}) == {
            "type": "string",
            "description": '{"format":"phone"}',
        }

    @pytest.mark.parametrize(
        "schema",
        [{"type": "object"}, {"type": "array", "items": {"type": "object"}}],
    )
    def test_open_objects_cannot_be_closed(self, schema: dict[str, Any]):
        assert closed(schema) is None


def test_the_rest():
    body = written(
        stop=("END", "\n", ""),
        user="user-1",
        service_tier="default",
        stream=True,
        seed=1,
        metadata={"a": "b"},
        extra={"foreign": 1},
    )
    assert body["stop_sequences"] == ["END"]
    assert body["metadata"] == {"user_id": "user-1"}
    assert body["service_tier"] == "standard_only"
    assert body["stream"] is True
    assert not {"seed", "foreign"} & body.keys()
    assert "metadata" not in written(user="someone@example.com")
    assert "service_tier" not in written(service_tier="flex")
    assert "stop_sequences" not in written(stop=("\n",))
