"""A client in each mode, and the ways in which it tries to reach a server."""

import base64
import contextlib
import json
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field

import h2.config
import h2.connection
import h2.events

from tests.integration.net.conftest import FIRST
from tests.integration.net.conftest import HOSTS
from tests.integration.net.conftest import OTHER
from tests.integration.net.conftest import PLAIN
from tests.integration.net.reach.place import ALONE
from tests.integration.net.reach.place import BOX
from tests.integration.net.reach.place import SAFE
from tests.integration.net.reach.place import WAITS
from tests.support.answers import CHAT

type Probe = Callable[["Client"], bytes]
"""What a client hears of a server that it tries to reach."""


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
