"""The connections of one client's layer: which are given up, forgotten and shared."""

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy import connection
from mitmproxy.connection import ConnectionState
from mitmproxy.connection import Server
from mitmproxy.proxy import commands
from mitmproxy.proxy.layers.http import GetHttpConnectionCompleted

from switchyard.egress.connect import GetEgressConnection
from switchyard.egress.connections import UpstreamConnections

ADDRESS = ("127.0.0.1", 9)


class Stack:
    """The layers of a connection, which speak no HTTP/1."""

    def __init__(self) -> None:
        self.context = SimpleNamespace(layers=[None, self, None])


class Layer:
    """As much of a layer as its connections are about."""

    def __init__(self, *servers: Server) -> None:
        self.context = SimpleNamespace(client=SimpleNamespace(alpn=b"h2"))
        self.connections = {each: Stack() for each in servers}
        self.freed: list[Any] = []
        self.free_soon = self.freed.append
        self.waiting_for_establishment: defaultdict[connection.Connection, list[Any]]
        self.waiting_for_establishment = defaultdict(list)
        self.command_sources: dict[Any, str] = {}
        self.given: list[tuple[str, GetHttpConnectionCompleted]] = []

    def event_to_child(self, stream: str, event: GetHttpConnectionCompleted) -> list[Any]:
        self.given.append((stream, event))
        return []


def server(state: ConnectionState = ConnectionState.OPEN, alpn: bytes = b"h2") -> Server:
    made = Server(address=ADDRESS)
    made.state, made.alpn = state, alpn
    made.timestamp_end = None if state is ConnectionState.OPEN else 1.0
    return made


def wanted(layer: Layer, name: str = "stream", fresh: bool = False) -> GetEgressConnection:
    command = GetEgressConnection(ADDRESS, False, None)
    command.own = command.fresh = fresh
    layer.command_sources[command] = name
    return command


def connections(layer: Any) -> UpstreamConnections:
    return UpstreamConnections(layer, None)


def test_a_connection_that_others_wait_for_is_still_made() -> None:
    being_made = server()
    layer = Layer(being_made)
    one, other = wanted(layer, "one"), wanted(layer, "other")
    layer.waiting_for_establishment[being_made] = [one, other]
    assert list(connections(layer).cancel_connecting(one)) == []
    assert layer.waiting_for_establishment[being_made] == [other]
    assert list(layer.command_sources.values()) == ["other"]
    (command,) = connections(layer).cancel_connecting(other)
    assert isinstance(command, commands.CloseConnection) and command.connection is being_made


def test_one_that_was_made_meanwhile_stays() -> None:
    layer = Layer(server())
    assert list(connections(layer).cancel_connecting(wanted(layer))) == []


def test_dead_connections_are_forgotten_unless_they_are_waited_for() -> None:
    alive, dead, failing = server(), *(server(ConnectionState.CLOSED) for _ in range(2))
    layer = Layer(alive, dead, failing)
    layer.waiting_for_establishment[failing] = [wanted(layer)]
    stack = layer.connections[dead]
    connections(layer).forget_dead()
    assert list(layer.connections) == [alive, failing]
    assert layer.freed == [[stack, None]]


@pytest.mark.parametrize(
    ("fresh", "alpn", "given"),
    [(False, b"h2", True), (False, b"http/1.1", False), (True, b"h2", False)],
    ids=["multiplexed", "busy", "fresh"],
)
def test_requests_side_by_side_share_what_can_carry_more(
    monkeypatch: pytest.MonkeyPatch, fresh: bool, alpn: bytes, given: bool
) -> None:
    made: list[object] = []
    monkeypatch.setattr(
        "mitmproxy.proxy.layers.http.HttpLayer.get_connection",
        lambda layer, command, reuse: [made.append((command, reuse))],
    )
    open_one = server(alpn=alpn)
    layer = Layer(open_one)
    command = wanted(layer, fresh=fresh)
    found = connections(layer)
    found.side_by_side = True
    list(found.get(command))
    assert [event.reply for _, event in layer.given] == ([(open_one, None)] if given else [])
    assert made == ([] if given else [(command, False)])
