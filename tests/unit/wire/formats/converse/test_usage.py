"""Token counts and stop reasons."""

import pytest

from switchyard.usage.prices import tokens_of
from switchyard.wire.formats.converse.usage import read_stop
from switchyard.wire.formats.converse.usage import read_usage
from switchyard.wire.model.conversation import Usage
from tests.support.aws_shapes import service
from tests.support.converse import USAGE

REASONS = {
    "end_turn": "end", "tool_use": "tool_calls", "max_tokens": "length",
    "stop_sequence": "stop_sequence", "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter", "malformed_model_output": "error",
    "malformed_tool_use": "error", "model_context_window_exceeded": "context_window",
}  # fmt: skip


def test_every_stop_reason_that_aws_lists_has_its_meaning() -> None:
    assert [*REASONS] == service().shape_for("StopReason").metadata["enum"]
    for word, reason in REASONS.items():
        stop = read_stop(word, {"stop_sequence": "END"}, calls=False)
        assert (stop.reason, stop.raw, stop.sequence) == (reason, word, "END")
    assert read_stop("brand_new", None, calls=False).reason == "other"
    assert read_stop("end_turn", None, calls=True).reason == "tool_calls"


def test_the_prompt_is_what_was_cached_and_what_was_not() -> None:
    usage = Usage(input=42, output=9, cache_read=30, cache_write=5, total=51)
    assert read_usage(USAGE) == usage


def test_what_is_kept_for_an_hour_costs_more() -> None:
    details = [{"ttl": "1h", "inputTokens": 4}, {"ttl": "5m", "inputTokens": 1}]
    usage = read_usage({**USAGE, "cacheDetails": details})
    assert usage is not None
    assert tokens_of(usage)["cache_write_1h"] == 4


@pytest.mark.parametrize("raw", [{}, {"totalTokens": 3}, {"inputTokens": None}])
def test_counts_that_are_none(raw: dict[str, object]) -> None:
    assert read_usage(raw) is None
