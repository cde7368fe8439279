from base64 import b64encode
from typing import Any

import pytest

from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolChoice
from tests.unit.wire.formats.anthropic.adapt_support import HELLO
from tests.unit.wire.formats.anthropic.adapt_support import call
from tests.unit.wire.formats.anthropic.adapt_support import result
from tests.unit.wire.formats.anthropic.adapt_support import said
from tests.unit.wire.formats.anthropic.adapt_support import turn
from tests.unit.wire.formats.anthropic.adapt_support import written


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
