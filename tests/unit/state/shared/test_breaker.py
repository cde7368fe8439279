"""When the breaker opens, and when a probe is due."""

import random

import pytest

from switchyard.state.shared.breaker import Breaker


def test_three_failures_within_a_second_open_it() -> None:
    breaker = Breaker(random.Random(1))
    assert [breaker.fail(at) for at in (0.0, 0.6, 1.2, 1.8)] == [False] * 4
    assert not breaker.is_open
    assert breaker.fail(1.81) and not breaker.fail(1.82)
    assert breaker.is_open and 0.8 <= breaker.probe_at - 1.81 <= 1.2


def test_pauses_double_up_to_a_bound_and_begin_anew() -> None:
    breaker = Breaker(random.Random(1))
    for _ in range(3):
        breaker.fail(0.0)
    for pause in (2, 4, 8, 16, 30, 30):
        breaker.fail_probe(100.0)
        assert breaker.probe_at - 100 == pytest.approx(pause, rel=0.2)
    assert breaker.close() and not breaker.close()
    assert [breaker.fail(200.0) for _ in range(3)] == [False, False, True]
    assert breaker.probe_at - 200 == pytest.approx(1, rel=0.2)
