"""What passes by plain HTTP to hosts that no provider is served at."""

import base64
import socket
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.support.ports import free_port
from tests.support.router import Router
from tests.support.signals import PATIENCE
from tests.support.steps import CUT
from tests.support.steps import whole
from tests.support.upstream import Upstream

KEY, WRONG = "key-of-this-router-5", "key-of-last-year-6"
TOKEN, COOKIE, QUERY = "sk-Token-71aa", "ses-Cookie-82bb", "sk-Query-93cc"
GIVEN, RENEWED = "ses-Given-a4dd", "at-Renewed-b5ee"


def config(keys: bool) -> dict[str, object]:
    provider = {"name": "p", "base-url": "https://api.example/v1", "api-key": "sk-own-key-9"}
    return {"providers": [provider], **({"clients": {"api-keys": [KEY]}} if keys else {})}


@pytest.mark.parametrize("keys", [False, True])
@pytest.mark.parametrize("shown", [KEY, WRONG, None])
def test_credentials_go_on_and_are_not_kept(
    start_router: Callable[..., Router],
    upstream: Upstream,
    tmp_path: Path,
    keys: bool,
    shown: str | None,
) -> None:
    dump, har = tmp_path / "flows.mitm", tmp_path / "flows.har"
    options = ["-w", str(dump), "--set", f"hardump={har}", "--set", "flow_detail=4", "-v"]
    router = start_router(config(keys), *options)
    headers = (("set-cookie", f"session={GIVEN}"), ("content-type", "text/plain"))
    upstream.on(None, whole(b"hello", headers=headers), whole(RENEWED.encode()), (CUT,))
    proxy = router.url.replace("//", f"//any:{shown}@" if shown else "//")
    mine = {"authorization": f"Bearer {TOKEN}", "cookie": f"session={COOKIE}", "x-api-key": TOKEN}
    with httpx2.Client(proxy=proxy, headers=mine, trust_env=False) as client:
        answer = client.get(f"{upstream.url}/page?a=1&key={QUERY}")
        assert answer.text == "hello" and answer.headers["set-cookie"] == f"session={GIVEN}"
        assert client.post(f"{upstream.url}/oauth/token", data={"t": TOKEN}).text == RENEWED
        assert client.get(f"{upstream.url}/page?key={QUERY}").status_code == 502
        nobody = f"http://127.0.0.1:{free_port()}/page?key={QUERY}"
        assert client.get(nobody).status_code == 502
    for request in upstream.requests:
        assert "proxy-authorization" not in request.header_names()
        assert ("authorization", f"Bearer {TOKEN}") in request.headers
        assert ("cookie", f"session={COOKIE}") in request.headers
    assert upstream.requests[0].target == f"/page?a=1&key={QUERY}"
    router.stop()
    kept = dump.read_bytes() + har.read_bytes() + router.log.encode()
    assert b"/page?" in kept and b"/oauth/token" in kept
    encoded = base64.b64encode(f"any:{shown}".encode()).decode()
    for secret in (TOKEN, COOKIE, QUERY, GIVEN, RENEWED, KEY, WRONG, encoded):
        assert secret.encode() not in kept, secret


def test_what_passes_is_not_gathered(
    start_router: Callable[..., Router], upstream: Upstream
) -> None:
    """Its client hears the beginning before the end is there."""
    router = start_router(config(keys=False))
    door = socket.create_server(("127.0.0.1", 0))
    place = f"127.0.0.1:{door.getsockname()[1]}"
    with door, socket.create_connection(("127.0.0.1", router.port), PATIENCE) as client:
        client.sendall(f"GET http://{place}/ HTTP/1.1\r\nHost: {place}\r\n\r\n".encode())
        server, _ = door.accept()
        with server:
            server.recv(65536)
            server.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfirst")
            heard = b""
            while not heard.endswith(b"first"):
                heard += client.recv(99)
            server.sendall(b"last")
            while not heard.endswith(b"last"):
                heard += client.recv(99)


def test_a_key_cut_off_within_a_socks_login_is_not_logged(
    start_router: Callable[..., Router],
) -> None:
    port = free_port()
    router = start_router(config(keys=True), "--mode", f"socks5@127.0.0.1:{port}", "-v")
    for rest in (b"", b"\5\2\0\1" + KEY.encode()):
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
            gone = router.will_log("client disconnect")
            client.sendall(b"\5\1\2")
            assert client.recv(2) == b"\5\2"
            said = b"\1\3any" + bytes((len(KEY),)) + KEY.encode()
            client.sendall(said + rest if rest else said[:-1])
            if rest:
                client.recv(99)
        gone.wait()
    assert KEY[:-1] not in router.log
