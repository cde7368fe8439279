"""What the log says of clients that send nonsense: no key, no line of theirs, no colours."""

import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.ports import free_port
from tests.support.router import LAUNCHER
from tests.support.router import Router
from tests.support.signals import PATIENCE
from tests.support.upstream import Upstream

KEY = "cl-7e21f0a9d4c3b658"
HEADS = [
    f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n",
    f"GET /v1/models?key={KEY} HTTP/1.1 extra\r\nHost: x\r\n\r\n",
    f"GET /v1/models HTTP/1.1\r\nHost: x\r\nx-api-key {KEY}\r\n\r\n",
    f"GET /v1/models HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\nContent-Length: {KEY}\r\n\r\n",
    f"GET /?key={KEY} HTTP/{KEY}\r\n\r\n",
    f"{KEY}\r\n\r\n",
]
LINE = re.compile(r"(?:\x1b\[[0-9;]*m)*\[\d\d:\d\d:\d\d\.\d{3}\]|\s\s|$")
"""How lines of the log begin; those that go on are indented."""


def says(port: int, data: bytes, socks: tuple[str, int] | None = None) -> bytes:
    """What comes back for some bytes after which the client is silent for good."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        if socks is not None:
            client.sendall(b"\x05\x01\x00")
            assert client.recv(2) == b"\x05\x00"
            host, at = socks
            to = socket.inet_aton(host) + at.to_bytes(2)
            client.sendall(b"\x05\x01\x00\x01" + to)
            assert client.recv(10)[:2] == b"\x05\x00"
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.fixture(params=["engine", "mitmdump", "socks5", "proxy_debug"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "mitmdump":
        monkeypatch.setenv(LAUNCHER, "mitmdump")
    yield request.param


def test_no_key_of_a_client_is_in_the_log(tmp_path: Path, way: str):
    options: list[str] = []
    port = free_port()
    if way == "socks5":
        options = ["--mode", f"socks5@127.0.0.1:{port}", "--mode", "regular"]
    elif way == "proxy_debug":
        options = ["-v", "-v", "--set", "proxy_debug=true"]
    with Upstream() as upstream:
        provider = {"name": "o", "format": "openai-chat", "base-url": upstream.url,
                    "api-key": "sk-up-0d9e8c11aa73"}  # fmt: skip
        with Router(tmp_path, {"providers": [provider]}, *options) as router:
            socks = ("127.0.0.1", urlsplit(upstream.url).port or 0) if way == "socks5" else None
            # With -v -v the headers of flows are shown, all but credentials; what is no HTTP at
            # all is passed on by SOCKS.
            left_out = {"proxy_debug": HEADS[3], "socks5": HEADS[5]}.get(way)
            for head in (one for one in HEADS if one != left_out):
                answer = says(port if socks else router.port, head.encode(), socks)
                assert KEY.encode() not in answer
        assert KEY not in router.log
        assert router.log.count("\n") > 2


def connect(agent: str) -> bytes:
    head = f"CONNECT served.example:443 HTTP/1.1\r\nHost: x\r\nUser-Agent: {agent}\r\n\r\n"
    return head.encode()


def test_no_client_writes_lines_or_colours_into_the_log(tmp_path: Path):
    forged = "evil\x1b[2J\x1b]0;pwned\x07\r\n [12:00:00.000] switchyard: ready on http://attacker"
    provider = {"name": "o", "format": "openai-chat", "base-url": "https://served.example/v1",
                "api-key": "sk-up-0d9e8c11aa73"}  # fmt: skip
    with Router(tmp_path, {"providers": [provider]}) as router:
        address = ("127.0.0.1", router.port)
        told = router.will_log("this router's certificate")
        with socket.create_connection(address, PATIENCE) as client:
            client.sendall(connect(forged))
            assert b" 400 " in client.recv(65536).partition(b"\r\n")[0]
        with socket.create_connection(address, PATIENCE) as client:
            client.sendall(connect("honest/1.0"))
            assert b" 200 " in client.recv(65536).partition(b"\r\n")[0]
            with pytest.raises(ssl.SSLError):
                ssl.create_default_context().wrap_socket(client, server_hostname="served.example")
            told.wait()
        says(router.port, b"GET /\x1b[2J\x1b[31m HTTP/1.1\r\nHost: a\x1b[1mb\r\n\r\n")
    assert "\x1b[2J" not in router.log and "\x07" not in router.log
    strange = [line for line in router.log.splitlines() if not LINE.match(line)]
    assert not [line for line in strange if "attacker" in line or "pwned" in line]
    assert "\n [12:00:00.000]" not in router.log
