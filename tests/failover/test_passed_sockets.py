"""WebSockets that pass through, without sockets."""

import pytest
from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import websocket
from mitmproxy.test import tflow
from wsproto.connection import Connection
from wsproto.connection import ConnectionType
from wsproto.events import CloseConnection
from wsproto.events import TextMessage
from wsproto.frame_protocol import CloseReason

from addons.failover import passed_sockets
from addons.failover.passed_sockets import Frames
from addons.policy.limit_schema import Limits
from tests.failover.driver import _options


@pytest.fixture
def layer() -> websocket.WebsocketLayer:
    passed_sockets.install()
    flow = tflow.twebsocketflow()
    assert flow.websocket
    flow.websocket.messages.clear()
    context = Context(flow.client_conn, _options())
    context.server.state = context.client.state = ConnectionState.OPEN
    flow.response = http.Response.make(101)
    try:
        made = websocket.WebsocketLayer(context, flow)
        for command in made.handle_event(events.Start()):
            if isinstance(command, commands.StartHook):
                list(made.handle_event(events.HookCompleted(command)))
    finally:
        passed_sockets.remove()
    return made


def test_an_unfinished_message_is_ended(layer: websocket.WebsocketLayer) -> None:
    """Both sides are told why, and nothing of it is kept."""
    client, server = Connection(ConnectionType.CLIENT), Connection(ConnectionType.CLIENT)
    data = client.send(TextMessage("x" * 1_000_000, message_finished=False))
    done: list[commands.Command] = []
    for _ in range(Limits().body // 1_000_000 + 2):
        done += layer.handle_event(events.DataReceived(layer.context.client, data))
        data = client.send(TextMessage("x" * 1_000_000, message_finished=False))
    sent = [one for one in done if isinstance(one, commands.SendData)]
    server.receive_data(b"".join(s.data for s in sent if s.connection is layer.context.client))
    (said,) = server.events()
    assert isinstance(said, CloseConnection) and said.code == CloseReason.MESSAGE_TOO_BIG
    closed = [one.connection for one in done if isinstance(one, commands.CloseConnection)]
    assert set(closed) == {layer.context.client, layer.context.server}
    assert sum(map(len, layer.client_ws.frame_buf)) == 0


def test_pieces_of_a_message_are_not_copied_again_and_again() -> None:
    frames = Frames([b""])
    first = frames[-1]
    for _ in range(1000):
        frames[-1] += b"x" * 1000
    assert frames[-1] is first and frames.size == 1_000_000


def test_empty_frames_count() -> None:
    frames = Frames([b""])
    for _ in range(1000):
        frames.append(b"")
    assert frames.size >= 64_000
