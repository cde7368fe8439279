"""Handshakes with proxies, without sockets: what arrives may be cut anywhere."""

from collections.abc import Iterator

import pytest
from mitmproxy import options
from mitmproxy.connection import Client
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.mode_specs import ProxyMode

from switchyard.egress.egress import Egress
from switchyard.egress.egress import EgressServer
from switchyard.egress.egress import ProxyServer
from switchyard.egress.proxy_tunnel import ResolveHook
from switchyard.egress.proxy_tunnel import tunnel_through

CONNECT = b"HTTP/1.1 200 Connection established\r\nX-Via: a\r\n\r\n"
NO_AUTH, WITH_AUTH, AUTH_OK, AUTH_BAD = b"\x05\x00", b"\x05\x02", b"\x01\x00", b"\x01\x01"
GRANTED = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x1f\x90"
GRANTED_BY_NAME = b"\x05\x00\x00\x03\x04host\x1f\x90"
GRANTED_IPV6 = b"\x05\x00\x00\x04" + bytes(16) + b"\x1f\x90"
ASKED_BY_NAME = b"\x05\x01\x00\x03\x08upstream\x01\xbb"


class Inside(Layer):
    """What is within the tunnel: opens it, and keeps what comes out."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.outcome: str | None = "still waiting"
        self.got = b""

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.Start):
            self.outcome = yield commands.OpenConnection(self.context.server)
        elif isinstance(event, events.DataReceived):
            self.got += event.data


class Conversation:
    """A tunnel, and what its proxy got."""

    def __init__(self, scheme: str, host: str = "upstream", username: str = "") -> None:
        client = Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), timestamp_start=0)
        client.proxy_mode = ProxyMode.parse("regular")
        context = Context(client, options.Options())
        context.server = self.server = EgressServer(address=(host, 443))
        proxy = ProxyServer(
            scheme=scheme,  # pyright: ignore[reportArgumentType]
            host="proxy",
            port=9,
            username=username,
            password="pw" if username else "",
            label=f"{scheme}://proxy:9",
        )
        self.server.way = Egress(proxy=proxy)
        stack = tunnel_through(context, proxy, self.server)
        self.inside = Inside(context)
        stack /= self.inside
        self.sent = b""
        self.closed = False
        self.addresses: list[str] = []
        self.layer = stack[0]
        self.run(self.layer.handle_event(events.Start()))

    def run(self, steps: Iterator[commands.Command]) -> None:
        for command in steps:
            match command:
                case commands.OpenConnection():
                    command.connection.state = ConnectionState.OPEN
                    self.run(self.layer.handle_event(events.OpenConnectionCompleted(command, None)))
                case commands.SendData():
                    assert command.connection is self.server.outer
                    self.sent += command.data
                case commands.CloseConnection():
                    assert command.connection is self.server.outer
                    self.closed = True
                case ResolveHook():
                    command.lookup.addresses = self.addresses
                    self.run(self.layer.handle_event(events.HookCompleted(command)))

    def says(self, data: bytes) -> None:
        event = events.DataReceived(self.server.outer, data)
        self.run(self.layer.handle_event(event))

    def hangs_up(self) -> None:
        self.server.outer.state = ConnectionState.CLOSED
        self.run(self.layer.handle_event(events.ConnectionClosed(self.server.outer)))


HANDSHAKES = {
    "http": CONNECT,
    "socks5h": NO_AUTH + GRANTED,
    "socks5h-name": NO_AUTH + GRANTED_BY_NAME,
    "socks5h-ipv6": NO_AUTH + GRANTED_IPV6,
}


@pytest.mark.parametrize("kind", HANDSHAKES)
def test_a_handshake_cut_anywhere(kind: str) -> None:
    """And what comes right behind it is the upstream's."""
    said = HANDSHAKES[kind] + b"first words"
    for at in range(len(said)):
        talk = Conversation(kind.partition("-")[0])
        talk.says(said[:at])
        talk.says(said[at:])
        assert talk.inside.outcome is None, at
        assert talk.inside.got == b"first words"
        assert talk.server.connected and not talk.closed


def test_connect_asks_for_the_upstream_with_user_and_password() -> None:
    talk = Conversation("http", username="me")
    assert talk.sent == (
        b"CONNECT upstream:443 HTTP/1.1\r\nHost: upstream:443\r\n"
        b"Proxy-Authorization: Basic bWU6cHc=\r\n\r\n"
    )
    assert Conversation("http", "fd00::1").sent.startswith(b"CONNECT [fd00::1]:443 HTTP/1.1\r\n")


def test_socks_with_user_and_password() -> None:
    talk = Conversation("socks5h", username="me")
    assert talk.sent == b"\x05\x02\x00\x02"
    talk.says(WITH_AUTH)
    assert talk.sent.endswith(b"\x01\x02me\x02pw")
    talk.says(AUTH_OK)
    assert talk.sent.endswith(ASKED_BY_NAME)
    talk.says(GRANTED)
    assert talk.inside.outcome is None


def test_socks_without_need_for_a_password_does_not_get_it() -> None:
    talk = Conversation("socks5h", username="me")
    talk.says(NO_AUTH)
    assert talk.sent == b"\x05\x02\x00\x02" + ASKED_BY_NAME


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize(
    ("host", "asked"),
    [("10.1.2.3", b"\x01\x0a\x01\x02\x03"), ("fd00::1", b"\x04\xfd" + bytes(14) + b"\x01")],
)
def test_addresses_are_asked_for_as_such(scheme: str, host: str, asked: bytes) -> None:
    talk = Conversation(scheme, host)
    talk.says(NO_AUTH)
    assert talk.sent.endswith(b"\x05\x01\x00" + asked + b"\x01\xbb")


def test_socks5_gets_an_address_that_is_found_here() -> None:
    talk = Conversation("socks5")
    talk.addresses = ["10.1.2.3", "fd00::1"]
    talk.says(NO_AUTH)
    assert talk.sent.endswith(b"\x05\x01\x00\x01\x0a\x01\x02\x03\x01\xbb")


@pytest.mark.parametrize(
    ("kind", "said", "problem"),
    [
        ("http", b"HTTP/1.1 407 Who are you\r\n\r\n", "407 Who are you (check the user"),
        ("http", b"HTTP/1.0 503\r\n\r\n", "refused to connect with 503"),
        ("http", b"220 smtp.example\r\n\r\n", "its response is not HTTP"),
        ("http", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 12_000, "its response has no end"),
        ("socks5h", b"\x05\xff", "wants a user and password"),
        ("socks5h", b"\x05\x02", "wants a user and password"),
        ("socks5h", b"\x05\x66", "its response is not SOCKS5"),
        ("socks5h", NO_AUTH + b"\x04\x00\x00\x01" + bytes(6), "its response is not SOCKS5"),
        ("socks5h", NO_AUTH + b"\x05\x02\x00\x01" + bytes(6), "not allowed by its rules"),
        ("socks5h", NO_AUTH + b"\x05\x05\x00\x01" + bytes(6), "the host refused"),
        ("socks5", NO_AUTH, "upstream cannot be resolved here"),
    ],
)
def test_refusals_are_told_in_the_proxys_name(kind: str, said: bytes, problem: str) -> None:
    talk = Conversation(kind)
    talk.says(said)
    assert talk.closed
    assert talk.inside.outcome is not None
    assert talk.inside.outcome.startswith(f"the proxy {kind}://proxy:9: ")
    assert problem in talk.inside.outcome


def test_a_wrong_password_for_socks() -> None:
    talk = Conversation("socks5h", username="me")
    talk.says(WITH_AUTH + AUTH_BAD)
    assert talk.inside.outcome == (
        "the proxy socks5h://proxy:9: refused the user and password of proxy-url"
    )


@pytest.mark.parametrize("kind", ["http", "socks5h"])
def test_hanging_up_during_the_handshake(kind: str) -> None:
    talk = Conversation(kind)
    talk.says(HANDSHAKES[kind][:1])
    talk.hangs_up()
    assert talk.inside.outcome == f"the proxy {kind}://proxy:9: connection closed"
