"""The output that is expected of a request."""

import math
from typing import Any

import pytest

from switchyard.clients.expected import ENOUGH
from switchyard.clients.expected import ExpectedOutput
from switchyard.clients.expected import most_output


def test_a_few_answers_tell_nothing_and_then_19_of_20_are_below() -> None:
    expected = ExpectedOutput()
    for _ in range(ENOUGH - 1):
        expected.note("ann", "m", 100)
    assert expected.of("ann", "m") is None and expected.of("ben", "m") is None
    for output in [100] * 50 + [9000] * 2 + [200] * 5:
        expected.note("ann", "m", output)
    assert expected.of("ann", "m") == 200


def test_what_is_old_no_longer_counts() -> None:
    expected = ExpectedOutput()
    for output in [5000] * 64 + [7] * 64:
        expected.note("ann", "m", output)
    assert expected.of("ann", "m") == 7


@pytest.mark.parametrize(
    ("body", "most"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({"max_output_tokens": 7}, 7),
        ({"generationConfig": {"maxOutputTokens": 8}}, 8),
        ({"options": {"num_predict": 9}}, 9),
        ({"options": {"num_predict": -1}}, None),
        ({"max_tokens": None}, None),
        ({"max_tokens": "many"}, None),
        ({"generationConfig": "x"}, None),
        ({}, None),
        ({"max_tokens": 0}, None),
        ({"max_tokens": True}, None),
        ({"max_tokens": 1e3}, 1000),
        ({"max_tokens": 2.0**80}, 2**80),
        ({"max_tokens": math.inf}, None),
        ({"max_tokens": " 1000 "}, 1000),
        ({"max_tokens": "9" * 5000}, None),
        ({"max_tokens": None, "max_completion_tokens": 6}, 6),
        ({"max_tokens": 1, "max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "n": 3}, 15),
        ({"max_tokens": 5, "n": 2, "best_of": 4}, 20),
        ({"generation_config": {"max_output_tokens": 8, "candidate_count": 2}}, 16),
        ({"n": 3}, None),
    ],
)
def test_the_most_that_a_request_allows(body: dict[str, Any], most: int | None) -> None:
    assert most_output(body) == most
