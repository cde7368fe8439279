"""Two attempts at once: the first output wins."""

import pytest

from tests.unit.failover.answers import CHUNKED
from tests.unit.failover.answers import END
from tests.unit.failover.answers import REFUSAL
from tests.unit.failover.answers import Clock
from tests.unit.failover.answers import assert_let_go
from tests.unit.failover.answers import chunk
from tests.unit.failover.driver import Driver


def hedging(d: Driver, after: float = 2.0) -> Driver:
    def hedge(hook) -> None:
        if hook.name == "attempt" and hook.attempt.number == 1:
            hook.attempt.hedge_after = after

    d.on_hook = hedge
    return d


def test_a_slow_attempt_is_hedged_and_the_first_output_wins(clock: Clock) -> None:
    d = hedging(Driver([1, 2])).request()
    clock.now += 1.9
    d.wake()
    assert len(d.servers) == 1
    clock.now += 0.2
    d.wake()
    assert len(d.servers) == 2 and d.attempts[1].hedge
    d.says(CHUNKED + chunk(b"second\n"), server=1)
    assert d.servers[0] in d.closed and d.attempts[0].lost
    d.says(chunk(b"end\n") + END, server=1)
    assert d.answer.endswith(chunk(b"second\n") + chunk(b"end\n") + END)
    assert d.failures == [] and d.hooks.count("attempt_ended") == 1
    assert_let_go(d)


def test_a_hedged_attempt_may_still_win(clock: Clock) -> None:
    d = hedging(Driver([1, 2])).request()
    clock.now += 2.1
    d.wake()
    d.says(CHUNKED + chunk(b"first\n"), server=0)
    assert d.servers[1] in d.closed and d.attempts[1].lost
    d.says(chunk(b"end\n") + END, server=0)
    assert d.answer.endswith(chunk(b"first\n") + chunk(b"end\n") + END)
    assert_let_go(d)


@pytest.mark.parametrize("connecting", [True, False])
def test_a_hedge_to_the_same_server_has_a_connection_of_its_own(
    clock: Clock, connecting: bool
) -> None:
    """HTTP/1 carries one request at a time."""
    d = hedging(Driver([1, 1]))
    d.hold_connects = connecting
    d.request()
    clock.now += 2.1
    d.wake()
    while d.held_connects:
        d.finish_connect()
    assert len(d.servers) == 2
    assert all(d.sent[server].startswith(b"POST /up") for server in d.servers)
    d.says(CHUNKED + chunk(b"end\n") + END, server=1)
    assert d.answer.endswith(chunk(b"end\n") + END)
    assert d.servers[0] in d.closed and d.attempts[0].lost
    assert_let_go(d)


@pytest.mark.parametrize("fails", [0, 1])
def test_one_of_two_may_fail(fails: int, clock: Clock) -> None:
    d = hedging(Driver([1, 2, 3])).request()
    clock.now += 2.1
    d.wake()
    d.says(REFUSAL, server=fails)
    assert len(d.servers) == 2 and d.answer == b""
    d.says(CHUNKED + chunk(b"end\n") + END, server=1 - fails)
    assert d.answer.endswith(chunk(b"end\n") + END)
    assert len(d.failures) == 1
    assert_let_go(d)


def test_when_both_fail_the_next_is_tried(clock: Clock) -> None:
    d = hedging(Driver([1, 2, 3])).request()
    clock.now += 2.1
    d.wake()
    d.says(REFUSAL, server=1).says(REFUSAL, server=0)
    d.says(CHUNKED + chunk(b"end\n") + END, server=2)
    assert d.answer.endswith(chunk(b"end\n") + END)
    assert_let_go(d)


def test_a_hedge_does_not_wait_for_its_connection(clock: Clock) -> None:
    d = hedging(Driver([1, 2])).request()
    d.hold_connects = True
    clock.now += 2.1
    d.wake()
    d.says(CHUNKED + chunk(b"first\n"), server=0)
    assert d.answer.endswith(chunk(b"first\n"))
    assert d.held_connects == []
    d.says(chunk(b"end\n") + END, server=0)
    assert_let_go(d)


def test_a_client_that_leaves_stops_both(clock: Clock) -> None:
    d = hedging(Driver([1, 2])).request()
    clock.now += 2.1
    d.wake().hangs_up()
    assert set(d.servers) <= set(d.closed)
    assert d.hooks.count("error") == 1
    assert_let_go(d)


def test_no_hedge_where_there_is_nobody_to_hedge_with(clock: Clock) -> None:
    d = hedging(Driver([1])).request()
    clock.now += 2.1
    d.wake()
    assert len(d.servers) == 1
    d.says(CHUNKED + chunk(b"end\n") + END)
    assert d.answer.endswith(chunk(b"end\n") + END)
