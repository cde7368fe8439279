"""The table of docs/security.md, tried cell by cell: who can reach what, in every mode."""

import base64
import contextlib
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from typing import Literal

import h2.config
import h2.connection
import h2.events
import pytest

from tests.net.conftest import FIRST
from tests.net.conftest import HOSTS
from tests.net.conftest import OTHER
from tests.net.conftest import PLAIN
from tests.net.conftest import World
from tests.net.test_wireguard import tunnelled
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import saying
from tests.support.netns import Namespace
from tests.support.proxies import MITMDUMP
from tests.support.proxies import ProxyProcess
from tests.support.router import ROOT
from tests.support.router import Router
from tests.support.steps import Behaviour
from tests.support.tls import server_context
from tests.support.upstream import Recorded
from tests.support.upstream import whole
from tests.test_tunnels import client_hello

KEY = "key-of-a-client-41"
GATEWAY, CORPORATE, PUBLIC = "10.231.7.1", "10.231.8.1", "9.9.9.9"
REGULAR, SOCKS, REVERSE, TRANSPARENT, UPSTREAM, KEYLESS, RAW = range(8801, 8808)
PROXY, BOX, SAFE, ALONE = 3128, 8080, 8443, 9091
TEXT = Answer().text
WAITS = 20.0

type Cell = Literal["yes", "no", "-", "yes, not tried"]
type Probe = Callable[["Client"], bytes]
"""What a client hears of a server that it tries to reach."""

COLUMNS = ("calls to models", "all else at providers' hosts", "other hosts", "unread bytes")


@dataclass(frozen=True, slots=True)
class Row:
    """One of the table."""

    mode: str
    client: str
    key: str
    cells: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.mode}, {self.client}, key {self.key}"


def read_table() -> list[Row]:
    text = (ROOT / "docs" / "security.md").read_text()
    head, *lines = re.findall(r"^\| .* \|$", text.partition("**Clients.**")[0], re.MULTILINE)
    assert [cell.strip() for cell in head.strip("|").split("|")][3:] == list(COLUMNS)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [Row(mode, client, key, tuple(cells)) for mode, client, key, *cells in rows]


TABLE = read_table()


class Server:
    """Answers whatever it hears with its name, in words of HTTP/1."""

    def __init__(self, name: str, door: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        self.name = name
        self.heard = 0
        self._door, self._tls = door, tls
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            connection.settimeout(WAITS)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            stack.enter_context(connection)
            if not connection.recv(65536):
                return
            self.heard += 1
            body = self.name.encode()
            head = f"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)

    def close(self) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()


@dataclass(slots=True)
class Place:
    """The routers, and what is behind them."""

    world: World
    servers: dict[str, Server]

    @property
    def heard(self) -> int:
        """How often any server was reached."""
        return sum(s.heard for s in self.servers.values()) + len(self.world.first.requests)


def configuration(keys: bool = True) -> dict[str, Any]:
    common = {"api-key": "sk-upstream-61", "models": ["m"]}
    config: dict[str, Any] = {
        "providers": [
            {"name": "first", "base-url": f"https://{FIRST}/v1", **common},
            {"name": "box", "base-url": f"http://{PLAIN}:{BOX}/v1", **common},
            {"name": "safe", "base-url": f"https://{FIRST}:{SAFE}/v1", **common},
        ],
        "retry": {"request-retry": 0},
    }
    return config | ({"clients": {"api-keys": [KEY]}} if keys else {})


@pytest.fixture(scope="module")
def place(whole_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    world = whole_world
    net, gate = world.lab.internet, world.lab.gateway
    tls = server_context(names=(FIRST,))
    servers = {
        "box": Server("box", net.listening(HOSTS[PLAIN], BOX)),
        "safe": Server("safe", net.listening(HOSTS[FIRST], SAFE), tls),
        "other": Server("other", net.listening(HOSTS[OTHER], BOX)),
        "alone": Server("alone", gate.listening("127.0.0.1", ALONE)),
        "neighbour": Server("neighbour", gate.listening("127.0.0.1", BOX)),
    }
    started: list[Router] = []

    def start(config: dict[str, Any], *arguments: str) -> None:
        directory = tmp_path_factory.mktemp("reach")
        options = {"trust": world.ca, "within": gate.command()}
        started.append(Router(directory, config, *arguments, **options).start())

    everywhere = ("--listen-host", "0.0.0.0")
    modes = (f"regular@{REGULAR}", f"socks5@{SOCKS}", f"reverse:https://{FIRST}@{REVERSE}")
    modes = (*modes, f"transparent@{TRANSPARENT}", f"reverse:tcp://127.0.0.1:{ALONE}@{RAW}")
    proxy = ProxyProcess(
        tmp_path_factory.mktemp("corporate"),
        net.command(
            str(MITMDUMP), "--listen-host", CORPORATE, "-p", str(PROXY), "--ignore-hosts", ".*",
            "--set", "connection_strategy=lazy", "--set", "block_global=false",
        ),
        PROXY, "proxy listening at",
    )  # fmt: skip
    try:
        with proxy:
            start(configuration(), *everywhere, *(part for m in modes for part in ("--mode", m)))
            upstream = f"upstream:http://{CORPORATE}:{PROXY}@{UPSTREAM}"
            start(configuration(), *everywhere, "--mode", upstream)
            start(configuration(keys=False), "--mode", f"regular@{KEYLESS}")
            yield Place(world, servers)
            for router in started:
                router.stop()
    finally:
        for router in started:
            router.kill()
        for server in servers.values():
            server.close()


@pytest.fixture
def reached(place: Place) -> Iterator[Place]:
    place.world.first.on(None, always=answering)
    yield place
    place.world.first.forget()
    place.world.first.requests.clear()


def answering(recorded: Recorded) -> Behaviour:
    return saying(CHAT)(recorded) if recorded.body else whole(TEXT.encode())


class Refused(Exception):
    """The router takes the client nowhere."""


@dataclass(slots=True)
class Client:
    """Somebody in a namespace who speaks to a router in one of its modes."""

    mode: str
    key: str | None
    router: str = ""
    port: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def dial(self) -> socket.socket:
        return socket.create_connection((self.router, self.port), WAITS)

    @property
    def is_proxied(self) -> bool:
        return self.mode in ("regular", "upstream")

    @property
    def shown(self) -> str:
        """The header that shows the key to a proxy."""
        if self.key is None:
            return ""
        word = base64.b64encode(f"any:{self.key}".encode()).decode()
        return f"Proxy-Authorization: Basic {word}\r\n"

    def tunnel(self, host: str, port: int) -> socket.socket:
        """A connection to a destination. Raises Refused."""
        if self.is_proxied:
            return self._connect(host, port)
        if self.mode == "SOCKS5":
            return self._socks(host, port)
        return socket.create_connection((HOSTS.get(host, host), port), WAITS)

    def _connect(self, host: str, port: int) -> socket.socket:
        connection = self.dial()
        target = f"{host}:{port}"
        asked = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{self.shown}\r\n"
        connection.sendall(asked.encode())
        head = b""
        while b"\r\n\r\n" not in head:
            if not (more := connection.recv(1)):
                raise Refused("closed")
            head += more
        if b" 200 " not in head.partition(b"\r\n")[0]:
            status = head.split(b" ", 2)[1]
            assert status == (b"407" if self.key is None else b"403"), head
            assert (b"proxy-authenticate: basic" in head.lower()) is (self.key is None)
            connection.close()
            raise Refused(head.decode())
        return connection

    def _socks(self, host: str, port: int) -> socket.socket:
        connection = self.dial()
        method = 0 if self.key is None else 2
        connection.sendall(bytes((5, 1, method)))
        if exactly(connection, 2) != bytes((5, method)):
            assert self.key is None, "a key can always be shown"
            raise Refused("no method")
        if self.key is not None:
            said = bytes((1, 3)) + b"any" + bytes((len(self.key),)) + self.key.encode()
            connection.sendall(said)
            assert exactly(connection, 2) == b"\1\0"
        name = host.encode()
        connection.sendall(b"\5\1\0\3" + bytes((len(name),)) + name + port.to_bytes(2, "big"))
        reply = exactly(connection, 10)
        if reply[1]:
            assert reply[1] == 2, "not allowed by the rules"
            raise Refused("not allowed")
        return connection

    def tls(self, connection: socket.socket, host: str, *alpn: str) -> ssl.SSLSocket:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context.wrap_socket(connection, server_hostname=host)


def exactly(connection: socket.socket, count: int) -> bytes:
    said = b""
    while len(said) < count and (more := connection.recv(count - len(said))):
        said += more
    return said


def everything(connection: socket.socket) -> bytes:
    said = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while more := connection.recv(65536):
            said += more
    return said


def request(client: Client, target: str, host: str, body: object = None, more: str = "") -> bytes:
    content = json.dumps(body).encode() if body else b""
    method = "POST" if body else "GET"
    fields = "".join(f"{name}: {value}\r\n" for name, value in client.headers.items()) + more
    head = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def ask(connection: socket.socket, said: bytes) -> bytes:
    with connection, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(said)
        return everything(connection)
    return b""


def http1(path: str, host: str, port: int, body: object = None, tls: bool = True) -> Probe:
    """A request within a connection to its destination."""

    def probe(client: Client) -> bytes:
        connection = client.tunnel(host, port)
        if tls:
            connection = client.tls(connection, host, "http/1.1")
        return ask(connection, request(client, path, f"{host}:{port}", body))

    return probe


def http2(path: str, host: str, body: object = None) -> Probe:
    def probe(client: Client) -> bytes:
        with client.tls(client.tunnel(host, 443), host, "h2") as connection:
            assert connection.selected_alpn_protocol() == "h2"
            config = h2.config.H2Configuration(header_encoding="utf-8")
            talk = h2.connection.H2Connection(config)
            talk.initiate_connection()
            fields = [(":method", "POST" if body else "GET"), (":scheme", "https")]
            fields += [(":authority", host), (":path", path), *client.headers.items()]
            talk.send_headers(1, fields, end_stream=body is None)
            if body is not None:
                talk.send_data(1, json.dumps(body).encode(), end_stream=True)
            connection.sendall(talk.data_to_send())
            said = b""
            while data := connection.recv(65536):
                for event in talk.receive_data(data):
                    if isinstance(event, h2.events.DataReceived):
                        said += event.data
                    elif isinstance(event, h2.events.StreamEnded | h2.events.StreamReset):
                        return said
                connection.sendall(talk.data_to_send())
            return said

    return probe


def absolute(url: str, host: str, more: str = "", body: object = None) -> Probe:
    """A request in absolute form."""

    def probe(client: Client) -> bytes:
        return ask(client.dial(), request(client, url, host, body, client.shown + more))

    return probe


def to_the_router(client: Client) -> bytes:
    """A call by base URL."""
    connection = client.dial()
    if client.mode == "reverse":
        connection = client.tls(connection, FIRST, "http/1.1")
    shown = f"authorization: Bearer {client.key}\r\n" if client.key else ""
    said = request(client, CHAT.path, f"{client.router}:{client.port}", QUESTION, shown)
    return ask(connection, said)


def unread(said: bytes, host: str, port: int, tls: bool = False) -> Probe:
    def probe(client: Client) -> bytes:
        if client.mode == "reverse":
            connection = client.dial()
            connection.sendall(said)
            connection.shutdown(socket.SHUT_WR)  # it may wait for the rest of a request
            return everything(connection)
        connection = client.tunnel(host, port)
        return ask(client.tls(connection, host) if tls else connection, said)

    return probe


QUESTION = {"model": "first/m", "messages": [{"role": "user", "content": "Well?"}]}
UPGRADE = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"
CRLF = b"\r\nPOST /api/delete HTTP/1.1\r\nHost: x\r\n\r\n"
BOXED = f"{PLAIN}:{BOX}"


def probes(client: Client, column: str) -> dict[str, Probe]:
    """All ways in which a client tries to have what a column says. A page has its own requests
    alone, and cannot make the router its proxy."""
    proxied, captured = client.is_proxied, not client.port
    found: dict[str, Probe] = {}
    match column:
        case "calls to models":
            if proxied or client.mode == "reverse":
                found["base URL"] = to_the_router
            if client.mode != "reverse" and "origin" not in client.headers:
                found["HTTP/1 in TLS"] = http1(CHAT.path, FIRST, 443, QUESTION)
                found["HTTP/2 in TLS"] = http2(CHAT.path, FIRST, QUESTION)
                found["plain HTTP/1"] = http1(CHAT.path, PLAIN, BOX, QUESTION, tls=False)
            if proxied and "origin" not in client.headers:
                found["absolute form"] = absolute(
                    f"http://{BOXED}{CHAT.path}", BOXED, body=QUESTION
                )
        case "all else at providers' hosts":
            found["HTTP/1 in TLS"] = http1("/v1/files", FIRST, 443)
            found["HTTP/2 in TLS"] = http2("/v1/files", FIRST)
            found["plain HTTP/1"] = http1("/api/pull", PLAIN, BOX, tls=False)
            if proxied:
                found["absolute form"] = absolute(f"http://{BOXED}/api/pull", BOXED)
                found["upgrade"] = absolute(f"http://{BOXED}/api/ps", BOXED, UPGRADE)
        case "other hosts":
            found["tunnel"] = http1("/x", OTHER, BOX, tls=False)
            found["unread"] = unread(CRLF, OTHER, BOX)
            found["figures"] = http1("/x", HOSTS[OTHER], BOX, tls=False)
            if not captured and client.mode != "upstream":
                found["loopback"] = http1("/x", "127.0.0.1", ALONE, tls=False)
                found["loopback, a provider's port"] = unread(CRLF, "127.0.0.1", BOX)
            if proxied:
                found["absolute form"] = absolute(f"http://{OTHER}:{BOX}/x", f"{OTHER}:{BOX}")
                found["upgrade"] = absolute(f"http://{OTHER}:{BOX}/x", f"{OTHER}:{BOX}", UPGRADE)
        case "unread bytes":
            found["CRLF first"] = unread(CRLF, PLAIN, BOX)
            found["binary"] = unread(b"\x00\xff\x01 anything", PLAIN, BOX)
            if client.mode != "reverse":
                found["CRLF first in TLS"] = unread(CRLF, FIRST, SAFE, tls=True)
    return found


def client_of(row: Row, place: Place) -> tuple[Client, Namespace]:
    lab = place.world.lab
    key = KEY if row.key == "shown" else None
    elsewhere = row.client == "elsewhere"
    ports = {"regular": REGULAR, "upstream": UPSTREAM, "SOCKS5": SOCKS, "reverse": REVERSE}
    port = KEYLESS if row.key == "none configured" else ports.get(row.mode, 0)
    client = Client(row.mode, key, GATEWAY if elsewhere else "127.0.0.1", port)
    if row.client == "page in a browser":
        client.headers["origin"] = "https://evil.example"
    if not port and key:
        client.headers["authorization"] = f"Bearer {key}"
    return client, lab.gateway if port and not elsewhere else lab.clients


TRIED = [
    (row, column, cell)
    for row in TABLE
    for column, cell in zip(COLUMNS, row.cells, strict=True)
    if cell in ("yes", "no")
]


@contextlib.contextmanager
def captured(place: Place) -> Iterator[None]:
    place.world.up(
        *("--netns", place.world.lab.clients.name, "--ports", f"80,443,{BOX},{SAFE}"),
        port=TRANSPARENT,
    )
    try:
        yield
    finally:
        place.world.down()


def check(reached: Place, row: Row, column: str, cell: str) -> None:
    client, namespace = client_of(row, reached)
    ways = probes(client, column)
    assert ways
    for name, probe in ways.items():
        before = reached.heard

        def attempt(probe: Probe = probe) -> bytes:
            try:
                return probe(client)
            except (Refused, ssl.SSLError, ConnectionError):
                return b""

        said = namespace.do(attempt)
        got = reached.heard > before
        told = any(mark.encode() in said for mark in (TEXT, *reached.servers))
        assert got is (cell == "yes"), f"{row}: {column} by {name}: {said!r}"
        if got:
            assert told or column == "calls to models", f"{row}: {column} by {name}: {said!r}"


def test_every_cell_is_tried_or_says_why_not() -> None:
    cells = {cell for row in TABLE for cell in row.cells}
    assert cells <= {"yes", "no", "-", "yes, not tried"}
    assert {row.mode for row in TABLE if "yes, not tried" in row.cells} == {"local capture"}
    asked = {(row.mode, row.client, row.key) for row in TABLE}
    assert len(asked) == len(TABLE), "a row stands there twice"
    for mode in ("regular", "upstream", "SOCKS5", "reverse"):
        for client in ("this machine", "elsewhere"):
            for key in ("none", "shown"):
                assert (mode, client, key) in asked


@pytest.mark.parametrize(
    ("row", "column", "cell"),
    [pytest.param(*one, id=f"{one[0]}: {one[1]}") for one in TRIED if one[0].mode != "WireGuard"],
)
def test_a_cell(reached: Place, row: Row, column: str, cell: str) -> None:
    with captured(reached) if row.mode == "transparent" else contextlib.nullcontext():
        check(reached, row, column, cell)


def test_the_cells_of_wireguard(reached: Place, tmp_path: Path) -> None:
    with tunnelled(reached.world, tmp_path, configuration()):
        for row, column, cell in TRIED:
            if row.mode == "WireGuard":
                check(reached, row, column, cell)


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
