import pytest
from mitmproxy.proxy import mode_specs
from mitmproxy.test import tflow
from mitmproxy.test import tutils

from switchyard.listener.addresses import is_loopback
from switchyard.listener.addresses import is_ours
from switchyard.listener.addresses import knows_its_clients
from switchyard.listener.addresses import may_pass
from switchyard.listener.addresses import names_us

PORTS = {8787, 8790}


def flow_to(host: str, port: int, mode: str = "regular"):
    flow = tflow.tflow(req=tutils.treq(host=host, port=port))
    flow.client_conn.sockname = ("127.0.0.1", 8787)
    flow.client_conn.proxy_mode = mode_specs.ProxyMode.parse(mode)
    return flow


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1.2.3", "localhost", "LOCALHOST", "::1", "[::1]", "0.0.0.0", "::"],
)
@pytest.mark.parametrize("mode", ["regular", "socks5", "transparent", "upstream:http://corp:1"])
def test_a_proxied_request_to_ourselves_is_ours(host: str, mode: str) -> None:
    assert names_us(flow_to(host, 8787, mode), PORTS)
    assert names_us(flow_to(host, 8790, mode), PORTS), "a port of another mode"
    assert not names_us(flow_to(host, 8788, mode), PORTS), "another port is another server"


@pytest.mark.parametrize("host", ["198.51.100.6", "api.example", "localhost.example", "", "x:y"])
def test_a_proxied_request_to_others_is_not(host: str) -> None:
    assert not names_us(flow_to(host, 8787), PORTS)


def test_a_captured_connection_is_not_ours_for_being_captured() -> None:
    """mitmproxy tells the dialled address as the one that the client is connected to."""
    flow = flow_to("198.51.100.6", 443, "transparent")
    flow.client_conn.sockname = ("198.51.100.6", 443)
    assert not names_us(flow, PORTS)


def test_all_of_reverse_mode_is_ours() -> None:
    assert names_us(flow_to("api.example", 443, "reverse:https://api.example"), PORTS)


def test_before_we_listen_nothing_is_ours() -> None:
    assert not is_ours("127.0.0.1", 8787, ())


@pytest.mark.parametrize(
    ("mode", "peer", "passes"),
    [
        ("regular", "127.0.0.1", True),
        ("regular", "203.0.113.7", False),
        ("socks5", "203.0.113.7", False),
        ("upstream:http://corp:1", "203.0.113.7", False),
        ("reverse:https://api.example", "203.0.113.7", False),
        ("transparent", "203.0.113.7", True),
        ("wireguard", "10.0.0.1", True),
        ("local:claude", "10.0.0.5", True),
    ],
)
def test_who_is_taken_to_others(mode: str, peer: str, passes: bool) -> None:
    client = flow_to("api.example", 443, mode).client_conn
    client.peername = (peer, 50000)
    assert may_pass(client) is passes


@pytest.mark.parametrize(
    ("mode", "known"),
    [("regular", False), ("transparent", False), ("socks5", False), ("wireguard", True),
     ("local:claude", True), ("reverse:https://api.example", False)],
)  # fmt: skip
def test_modes_that_know_their_clients(mode: str, known: bool) -> None:
    assert knows_its_clients(mode_specs.ProxyMode.parse(mode)) is known


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.255.0.1", "::1"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "192.168.0.1", "localhost.evil", "example"])
def test_no_loopback(host: str) -> None:
    assert not is_loopback(host)
