import pytest
from mitmproxy.proxy import context
from mitmproxy.proxy import layer
from mitmproxy.proxy import layers
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.test import taddons
from mitmproxy.test import tflow
from mitmproxy.test import tutils

from addons.tunnels import Tunnels
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
