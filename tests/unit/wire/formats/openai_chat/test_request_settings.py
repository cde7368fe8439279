from typing import Any

import pytest

from switchyard.wire.model.conversation import Output
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.model.conversation import ToolChoice
from tests.unit.wire.formats.openai_chat.request_support import read


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
