"""Connections on which nothing runs are closed; what their clients have sent is read before."""

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from switchyard.engine.connection import TcpConnection
from switchyard.failover import client_connections
from switchyard.failover.client_connections import ClientConnections


class Client:
    """A client's end of a connection, and the router's."""

    def __init__(self) -> None:
        self.closed = False
        self.place: Any = TcpConnection(None, None)
        self.place.cancel = self._cancel
        self.id = "client"
        self.handler: Any = SimpleNamespace(
            client=self,
            transports={self: self.place},
            timeout_watchdog=SimpleNamespace(last_activity=0.0),
        )

    async def connect(self) -> socket.socket:
        theirs, ours = socket.socketpair()
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: self.place, ours)
        return theirs

    def _cancel(self, _why: str) -> None:
        self.closed = True


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    made = Client()
    monkeypatch.setattr(client_connections, "_handlers", lambda: {made.id: made.handler})
    return made


async def test_a_quiet_connection_is_closed(client: Client) -> None:
    with await client.connect():
        assert await ClientConnections().close_idle(quiet_for=0.0) == 0
    assert client.closed


async def test_one_whose_client_has_sent_what_was_not_read_yet_stays(client: Client) -> None:
    connections = ClientConnections()
    with await client.connect() as theirs:
        client.place.transport.pause_reading()
        theirs.send(b"GET")
        assert await connections.close_idle(quiet_for=0.0) == 1
    assert not client.closed


async def test_one_whose_request_waits_for_a_turn_of_the_loop_stays(client: Client) -> None:
    client.place.has_late = True
    with await client.connect():
        assert await ClientConnections().close_idle(quiet_for=0.0) == 1
    assert not client.closed


async def test_one_whose_client_only_left_is_closed(client: Client) -> None:
    (await client.connect()).close()
    assert await ClientConnections().close_idle(quiet_for=0.0) == 0
    assert client.closed
