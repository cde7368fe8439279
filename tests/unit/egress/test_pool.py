"""Requests that wait for a connection which is about to be free."""

import asyncio
from types import SimpleNamespace
from typing import Any
from typing import cast

import pytest
from mitmproxy.connection import ConnectionState
from mitmproxy.connection import Server
from mitmproxy.proxy import commands
from mitmproxy.proxy import events

from switchyard.egress.connect import GetEgressConnection
from switchyard.egress.pool import ConnectionPool
from switchyard.protocols.driver import DrivenLayer

ADDRESS = "127.0.0.1", 8080


class Layer:
    """One client's layer, as far as the pool asks."""

    def __init__(self, *servers: Server) -> None:
        self.handler = self
        self.connections = dict.fromkeys(servers, SimpleNamespace(context=None))
        self.woken: list[events.Event] = []

    def process(self, event: events.Event) -> None:
        self.woken.append(event)


def server() -> Server:
    made = Server(address=ADDRESS)
    made.state = ConnectionState.OPEN
    return made


def wanted(address: tuple[str, int] = ADDRESS) -> GetEgressConnection:
    return GetEgressConnection(address, False, None)


def wait(pool: ConnectionPool, one: GetEgressConnection, layer: Layer) -> Any:
    timer = commands.RequestWakeup(1)
    pool.await_end(one, cast(DrivenLayer, layer), timer)
    return timer


async def turn() -> None:
    await asyncio.sleep(0)


async def test_a_request_is_woken_when_the_response_has_ended() -> None:
    pool, one = ConnectionPool(), server()
    owner, asking = Layer(one), Layer()
    pool.expect_end(one)
    first = wanted()
    assert pool.has_ending(first)
    timer = wait(pool, first, asking)
    pool.add(one, cast(DrivenLayer, owner))
    await turn()
    (event,) = asking.woken
    assert isinstance(event, events.Wakeup) and event.command is timer
    assert not pool.has_ending(wanted())  # it is free now


async def test_each_connection_is_waited_for_by_one_request_and_each_request_waits_once() -> None:
    pool, one = ConnectionPool(), server()
    pool.expect_end(one)
    first = wanted()
    wait(pool, first, Layer())
    assert not pool.has_ending(wanted())
    pool.stop_waiting(first)
    assert pool.has_ending(wanted()) and not pool.has_ending(first)
    assert not pool.has_ending(wanted(("127.0.0.1", 8081)))


@pytest.mark.parametrize("ends_later", [False, True])
async def test_where_the_end_did_not_come_nobody_waits_again(ends_later: bool) -> None:
    pool, one, asking = ConnectionPool(), server(), Layer()
    pool.expect_end(one)
    wait(pool, wanted(), asking)
    pool.remove(one)
    await turn()
    assert len(asking.woken) == 1
    another = server()
    if ends_later:
        pool.add(another, cast(DrivenLayer, Layer(another)))
    pool.expect_end(another)
    assert pool.has_ending(wanted()) == ends_later
