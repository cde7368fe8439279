"""Limits at one moment: where it is counted, until when, and how the wire has it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.state.shared.lines import BUCKETS
from switchyard.state.shared.lines import LimitLine
from switchyard.state.shared.lines import amount_of
from switchyard.state.shared.lines import denied
from switchyard.state.shared.lines import kind_of
from switchyard.state.shared.lines import lines_of
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Ask
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import Sliding

NOW = 1_793_491_195_000
SLOTS = Limit(key="a", kind="slots", most=2)
RATE = Limit(key="a", kind="tokens", most=100, period=Sliding(60))
SHADOW = Limit(key="a", kind="requests", most=1, period=Sliding(60), enforce=False)
DAY = Limit(key="a", kind="money", most=1000, period=Calendar("day"))
AMOUNTS = Amounts(tokens=30, money=400)


def test_each_line_wants_its_own_kind() -> None:
    lines = lines_of((SLOTS, RATE, SHADOW, DAY), AMOUNTS, NOW)
    assert [line.amount for line in lines] == [1, 30, 1, 400]
    assert [line.enforce for line in lines] == [True, True, False, True]


@given(st.integers(1, 86_400), st.integers(0, 2**42))
def test_a_bucket_counts_for_a_window(seconds: int, now: int) -> None:
    limit = Limit(key="a", kind="requests", most=1, period=Sliding(seconds))
    (line,) = lines_of((limit,), Amounts(), now)
    end = line.end(line.index(now))
    assert line.window - line.window / BUCKETS <= end - now <= line.window + 1
    assert line.index(end) == line.index(now) + BUCKETS


@pytest.mark.parametrize("limit", [SLOTS, RATE, SHADOW, DAY])
def test_the_wire_keeps_a_line(limit: Limit) -> None:
    (line,) = lines_of((limit,), AMOUNTS, NOW)
    assert LimitLine.of_wire(json.loads(json.dumps(line.wire()))) == line


@pytest.mark.parametrize(
    "wire",
    [
        [],
        [1, "slots", 1, 1, 1, 0, 1, []],
        ["a", "sloths", 1, 1, 1, 0, 1, []],
        ["a", "slots", "1", 1, 1, 0, 1, []],
        ["a", "slots", 1, 1, 1, 0, 1, [0.5]],
    ],
)
def test_malformed_lines_raise(wire: list[object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        LimitLine.of_wire(wire)


def test_kinds() -> None:
    assert kind_of("money") == "money"
    assert amount_of(AMOUNTS, "slots") == 0
    assert amount_of(AMOUNTS, "money") == 400


def test_a_refusal_waits_for_the_longest_and_names_it_first() -> None:
    limits = (SLOTS, RATE, DAY)
    lines = lines_of(limits, AMOUNTS, NOW)
    answer = denied(
        Ask(limits=limits), lines, [(2, 2, 0, 5, 0), (90, 0, 0, 40, 0), (0, 0, 0, 0, 0)]
    )
    assert answer.retry_after == 40
    assert [one.standing.limit for one in answer.exceeded] == [RATE, SLOTS]
    never = denied(Ask(limits=limits), lines, [(2, 2, 0, 5, 0), (0, 0, 0, 0, 0), (9, 0, 0, -1, 0)])
    assert never.retry_after is None
    assert never.exceeded[0].standing.limit == DAY
