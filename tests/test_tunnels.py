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
from mitmproxy.test import tutils

from addons.failover.deciding import AwaitMore
from addons.tunnels import Tunnels
from addons.tunnels import names_of
from tests.support.runtime import make_runtime

HOST = "llm.example"


def next_layer(
    address: tuple | None, *, mode: str = "regular", within: type = HttpStream
) -> layer.NextLayer:
    """What comes after a CONNECT to an address, not chosen yet."""
    with taddons.context() as running:
        client = tflow.tclient_conn()
        client.sockname = ("127.0.0.1", 8787)
        client.proxy_mode = mode_specs.ProxyMode.parse(mode)
        ctx = context.Context(client, running.options)
        ctx.server.address = address
        if within is HttpStream:
            ctx.layers.append(HttpStream(ctx, 1))
        else:
            ctx.layers.append(layers.HttpLayer(ctx, HTTPMode.regular))
        chosen = layer.NextLayer(ctx)
    Tunnels(make_runtime()).next_layer(chosen)
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
    Tunnels(make_runtime()).next_layer(chosen)
    assert chosen.layer is before


@pytest.mark.parametrize(
    ("peer", "host", "allowed"),
    [
        ("127.0.0.1", "internal.example", True),
        ("::1", "internal.example", True),
        ("203.0.113.7", "internal.example", False),
        ("203.0.113.7", HOST, True),
    ],
)
def test_others_are_only_taken_to_providers(peer: str, host: str, allowed: bool) -> None:
    runtime = make_runtime(
        f"providers: [{{name: p, base-url: 'https://{HOST}/v1', api-key: sk-own-key-1}}]"
    )
    flow = tflow.tflow(req=tutils.treq(method=b"CONNECT", host=host, port=443))
    flow.client_conn.peername = (peer, 50000)
    Tunnels(runtime).http_connect(flow)
    if allowed:
        assert flow.response is None
    else:
        assert flow.response is not None and flow.response.status_code == 403
        assert host in (flow.response.text or "")


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
    Tunnels(make_runtime()).next_layer(chosen)
    return chosen.layer


@pytest.mark.parametrize("mode", ["transparent", "socks5", "wireguard", "local:claude"])
def test_captured_connections_are_told_by_the_name_they_begin_with(mode: str) -> None:
    for opened in (client_hello("claude.example"), GET % b"claude.example:443"):
        assert captured(opened, mode=mode) is None
    others = (client_hello("other.example"), client_hello(None), GET % b"other.example", b"\0\1x")
    for other in others:
        assert type(captured(other, mode=mode)) is layers.TCPLayer
    assert type(captured(client_hello("claude.example")[:99], mode=mode)) is AwaitMore


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
    assert Tunnels(make_runtime()).passes(ctx) is passes
