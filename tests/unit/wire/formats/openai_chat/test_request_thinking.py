import pytest

from switchyard.wire.model.conversation import Thinking
from tests.unit.wire.formats.openai_chat.request_support import CHAT
from tests.unit.wire.formats.openai_chat.request_support import parts


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
