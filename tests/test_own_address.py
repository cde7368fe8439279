import pytest
from mitmproxy.proxy import mode_specs
from mitmproxy.test import tflow
from mitmproxy.test import tutils

from addons.own_address import is_loopback
from addons.own_address import names_us


def flow_to(host: str, port: int, mode: str = "regular", listening: str = "192.168.1.5"):
    flow = tflow.tflow(req=tutils.treq(host=host, port=port))
    flow.client_conn.sockname = (listening, 8787)
    flow.client_conn.proxy_mode = mode_specs.ProxyMode.parse(mode)
    return flow


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1.2.3", "localhost", "LOCALHOST", "::1", "[::1]", "0.0.0.0", "::",
     "192.168.1.5"],
)  # fmt: skip
def test_a_proxied_request_to_ourselves_is_ours(host: str) -> None:
    assert names_us(flow_to(host, 8787))
    assert not names_us(flow_to(host, 8788)), "another port is another server"


@pytest.mark.parametrize("host", ["192.168.1.6", "api.example", "localhost.example", "10.0.0.1"])
def test_a_proxied_request_to_others_is_not(host: str) -> None:
    assert not names_us(flow_to(host, 8787))


def test_all_of_reverse_mode_is_ours() -> None:
    assert names_us(flow_to("api.example", 443, "reverse:https://api.example"))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.255.0.1", "::1"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "192.168.0.1", "localhost.evil", "example"])
def test_no_loopback(host: str) -> None:
    assert not is_loopback(host)
