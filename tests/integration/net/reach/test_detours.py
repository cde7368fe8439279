"""Ways round the table of docs/security.md lead nowhere."""

import socket
from contextlib import ExitStack

import pytest

from tests.integration.net.conftest import FIRST
from tests.integration.net.reach.client import BOXED
from tests.integration.net.reach.client import Client
from tests.integration.net.reach.client import absolute
from tests.integration.net.reach.client import ask
from tests.integration.net.reach.client import everything
from tests.integration.net.reach.client import exactly
from tests.integration.net.reach.place import ALONE
from tests.integration.net.reach.place import BOX
from tests.integration.net.reach.place import GATEWAY
from tests.integration.net.reach.place import KEY
from tests.integration.net.reach.place import PUBLIC
from tests.integration.net.reach.place import RAW
from tests.integration.net.reach.place import REGULAR
from tests.integration.net.reach.place import SOCKS
from tests.integration.net.reach.place import UPSTREAM
from tests.integration.net.reach.place import WAITS
from tests.integration.net.reach.place import Place
from tests.unit.pipeline.test_tunnels import client_hello

PROXIES = {"regular": REGULAR, "upstream": UPSTREAM}


@pytest.mark.parametrize("mode", PROXIES)
@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("client", ["here", "elsewhere"])
def test_a_host_header_leads_nowhere(reached: Place, mode: str, key: str | None, client) -> None:
    """To a service of the router's machine at a provider's port, named as the provider."""
    lab = reached.world.lab
    address, namespace = ("127.0.0.1", lab.gateway) if client == "here" else (GATEWAY, lab.clients)
    sender = Client(mode, key, address, PROXIES[mode])
    before = reached.heard
    said = namespace.do(lambda: absolute(f"http://127.0.0.1:{BOX}/x", BOXED)(sender))
    assert said.startswith(b"HTTP/1.1 400 ") and reached.heard == before


@pytest.mark.parametrize("mode", ["regular", "SOCKS5"])
def test_tls_that_comes_byte_by_byte_is_opened_all_the_same(reached: Place, mode: str) -> None:
    """It would be the provider's own certificate, if it were passed on unread."""
    client = Client(mode, KEY, GATEWAY, {"regular": REGULAR, "SOCKS5": SOCKS}[mode])
    before = reached.world.first.connections

    def hello() -> bytes:
        with client.tunnel(FIRST, 443) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in client_hello(FIRST):
                connection.sendall(bytes((byte,)))
            return exactly(connection, 3)

    assert reached.world.lab.clients.do(hello) == b"\x16\x03\x03"
    assert reached.world.first.connections == before


def test_modes_that_only_pass_bytes_on_are_for_this_machine(reached: Place) -> None:
    lab = reached.world.lab
    before = reached.heard
    for address, namespace in ((GATEWAY, lab.clients), ("127.0.0.1", lab.gateway)):
        client = Client("reverse", None, address, RAW)
        said = namespace.do(lambda client=client: ask(client.dial(), b"anything"))
        assert (b"alone" in said) is (namespace is lab.gateway)
    assert reached.heard == before + 1


def test_nothing_unread_comes_back_to_the_router(reached: Place) -> None:
    """It would be one of this machine's own clients there."""
    for mode, port in (("regular", REGULAR), ("SOCKS5", SOCKS)):
        client = Client(mode, KEY, GATEWAY, port)

        def loop(client: Client = client) -> bytes:
            tunnel = client.tunnel("127.0.0.1", SOCKS)
            return ask(tunnel, b"\5\1\0\5\1\0\1\x7f\0\0\1" + ALONE.to_bytes(2, "big"))

        assert reached.world.lab.clients.do(loop) == b""


def test_socks_takes_no_wrong_key(reached: Place) -> None:
    def login() -> bytes:
        with socket.create_connection((GATEWAY, SOCKS), WAITS) as connection:
            connection.sendall(b"\5\2\0\2")
            assert exactly(connection, 2) == b"\5\2"
            connection.sendall(b"\1\3any\5wrong")
            return everything(connection)

    said = reached.world.lab.clients.do(login)
    assert said[:1] == b"\1" and said[1:2] != b"\0" and len(said) == 2


def test_addresses_of_the_public_internet_are_refused(reached: Place) -> None:
    """By mitmproxy's `block_global`, which stays on, as docs/security.md says."""
    lab = reached.world.lab
    with ExitStack() as stack:
        lab.clients.sh("ip", "address", "add", f"{PUBLIC}/32", "dev", "lo")
        stack.callback(lab.clients.sh, "ip", "address", "del", f"{PUBLIC}/32", "dev", "lo")
        lab.gateway.sh("ip", "route", "add", f"{PUBLIC}/32", "dev", "to-clients")
        stack.callback(lab.gateway.sh, "ip", "route", "del", f"{PUBLIC}/32", "dev", "to-clients")

        def knock(source: str) -> bytes:
            place = (GATEWAY, REGULAR)
            with socket.create_connection(place, WAITS, (source, 0)) as connection:
                return ask(connection, b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n")

        assert lab.clients.do(lambda: knock("10.231.7.2")).startswith(b"HTTP/1.1 ")
        assert lab.clients.do(lambda: knock(PUBLIC)) == b""
