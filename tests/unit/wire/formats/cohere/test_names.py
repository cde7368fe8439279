"""Cohere's words for ends and tokens."""

from typing import get_args

import pytest

from switchyard.wire.formats.cohere.names import chat_usage
from switchyard.wire.formats.cohere.names import finish_word
from switchyard.wire.formats.cohere.names import write_usage
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import StopReason
from switchyard.wire.model.conversation import Usage

WORDS = {"COMPLETE", "STOP_SEQUENCE", "MAX_TOKENS", "TOOL_CALL", "ERROR", "TIMEOUT"}
"""What `finish_reason` may be (Cohere's API reference)."""


@pytest.mark.parametrize("reason", get_args(StopReason.__value__))
def test_each_end_has_one_of_coheres_words(reason: StopReason) -> None:
    word = finish_word(Stop(reason=reason))
    assert word in WORDS and (word == "MAX_TOKENS") == (reason in ("length", "context_window"))


def test_an_answer_without_a_reason_is_complete() -> None:
    assert finish_word(None) == "COMPLETE"


def test_tokens_there_and_back() -> None:
    written = write_usage(Usage(input=5, output=6, cache_read=1))
    assert chat_usage(written) == {
        "prompt_tokens": 5,
        "completion_tokens": 6,
        "total_tokens": 11,
        "prompt_tokens_details": {"cached_tokens": 1},
    }
    assert chat_usage({"billed_units": {"input_tokens": 2}}) == {
        "prompt_tokens": 2,
        "completion_tokens": 0,
        "total_tokens": 2,
    }
    assert chat_usage({}) is None
