"""What the failover package relies on inside mitmproxy: fails loudly where a version differs."""

import inspect
import re

import pytest
import wsproto
from h2.connection import H2Connection
from h11._readers import ChunkedReader
from h11._readers import ContentLengthReader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy.addons import errorcheck
from mitmproxy.addons import proxyserver
from mitmproxy.addons import tlsconfig
from mitmproxy.net import tls as net_tls
from mitmproxy.proxy import layer
from mitmproxy.proxy import server
from mitmproxy.proxy import tunnel
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers import tls
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http import _http2


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


def test_http2_clients_and_what_they_say_of_a_server_that_goes_away() -> None:
    assert list(inspect.signature(H2Connection._receive_goaway_frame).parameters) == [
        "self",
        "frame",
    ]
    assert "self._frame_dispatch_table" in inspect.getsource(H2Connection.__init__)
    source = inspect.getsource(_http2)
    for relied_on in (
        'f"stream reset by client ({err_str})"',
        "isinstance(event, h2.events.ConnectionTerminated)",
        "if (yield from self.handle_h2_event(h2_event)):",
        "self.stream_queue[event.stream_id].append(event)",
        "cmd.event.stream_id = self.their_stream_id[cmd.event.stream_id]",
    ):
        assert relied_on in source


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


def test_tls_towards_servers_is_made_as_our_own_is() -> None:
    """`client_tls` does for a provider's settings what mitmproxy does by its options."""
    assert parameters(net_tls.create_proxy_server_context) == [
        *("method", "min_version", "max_version", "cipher_list", "ecdh_curve", "verify"),
        *("ca_path", "ca_pemfile", "client_cert", "legacy_server_connect"),
    ]
    assert callable(net_tls.create_proxy_server_context.__wrapped__)
    source = inspect.getsource(tlsconfig.TlsConfig.tls_start_server)
    for step in (
        "if tls_start.ssl_conn is not None:\n            return",
        "_default_ciphers(",
        "SSL_get0_param(",
        "X509_VERIFY_PARAM_set_hostflags(param, DEFAULT_HOSTFLAGS)",
        "X509_VERIFY_PARAM_set1_host(",
        "X509_VERIFY_PARAM_set1_ip(",
        "set_tlsext_host_name(",
        "set_alpn_protos(",
        "set_connect_state()",
    ):
        assert step in source
    # What it does besides is about options that are passed on, or about connections without SNI.
    assert inspect.getsource(net_tls.create_proxy_server_context).count("context.") == 6


def test_proxies_are_tunnels_as_ours_are() -> None:
    assert parameters(tunnel.TunnelLayer.__init__) == [
        *("self", "context", "tunnel_connection", "conn"),
    ]
    assert parameters(tunnel.TunnelLayer.receive_handshake_data) == ["self", "data"]
    assert parameters(tunnel.TunnelLayer.event_to_child) == ["self", "event"]
    source = inspect.getsource(http.HttpLayer.get_connection)
    assert "self.connections[context.server] = stack[0]" in source
    assert "self.waiting_for_establishment[context.server].append(event)" in source
    assert "yield from self.event_to_child(stack[0], events.Start())" in source
    assert "stack /= HttpClient(context)" in source


def test_connections_are_opened_where_ours_takes_the_place() -> None:
    source = inspect.getsource(server.ConnectionHandler.open_connection)
    opening = """await asyncio.open_connection(
                        *command.connection.address,
                        local_addr=command.connection.sockname,
                    )"""
    assert source.count("asyncio.open_connection(") == 1 and opening in source
    assert 'command.connection.peername = writer.get_extra_info("peername")' in source


def test_layers_wait_for_hooks_in_a_way_that_streams_can_shorten() -> None:
    source = inspect.getsource(layer.Layer.handle_event)
    assert "if command.blocking is True:" in source
    assert "command.blocking = self" in source
    assert "command = next(command_generator)" in source


def test_the_layer_hands_commands_on_as_ours_does() -> None:
    """Every kind of command that mitmproxy's own tells apart."""
    source = inspect.getsource(http.HttpLayer.event_to_child)
    kinds = set(re.findall(r"isinstance\(command, ([\w.]+)\)", source))
    assert kinds == {
        "commands.RequestWakeup",
        "ReceiveHttp",
        "SendHttp",
        "DropStream",
        "GetHttpConnection",
        "RegisterHttpConnection",
        "commands.OpenConnection",
        "commands.Command",
    }
    assert "if command.blocking or isinstance(command, commands.RequestWakeup):" in source


def test_http1_never_waits() -> None:
    source = inspect.getsource(_http1)
    assert "= yield" not in source and "Hook" not in source
    assert "self.buf += event.data" in inspect.getsource(_http1.Http1Connection._handle_event)


def test_a_connection_can_go_over_to_our_websocket() -> None:
    """What mitmproxy does at the end of an answer, `websocket.upgrade` does for a handshake's."""
    source = inspect.getsource(http.HttpStream.send_response)
    assert "yield HttpResponseHook(self.flow)" in source
    assert "self.server_state = self.state_done" in source
    assert "yield from self.flow_done()" in source
    source = inspect.getsource(http.HttpLayer.event_to_child)
    assert "conn = self.connections[command.connection]" in source
    assert "yield from self.make_stream(command.event.stream_id)" in source
    assert parameters(http.HttpConnection.__init__) == ["self", "context", "conn"]
    # What the client sent after its handshake is kept until then.
    assert "isinstance(event, events.DataReceived):\n            return" in inspect.getsource(
        _http1.Http1Connection.wait
    )
    assert parameters(wsproto.Connection.__init__) == [
        *("self", "connection_type", "extensions", "trailing_data"),
    ]
    assert "except ParseFailed as exc:\n            yield CloseConnection(" in inspect.getsource(
        wsproto.Connection.events
    )


def test_a_forked_context_is_a_copy() -> None:
    source = inspect.getsource(Context.fork)
    assert "ret.server = self.server" in source and "ret.layers = self.layers.copy()" in source
    assert {*Context.__annotations__} == {"client", "server", "options", "layers"}


def test_whether_a_chunk_begins_can_be_told() -> None:
    reader = ChunkedReader()
    assert (reader._bytes_in_chunk, reader._bytes_to_discard, reader._reading_trailer) == (
        0,
        b"",
        False,
    )
    buffer = ReceiveBuffer()
    buffer += b"5\r\nhel"
    reader(buffer)
    assert reader._bytes_in_chunk == 2 and not buffer
    source = inspect.getsource(_http1.make_body_reader)
    assert "return ChunkedReader()" in source


def test_who_makes_a_connection_speak_http_hands_everything_on_from_then() -> None:
    source = inspect.getsource(http.HttpClient._handle_event)
    assert "self._handle_event = self.child_layer.handle_event" in source


def test_a_destination_is_told_before_the_client_is_heard() -> None:
    assert parameters(modes.DestinationKnown.finish_start) == ["self"]
    for top in (modes.TransparentProxy, modes.Socks5Proxy):
        assert issubclass(top, modes.DestinationKnown)
        assert "yield from self.finish_start()" in inspect.getsource(top)
        assert not hasattr(top, "__slots__"), "top layers are given another class in place"
    source = inspect.getsource(modes.DestinationKnown.finish_start)
    assert "yield from self.child_layer.handle_event(events.Start())" in source


def test_a_question_for_the_next_layer_can_be_asked_again() -> None:
    source = inspect.getsource(layer.NextLayer)
    assert "self.events.append(event)" in source
    assert "for e in self.events:" in source


def test_a_client_is_known_before_its_first_layer_runs() -> None:
    source = inspect.getsource(server.ConnectionHandler.handle_client)
    hook = source.index("ClientConnectedHook")
    assert hook < source.index("self.client.error") < source.index("events.Start()")


def test_errors_before_the_start_are_kept() -> None:
    assert "self.has_errored" in inspect.getsource(errorcheck.ErrorCheckHandler)


def test_what_a_listener_of_our_own_is_made_with() -> None:
    assert set(tlsconfig.AppData.__annotations__) == {"client_alpn", "server_alpn", "http2"}
    assert parameters(tlsconfig.alpn_select_callback) == ["conn", "options"]
    source = inspect.getsource(tlsconfig.TlsConfig.tls_start_client)
    assert "if tls_start.ssl_conn is not None:\n            return" in source


def test_how_much_of_a_body_is_missing_can_be_told() -> None:
    reader, buffer = ContentLengthReader(5), ReceiveBuffer()
    buffer += b"hel"
    reader(buffer)
    assert reader._remaining == 2 and buffer._data == b""
    source = inspect.getsource(_http1.make_body_reader)
    assert "return ContentLengthReader(expected_size)" in source


def test_the_outermost_layers_hand_everything_on() -> None:
    assert "self._handle_event = child_layer.handle_event" in inspect.getsource(modes.HttpProxy)
    finish = inspect.getsource(modes.DestinationKnown.finish_start)
    assert "self._handle_event = self.child_layer.handle_event" in finish
    assert "self.layer.handle_event(event)" in inspect.getsource(server.ConnectionHandler)


def test_layers_of_tls_decrypt_as_ours_does() -> None:
    """`ReadAheadTls` does the same in two parts, the second one by this very method."""
    assert tls.ServerTLSLayer.receive_data is tls.TLSLayer.receive_data
    assert parameters(tls.TLSLayer.receive_data) == ["self", "data"]
    source = inspect.getsource(tls.TLSLayer.receive_data)
    steps = ["self.tls.bio_write(data)", "self.tls.recv(65535)", "SSL.WantReadError",
             "SSL.ZeroReturnError", "SSL.Error", 'Log(f"TLS Error: {e}", WARNING)',
             "self.tls_interact()", "if plaintext:", "if close:"]  # fmt: skip
    places = [source.find(step) for step in steps]
    assert -1 not in places and places == sorted(places)
    assert "receive_data(event.data)" in inspect.getsource(tunnel.TunnelLayer._handle_event)
