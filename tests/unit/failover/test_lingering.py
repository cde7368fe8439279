"""What comes of a response after its client has the terminal event."""

import pytest

from switchyard.failover.lingering import LINGER
from switchyard.failover.lingering import LINGER_BYTES
from tests.unit.failover.answers import CHUNKED
from tests.unit.failover.answers import END
from tests.unit.failover.answers import Clock
from tests.unit.failover.answers import assert_let_go
from tests.unit.failover.answers import chunk
from tests.unit.failover.driver import Driver


def test_a_client_that_leaves_with_the_terminal_event_was_answered() -> None:
    d = Driver([1, 2]).request().says(CHUNKED + chunk(b"one\n") + chunk(b"end\n"))
    d.hangs_up()
    assert d.closed == [] and "error" not in d.hooks
    before = d.answer
    d.says(END)
    assert d.hooks.count("response") == 1 and "error" not in d.hooks
    assert d.answer.removeprefix(before) in (b"", END)
    # The client's own connection was all that kept the upstream's.
    assert d.closed == [d.client]
    assert len(d.attempts) == 1
    assert_let_go(d)


def test_the_end_is_awaited_for_a_moment_after_the_client_left(clock: Clock) -> None:
    d = Driver([1]).request().says(CHUNKED + chunk(b"end\n"))
    clock.now += LINGER - 0.1
    d.wake().hangs_up().says(chunk(b"more\n"))
    assert d.closed == []
    clock.now += 0.2
    d.wake()
    assert d.hooks.count("response") == 1 and "error" not in d.hooks
    assert set(d.closed) == {d.client, d.servers[0]}
    assert_let_go(d)


def test_no_more_than_some_bytes_are_read_after_the_end() -> None:
    d = Driver([1]).request().says(CHUNKED + chunk(b"end\n"))
    for _ in range(LINGER_BYTES // 16384 + 1):
        d.says(chunk(b"x" * 16384))
    assert d.servers[0] in d.closed
    assert d.answer.endswith(chunk(b"end\n") + END)
    assert_let_go(d)


@pytest.mark.parametrize("how", ["cut", "reset"])
def test_an_upstream_that_breaks_off_after_the_end_harms_nobody(how: str) -> None:
    d = Driver([1, 2]).request().says(CHUNKED + chunk(b"end\n"))
    if how == "reset":
        d.hangs_up()
    d.closes()
    assert d.hooks.count("response") == 1 and "error" not in d.hooks
    assert len(d.attempts) == 1
    assert (d.client in d.closed) == (how == "reset")
    assert_let_go(d)
