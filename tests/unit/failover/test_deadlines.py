"""Deadlines of a stream and of its upstream requests."""

import pytest
from mitmproxy.proxy.commands import Command

from switchyard.failover.deadlines import ArmDeadline
from switchyard.failover.deadlines import Deadline
from switchyard.failover.deadlines import Deadlines

FIRST, SECOND = object(), object()


@pytest.fixture
def deadlines(monkeypatch: pytest.MonkeyPatch) -> Deadlines:
    """At 100 seconds."""
    monkeypatch.setattr("time.monotonic", lambda: 100.0)
    return Deadlines()


def dues(commands: list[Command]) -> list[float]:
    assert all(isinstance(command, ArmDeadline) for command in commands)
    return [command.due for command in commands if isinstance(command, ArmDeadline)]


def test_the_layer_hears_of_a_deadline_that_is_earlier_than_all_others(
    deadlines: Deadlines,
) -> None:
    assert dues(list(deadlines.arm(Deadline.TOTAL, 60, FIRST))) == [160]
    assert dues(list(deadlines.arm(Deadline.CONNECT, 5, FIRST))) == [105]
    assert dues(list(deadlines.arm(Deadline.FIRST_BYTE, 10, FIRST))) == []
    assert dues(list(deadlines.arm(Deadline.CONNECT, 7, FIRST))) == []
    assert deadlines.earliest == 107


def test_none_takes_a_deadline_away(deadlines: Deadlines) -> None:
    list(deadlines.arm(Deadline.WAIT, 5))
    assert dues(list(deadlines.arm(Deadline.WAIT, None))) == []
    assert deadlines.earliest is None
    deadlines.disarm(Deadline.WAIT)


def test_upstream_requests_have_their_own(deadlines: Deadlines) -> None:
    for request in (FIRST, SECOND, None):
        list(deadlines.arm(Deadline.TOTAL, 5, request))
    deadlines.disarm(Deadline.TOTAL, SECOND)
    list(deadlines.arm(Deadline.CONNECT, 5, FIRST))
    deadlines.disarm_all(FIRST)
    assert list(deadlines) == [(Deadline.TOTAL, None)]


def test_what_has_passed_is_taken_once(deadlines: Deadlines) -> None:
    list(deadlines.arm(Deadline.HEARTBEAT, 0))
    list(deadlines.arm(Deadline.PROGRESS, -1, FIRST))
    list(deadlines.arm(Deadline.LINGER, 1, FIRST))
    assert deadlines.take_past() == {(Deadline.HEARTBEAT, None), (Deadline.PROGRESS, FIRST)}
    assert deadlines.take_past() == set()
    assert deadlines.earliest == 101
