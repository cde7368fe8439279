"""Requests that come at once begin in several turns of the loop, if tokens would wait for them."""

import asyncio
from typing import Any
from unittest.mock import Mock

import pytest
from mitmproxy.proxy import mode_specs

from switchyard.engine import install
from switchyard.engine.accepting import AcceptedAtOnce
from switchyard.engine.connection import TcpConnection
from switchyard.engine.turns import BUDGET
from switchyard.engine.turns import STALE
from switchyard.engine.turns import Turns

LONG = BUDGET * 0.6
"""Seconds of a request: two of them are more than a turn has."""


class Clock:
    """Stands still but while somebody works."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Client:
    """Asks at once, or when its turn comes."""

    def __init__(self, turns: Turns, clock: Clock, begun: list["Client"]) -> None:
        self._turns, self._clock, self._begun = turns, clock, begun

    def ask(self) -> None:
        if (now := self._turns.begin()) is None:
            self._turns.put_off(self)
            return
        self.catch_up()
        self._turns.spend(now)

    def catch_up(self) -> None:
        self._clock.now += LONG
        self._begun.append(self)


def turns_with_tokens(clock: Clock) -> Turns:
    turns = Turns(clock)
    turns.begin()
    turns.tokens = True
    return turns


async def begun_in_turns(tokens: bool) -> list[int]:
    """How many of seven requests that come at once begin in each turn."""
    clock, begun = Clock(), []
    turns = turns_with_tokens(clock)
    turns.tokens = tokens
    clients = [Client(turns, clock, begun) for _ in range(7)]
    for client in clients:
        client.ask()
    counts = [len(begun)]
    while len(begun) < 7:
        await asyncio.sleep(0)
        counts.append(len(begun) - sum(counts))
    assert begun == clients, "they begin in the order in which they came"
    return counts


async def test_nobody_waits_where_no_tokens_pass() -> None:
    assert await begun_in_turns(tokens=False) == [7]


async def test_a_turn_has_no_more_requests_than_fit() -> None:
    assert await begun_in_turns(tokens=True) == [2, 2, 2, 1]


async def test_tokens_of_long_ago_do_not_count() -> None:
    clock, begun = Clock(), []
    turns = turns_with_tokens(clock)
    for _ in range(2):
        clock.now += STALE * 2
        turns.begin()
    for _ in range(7):
        Client(turns, clock, begun).ask()
    assert len(begun) == 7


async def test_a_newcomer_does_not_pass_those_who_wait() -> None:
    clock, begun = Clock(), []
    turns = turns_with_tokens(clock)
    clients = [Client(turns, clock, begun) for _ in range(4)]
    for client in clients[:3]:
        client.ask()
    clock.now += STALE * 2  # no tokens any more
    turns.begin()
    clients[3].ask()
    assert begun == clients[:2]
    while len(begun) < 4:
        await asyncio.sleep(0)
    assert begun == clients


async def test_one_that_fails_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, begun = Clock(), []
    turns = turns_with_tokens(clock)
    clients = [Client(turns, clock, begun) for _ in range(5)]
    clients[2].catch_up = Mock(side_effect=RuntimeError)  # type: ignore[method-assign]
    for client in clients:
        client.ask()
    while len(begun) < 4:
        await asyncio.sleep(0)
    assert begun == [clients[0], clients[1], clients[3], clients[4]]


class Listener(Mock):
    """Keeps what a wire brings, in order."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heard: list[bytes | None] = []

    def received(self, wire: TcpConnection, data: bytes) -> None:
        self.heard.append(data)

    def ended(self, wire: TcpConnection) -> None:
        self.heard.append(None)


def late_client(monkeypatch: pytest.MonkeyPatch) -> tuple[install.ClientConnection, Listener]:
    """A connection whose client has to wait for others, and what is heard of it."""
    clock = Clock()
    turns = turns_with_tokens(clock)
    monkeypatch.setattr(install, "turns", turns)
    client = install.ClientConnection(Mock(mode=mode_specs.RegularMode), AcceptedAtOnce())
    client.owner = listener = Listener()
    busy = Client(turns, clock, [])
    for _ in range(3):
        busy.ask()
    return client, listener


async def test_what_a_client_sent_comes_whole_in_order_and_before_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, listener = late_client(monkeypatch)
    for data in (b"1", b"2", b"3"):
        client.data_received(data)
    assert listener.heard == []
    client.eof_received()
    assert listener.heard == [b"1", b"2", b"3", None]


async def test_a_client_that_waits_is_heard_in_a_later_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, listener = late_client(monkeypatch)
    client.data_received(b"1")
    client.data_received(b"2")
    async with asyncio.timeout(30):
        while not listener.heard:
            await asyncio.sleep(0)
    assert listener.heard == [b"1", b"2"]
