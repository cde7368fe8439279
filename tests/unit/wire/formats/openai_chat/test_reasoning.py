"""Thinking in streams of Chat Completions, in each dialect."""

from typing import Any

import pytest

from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from tests.unit.wire.chat_chunks import DONE
from tests.unit.wire.chat_chunks import chunk
from tests.unit.wire.chat_chunks import reply


def thoughts(*pieces: bytes) -> list[Thinking]:
    return [part for part in reply(*pieces, DONE).choice.parts if isinstance(part, Thinking)]


class TestThinking:
    @pytest.mark.parametrize("name", ["reasoning", "reasoning_content", "reasoning_text"])
    def test_plain(self, name: str) -> None:
        parts = reply(
            chunk({name: "h"}), chunk({name: "m"}), chunk({"content": "a"}), DONE
        ).choice.parts
        assert [(type(p), p.text) for p in parts] == [(Thinking, "hm"), (Text, "a")]  # type: ignore[union-attr]

    def test_under_two_names(self) -> None:
        pieces = [chunk({"reasoning": t, "reasoning_content": t}) for t in ("h", "m")]
        assert [t.text for t in thoughts(*pieces)] == ["hm"]

    def test_as_details_too(self) -> None:
        def both(text: str) -> bytes:
            entry = {"type": "reasoning.text", "text": text, "index": 0, "format": None}
            return chunk({"reasoning": text, "reasoning_details": [entry]})

        assert [t.text for t in thoughts(both("no"), both("no"))] == ["nono"]

    def test_as_details_alone(self) -> None:
        pieces = [
            chunk({"reasoning_details": [{"type": "reasoning.text", "text": t, "index": 0}]})
            for t in ("no", "no", "!")
        ]
        assert [t.text for t in thoughts(*pieces)] == ["nono!"]

    def test_summed_up_at_the_end(self) -> None:
        entry = {
            "type": "reasoning.text",
            "text": "hm",
            "signature": "sig",
            "format": "anthropic-claude-v1",
            "index": 0,
        }
        (thought,) = thoughts(
            chunk({"reasoning_content": "h"}),
            chunk({"reasoning_content": "m"}),
            chunk({"reasoning_details": [entry]}),
            chunk({"content": "a"}),
        )
        assert (thought.text, thought.signature, thought.signer) == ("hm", "sig", "anthropic")

    def test_an_encrypted_item_takes_in_its_summary(self) -> None:
        kind = {"format": "openai-responses-v1", "index": 0}
        (thought,) = thoughts(
            chunk(
                {
                    "reasoning": "short",
                    "reasoning_details": [
                        {"type": "reasoning.summary", "summary": "short", **kind}
                    ],
                }
            ),
            chunk(
                {
                    "reasoning_details": [
                        {"type": "reasoning.encrypted", "data": "blob", "id": "rs_1", **kind}
                    ]
                }
            ),
            chunk({"content": "a"}),
        )
        assert (thought.text, thought.redacted, thought.id) == ("short", "blob", "rs_1")
        assert thought.summary and thought.signer == "openai-responses"

    def test_an_encrypted_item_alone(self) -> None:
        entry = {"type": "reasoning.encrypted", "data": "blob", "format": "anthropic-claude-v1"}
        (thought,) = thoughts(chunk({"reasoning": None, "reasoning_details": [entry]}))
        assert (thought.text, thought.redacted, thought.signer) == ("", "blob", "anthropic")

    def test_in_a_list_of_parts(self) -> None:
        def thinking(text: str) -> dict[str, Any]:
            return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}

        parts = reply(
            chunk({"content": [thinking("h")]}),
            chunk({"content": [thinking("m"), {"type": "text", "text": "a"}]}),
            chunk({"content": "b"}),
            DONE,
        ).choice.parts
        assert [(type(p), p.text) for p in parts] == [(Thinking, "hm"), (Text, "ab")]  # type: ignore[union-attr]

    def test_between_words(self) -> None:
        parts = reply(
            chunk({"content": "a"}), chunk({"reasoning": "hm"}), chunk({"content": "b"}), DONE
        ).choice.parts
        assert [type(p) for p in parts] == [Text, Thinking, Text]
