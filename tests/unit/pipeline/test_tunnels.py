import ssl

import pytest
from mitmproxy.proxy import context
from mitmproxy.proxy import events
from mitmproxy.proxy import layer
from mitmproxy.proxy import layers
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.test import taddons
from mitmproxy.test import tflow

from switchyard.config.schema import ServerTls
from switchyard.listener.next_layer import NeedMoreData
from switchyard.listener.next_layer import Refuse
from switchyard.listener.sniff import names_of
from switchyard.pipeline.tunnels import Tunnels
from switchyard.pipeline.tunnels import is_begun
from tests.support.runtime import addon_of
from tests.support.runtime import make_runtime


def next_layer(
    address: tuple | None,
    *,
    mode: str = "regular",
    within: type = HttpStream,
    data: bytes = b"",
    peer: str = "127.0.0.1",
) -> layer.NextLayer:
    """What comes after a CONNECT to an address, not chosen yet."""
    with taddons.context() as running:
        client = tflow.tclient_conn()
        client.sockname = ("127.0.0.1", 8787)
        client.peername = (peer, 50000)
        client.alpn = None
        client.proxy_mode = mode_specs.ProxyMode.parse(mode)
        ctx = context.Context(client, running.options)
        ctx.server.address = address
        if within is HttpStream:
            ctx.layers.append(HttpStream(ctx, 1))
        elif within is layers.ClientTLSLayer:
            ctx.layers.append(HttpStream(ctx, 1))
            layers.ClientTLSLayer(ctx)  # which puts itself there
        else:
            ctx.layers.append(layers.HttpLayer(ctx, HTTPMode.regular))
        chosen = layer.NextLayer(ctx)
        if data:
            chosen.events.append(events.DataReceived(client, data))
    addon_of(make_runtime(), Tunnels).next_layer(chosen)
    return chosen


@pytest.mark.parametrize(
    "address",
    [("other.example", 443), ("claude.example", 8443), ("claude.example.evil", 443),
     ("127.0.0.1", 5432), ("::1", 443, 0, 0), ("192.168.1.1", 8787)],
)  # fmt: skip
def test_another_host_is_tunnelled_unopened(address: tuple) -> None:
    chosen = next_layer(address)
    assert type(chosen.layer) is layers.TCPLayer
    assert chosen.layer.flow is None, "ignored: no flow is made of it"


@pytest.mark.parametrize(
    "address", [("claude.example", 443), ("CLAUDE.EXAMPLE", 443), ("chat.example", 443)]
)
def test_a_providers_host_is_opened(address: tuple) -> None:
    assert next_layer(address).layer is None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_our_own_address_is_opened(host: str) -> None:
    assert next_layer((host, 8787)).layer is None


def test_only_what_is_in_a_connect_is_tunnelled() -> None:
    assert next_layer(("other.example", 443), within=layers.HttpLayer).layer is None
    assert next_layer(None).layer is None
    assert next_layer(("other.example", 443), mode="reverse:https://other.example").layer is None


def test_a_layer_that_was_chosen_stays() -> None:
    chosen = next_layer(("other.example", 443))
    before = chosen.layer
    addon_of(make_runtime(), Tunnels).next_layer(chosen)
    assert chosen.layer is before


def client_hello(host: str | None) -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    talk = trusting.wrap_bio(incoming, outgoing, server_hostname=host)
    with pytest.raises(ssl.SSLWantReadError):
        talk.do_handshake()
    return outgoing.read()


GET = b"GET /x HTTP/1.1\r\nAccept: */*\r\nHost: %s\r\n\r\n"


def captured(data: bytes, address: tuple = ("198.51.100.6", 443), mode: str = "transparent"):
    """What is decided of a captured connection that begins with `data`."""
    with taddons.context() as running:
        client = tflow.tclient_conn()
        client.proxy_mode = mode_specs.ProxyMode.parse(mode)
        client.sockname = address
        ctx = context.Context(client, running.options)
        ctx.server.address = address
        top = modes.Socks5Proxy(ctx) if mode == "socks5" else modes.TransparentProxy(ctx)
        chosen = layer.NextLayer(top.context)
        chosen.events += [events.Start(), events.DataReceived(client, data)]
    addon_of(make_runtime(), Tunnels).next_layer(chosen)
    return chosen.layer


@pytest.mark.parametrize("mode", ["transparent", "socks5", "wireguard", "local:claude"])
def test_captured_connections_are_told_by_the_name_they_begin_with(mode: str) -> None:
    for opened in (client_hello("claude.example"), GET % b"claude.example:443"):
        assert captured(opened, mode=mode) is None
    others = (client_hello("other.example"), client_hello(None), GET % b"other.example", b"\0\1x")
    for other in others:
        assert type(captured(other, mode=mode)) is layers.TCPLayer
    assert type(captured(client_hello("claude.example")[:99], mode=mode)) is NeedMoreData


def test_a_captured_connection_to_ourselves_is_a_request() -> None:
    assert captured(GET % b"other.example", ("127.0.0.1", 8787)) is None


def test_a_name_given_by_address_decides_too() -> None:
    assert captured(client_hello(None), ("claude.example", 443), "socks5") is None


@pytest.mark.parametrize("whole", [client_hello("claude.example"), GET % b"claude.example"])
def test_a_name_is_awaited_and_never_mistaken(whole: bytes) -> None:
    told = [names_of(whole[:length]) for length in range(1, len(whole) + 1)]
    assert told[-1] == ["claude.example"]
    assert all(names in (None, ["claude.example"]) for names in told)


@pytest.mark.parametrize(
    "data",
    [b"SSH-2.0-x\r\n", b"\x00\x01", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"get / http\r\n",
     b"EHLO x\r\n", b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", b"GET / HTTP/1.1\r\nx: y\r\n\r\n",
     b"A" * 70_000, b"GET / HTTP/1.1\r\nx: " + b"y" * 70_000],
    ids=range(9),
)  # fmt: skip
def test_what_names_nobody(data: bytes) -> None:
    assert names_of(data) == []


@pytest.mark.parametrize(
    ("address", "passes"),
    [(("198.51.100.6", 22), True), (("198.51.100.6", 443), False), (("127.0.0.1", 8787), False),
     (("198.51.100.6", 8787), True)],
)  # fmt: skip
def test_a_port_without_providers_decides_at_once(address: tuple, passes: bool) -> None:
    with taddons.context() as running:
        ctx = context.Context(tflow.tclient_conn(), running.options)
        ctx.server.address = address
    assert addon_of(make_runtime(), Tunnels).passes(ctx) is passes


@pytest.mark.parametrize(
    "whole", [client_hello("claude.example"), b"POST /x HTTP/1.1\r\n"], ids=[0, 1]
)
def test_first_bytes_are_waited_for(whole: bytes) -> None:
    begun = [is_begun(whole[:length]) for length in range(1, len(whole) + 1)]
    assert begun[0] and begun[1] and begun[2] and not begun[-1]
    assert sorted(begun, reverse=True) == begun, "once known, it stays so"


@pytest.mark.parametrize(
    "data",
    [b"\r\n", b"\0", b"220 mail", b"SSH-2.0-x", b"\x16\x01", b"EHLO x\r\n", b"A" * 99],
    ids=range(7),
)
def test_what_becomes_neither_is_not_waited_for(data: bytes) -> None:
    assert not is_begun(data)


@pytest.mark.parametrize("within", [HttpStream, layers.ClientTLSLayer])
@pytest.mark.parametrize("data", [b"\x16", b"\x16\x03", b"P", b"POS", client_hello("x")[:99]],
                         ids=range(5))  # fmt: skip
def test_a_providers_connection_is_judged_by_enough_of_it(within: type, data: bytes) -> None:
    chosen = next_layer(("claude.example", 443), within=within, data=data)
    assert type(chosen.layer) is NeedMoreData


@pytest.mark.parametrize("peer", ["127.0.0.1", "203.0.113.7"])
@pytest.mark.parametrize(
    ("address", "kind", "goes_on"),
    [
        (("claude.example", 443), layers.TCPLayer, "127.0.0.1"),
        (("other.example", 443), layers.TCPLayer, "127.0.0.1"),
        (("127.0.0.1", 8787), layers.TCPLayer, ""),
        (("claude.example", 53), layers.DNSLayer, "127.0.0.1"),
        (("claude.example", 443), layers.ClientTLSLayer, "127.0.0.1 203.0.113.7"),
    ],
)
def test_nobody_from_elsewhere_passes_unread(
    peer: str, address: tuple, kind: type, goes_on: str
) -> None:
    """Whatever mitmproxy took it for, and whoever chose that layer."""
    chosen = next_layer(address, data=b"\r\nPOST / HTTP/1.1\r\n\r\n", peer=peer)
    chosen.layer = kind(chosen.context)
    addon_of(make_runtime(), Tunnels).checked(chosen)
    assert isinstance(chosen.layer, Refuse) is (peer not in goes_on)


@pytest.mark.parametrize(
    ("peer", "keys", "offered", "method"),
    [
        ("127.0.0.1", False, b"\0", 0),
        ("127.0.0.1", False, b"\0\2", 0),
        ("127.0.0.1", False, b"\2", 2),
        ("127.0.0.1", True, b"\0\2", 2),
        ("127.0.0.1", True, b"\0", 0),
        ("127.0.0.1", True, b"\1", None),
        ("203.0.113.7", True, b"\0\2", 2),
        ("203.0.113.7", True, b"\0\1", None),
        ("203.0.113.7", False, b"\0", None),
    ],
)
def test_how_socks_asks_for_a_key(peer: str, keys: bool, offered: bytes, method) -> None:
    runtime = make_runtime()
    runtime.put(client_keys=(b"router-key-1",) if keys else ())
    client = tflow.tclient_conn()
    client.peername = (peer, 50000)
    client.proxy_mode = mode_specs.ProxyMode.parse("socks5")
    with taddons.context() as running:
        running.options.add_option("proxyauth", str, "", "")
        assert addon_of(runtime, Tunnels).socks_method(client, offered) == method
        tls = ServerTls.model_validate({"cert": "x", "client-ca": "y"})
        object.__setattr__(runtime.snapshot.config, "tls", tls)
        here = peer == "127.0.0.1"
        assert addon_of(runtime, Tunnels).socks_method(client, offered) == (
            method if here else None
        )
