"""Token counts in streams of Chat Completions, wherever they come."""

from typing import Any

import pytest

from tests.unit.wire.chat_chunks import DONE
from tests.unit.wire.chat_chunks import STOP
from tests.unit.wire.chat_chunks import bare
from tests.unit.wire.chat_chunks import chunk
from tests.unit.wire.chat_chunks import reply

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


class TestUsage:
    @pytest.mark.parametrize(
        "last",
        [
            chunk({}, "stop", usage=USAGE),
            chunk({}, "stop") + bare(choices=[], usage=USAGE),
            chunk({}, "stop") + bare(usage=USAGE),
            chunk({}, "stop", x_groq={"id": "r", "usage": USAGE}),
            bare(choices=[{"index": 0, "delta": {}, "finish_reason": "stop", "usage": USAGE}]),
            chunk({}, "stop") + chunk({}, usage=USAGE),
        ],
    )
    def test_wherever_it_stands(self, last: bytes) -> None:
        usage = reply(chunk({"content": "a"}), last, DONE).usage
        assert usage is not None and (usage.input, usage.output, usage.total) == (3, 2, 5)

    def test_repeated_in_every_chunk(self) -> None:
        pieces = [
            chunk({"content": "a"}, usage={"prompt_tokens": 3, "completion_tokens": n})
            for n in (1, 2, 3)
        ]
        usage = reply(*pieces, STOP, DONE).usage
        assert usage is not None and (usage.input, usage.output) == (3, 3)

    @pytest.mark.parametrize("usage", [None, {}, "none"])
    def test_none(self, usage: Any) -> None:
        assert reply(chunk({"content": "a"}, usage=usage), STOP, DONE).usage is None

    @pytest.mark.parametrize(
        ("body", "field", "count"),
        [
            ({"prompt_tokens_details": {"cached_tokens": 4}}, "cache_read", 4),
            ({"prompt_cache_hit_tokens": 4}, "cache_read", 4),
            ({"prompt_tokens_details": {"cached_tokens": 0}, "cached_tokens": 4}, "cache_read", 4),
            ({"num_cached_tokens": 4, "prompt_tokens_details": None}, "cache_read", 4),
            ({"prompt_tokens_details": {"cache_write_tokens": 4}}, "cache_write", 4),
            ({"completion_tokens_details": {"reasoning_tokens": 2}}, "reasoning", 2),
            ({"prompt_tokens_details": {"audio_tokens": 2}}, "input_audio", 2),
            ({"completion_tokens_details": {"audio_tokens": 2}}, "output_audio", 2),
        ],
    )
    def test_details(self, body: dict[str, Any], field: str, count: int) -> None:
        usage = reply(bare(choices=[], usage={**USAGE, **body}), DONE).usage
        assert getattr(usage, field) == count

    def test_reasoning_left_out_of_the_output_is_added(self) -> None:
        body = {
            "prompt_tokens": 10,
            "completion_tokens": 2,
            "total_tokens": 42,
            "completion_tokens_details": {"reasoning_tokens": 30},
        }
        usage = reply(bare(choices=[], usage=body), DONE).usage
        assert usage is not None and usage.output == 32
        usage = reply(bare(choices=[], usage={**body, "total_tokens": 12}), DONE).usage
        assert usage is not None and usage.output == 2
