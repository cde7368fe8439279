from typing import Any

import pytest

from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.model.conversation import ToolResult
from tests.unit.wire.formats.anthropic.adapt_support import HELLO
from tests.unit.wire.formats.anthropic.adapt_support import answer
from tests.unit.wire.formats.anthropic.adapt_support import call
from tests.unit.wire.formats.anthropic.adapt_support import result
from tests.unit.wire.formats.anthropic.adapt_support import said
from tests.unit.wire.formats.anthropic.adapt_support import turn
from tests.unit.wire.formats.anthropic.adapt_support import written


def use(call_id: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": "f", "input": arguments}


UNANSWERED = {"content": "This call was not answered.", "is_error": True}


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

    def test_media_of_failed_calls_stand_behind_all_results(self):
        image = Media(kind="image", media_type="image/png", data="iVBORw0KGgo=")
        seen = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
        body = written(
            turn("assistant", call("a"), call("b")),
            turn(
                "user",
                ToolResult(call_id="a", parts=(Text(text="see"), image), is_error=True),
                ToolResult(call_id="b", parts=(image,), is_error=True),
                HELLO,
            ),
        )
        assert body["messages"][1]["content"] == [
            {"type": "tool_result", "tool_use_id": "a", "content": "see", "is_error": True},
            {"type": "tool_result", "tool_use_id": "b", "content": "error", "is_error": True},
            {"type": "image", "source": seen},
            {"type": "image", "source": seen},
            said(HELLO.text),
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
