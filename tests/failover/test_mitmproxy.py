"""What the failover package relies on inside mitmproxy: fails loudly where a version differs."""

import inspect

import pytest
from mitmproxy.addons import proxyserver
from mitmproxy.proxy import layer
from mitmproxy.proxy import server
from mitmproxy.proxy.layers import http
from mitmproxy.proxy.layers.http import _http1


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (http.HttpStream.__init__, ["self", "context", "stream_id"]),
        (http.HttpStream.make_server_connection, ["self"]),
        (http.HttpStream.state_wait_for_request_headers, ["self", "event"]),
        (http.HttpStream.send_response, ["self", "already_streamed"]),
        (http.HttpStream.check_killed, ["self", "emit_error_hook"]),
        (http.HttpStream.flow_done, ["self"]),
        (http.HttpLayer.make_stream, ["self", "stream_id"]),
        (http.HttpLayer.register_connection, ["self", "command"]),
        (http.HttpLayer.event_to_child, ["self", "child", "event"]),
        (_http1.Http1Client.read_headers, ["self", "event"]),
        (http.DropStream, ["stream_id"]),
        (http.SendHttp, ["event", "connection"]),
        (http.GetHttpConnection, ["address", "tls", "via", "transport_protocol"]),
    ],
)
def test_signatures(function: object, expected: list[str]) -> None:
    assert parameters(function) == expected


def test_make_server_connection_decides_whether_mitmproxy_sends_the_request() -> None:
    source = inspect.getsource(http.HttpStream.state_consume_request_body)
    assert "ok = yield from self.make_server_connection()" in source
    assert "if not ok:\n                    return" in source


def test_a_paused_layer_names_the_command_it_waits_for() -> None:
    assert layer.Paused._fields == ("command", "generator")
    assert "self._paused = None" in inspect.getsource(layer.Layer.__init__)


def test_the_layer_keeps_its_tables() -> None:
    source = inspect.getsource(http.HttpLayer.__init__)
    for table in ("streams", "connections", "waiting_for_establishment", "command_sources"):
        assert f"self.{table} = " in source
    assert not hasattr(http.HttpLayer, "__slots__"), "layers are given another class in place"


def test_connections_are_limited_where_the_limit_is_lifted() -> None:
    source = inspect.getsource(server.ConnectionHandler.__init__)
    assert "self.max_conns = collections.defaultdict(" in source
    assert "self.connections[connection_id] = handler" in inspect.getsource(
        proxyserver.Proxyserver.register_connection
    )


def test_closing_a_connection_that_is_being_made_ends_the_wait() -> None:
    source = inspect.getsource(server.ConnectionHandler.open_connection)
    assert "except (OSError, asyncio.CancelledError)" in source
