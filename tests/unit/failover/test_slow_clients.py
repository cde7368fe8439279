"""Silence of an upstream from which nothing is read, since its client takes nothing."""

from switchyard.failover.attempt import Timeouts
from switchyard.failover.slow_clients import PATIENCE
from tests.unit.failover.answers import CHUNKED
from tests.unit.failover.answers import END
from tests.unit.failover.answers import Clock
from tests.unit.failover.answers import assert_let_go
from tests.unit.failover.answers import chunk
from tests.unit.failover.driver import Driver

TIMES = Timeouts(first_output=10, between_chunks=3)


def begun() -> Driver:
    return Driver([1], timeouts=TIMES).request().says(CHUNKED + chunk(b"one\n"))


def test_silence_counts_from_when_the_client_reads_again(clock: Clock) -> None:
    d = begun()
    d.holding.until = clock.now + 5
    for after in (3.1, 4.8):
        clock.now += after
        d.wake()
        assert b"broken" not in d.answer
    clock.now += 0.2
    d.wake()
    assert d.answer.endswith(chunk(b"[broken]\n") + END)
    assert_let_go(d)


def test_words_that_come_then_are_passed_on(clock: Clock) -> None:
    d = begun()
    for _ in range(8):
        clock.now += 2
        d.holding.until = clock.now
        d.wake()
    clock.now += 2
    d.says(chunk(b"end\n") + END)
    assert b"broken" not in d.answer and d.answer.endswith(chunk(b"end\n") + END)
    assert_let_go(d)


def test_a_client_that_takes_nothing_is_left(clock: Clock) -> None:
    d, began = begun(), clock.now
    while d.client not in d.closed:
        clock.now += 3.1
        d.holding.until = clock.now
        d.wake()
        assert clock.now < began + PATIENCE + 10
    assert clock.now > began + PATIENCE
    assert b"broken" not in d.answer and not d.failures
    d.hangs_up()
    assert_let_go(d)
