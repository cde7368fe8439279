"""Who may call, as strangers, wrong keys and pages of other sites find out, byte by byte."""

import base64
import json
import os
import select
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import httpx2
import pytest

from tests.support.answers import CHAT
from tests.support.answers import saying
from tests.support.router import LAUNCHER
from tests.support.router import Router
from tests.support.router import write_config
from tests.support.tls import server_context
from tests.support.upstream import Upstream

KEY, OTHER_KEY = "router-key-aaaa", "router-key-bbbb"
LAUNCHERS = ("engine", "mitmdump")
QUESTION = {"model": "p/m", "messages": [{"role": "user", "content": "Well?"}]}
BODY = json.dumps(QUESTION).encode()
MIB = 1024 * 1024
UPGRADE = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@dataclass(frozen=True, slots=True)
class World:
    plain: Upstream
    tls: Upstream
    router: Router
    config: dict[str, Any]

    def dial(self) -> "Raw":
        return Raw(self.router.port)

    def ask(self, request: bytes) -> "Answer":
        """The answer to one request on a connection of its own."""
        with self.dial() as raw:
            return raw.ask(request)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    head: bytes
    body: bytes


class Raw:
    """A connection that sends what it is told to."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.settimeout(30)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def ask(self, request: bytes) -> Answer:
        self.send(request)
        return self.read(request.startswith(b"HEAD "))

    def read(self, to_head: bool = False) -> Answer:
        lines = list(iter(self._file.readline, b"\r\n"))
        head = b"".join(lines)
        assert head, "the connection ended"
        length = next(
            (int(x.split(b":")[1]) for x in lines if x.lower().startswith(b"content-length:")), 0
        )
        body = b"" if to_head else self._file.read(length)
        return Answer(int(lines[0].split()[1]), head.lower(), body)

    def has_answer(self) -> bool:
        """Whether anything came that is not read yet."""
        return bool(select.select([self._socket], [], [], 0)[0])

    def rest(self) -> bytes:
        """All that comes until the router closes the connection."""
        return self._file.read()


def post(*headers: bytes, target: bytes = b"/v1/chat/completions"):
    host = host_in(target)
    lines = b"".join(header + b"\r\n" for header in headers)
    start = b"POST %b HTTP/1.1\r\nHost: %b\r\n%bContent-Length: %d\r\n\r\n"
    return start % (target, host, lines, len(BODY)) + BODY


def get(path: bytes, *headers: bytes, host: bytes = b"", method: bytes = b"GET"):
    lines = b"".join(header + b"\r\n" for header in headers)
    start = b"%b %b HTTP/1.1\r\nHost: %b\r\n%b\r\n"
    return start % (method, path, host or host_in(path), lines)


def host_in(target: bytes) -> bytes:
    """The `Host` that goes with a request's target."""
    return target.split(b"/")[2] if target.startswith(b"http") else b"localhost"


def to_proxy(key: str) -> bytes:
    return b"Proxy-Authorization: Basic " + base64.b64encode(f"any:{key}".encode())


def memory_of(router: Router) -> int:
    """Bytes of the process."""
    status = Path(f"/proc/{router.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def processor_seconds(router: Router) -> float:
    """What the router's process has used so far, so that others on the machine do not count."""
    fields = Path(f"/proc/{router.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def make_world(directory: Path, ca: Path, **more: Any) -> Iterator[World]:
    plain, tls = Upstream(), Upstream(tls=server_context("h2", "http/1.1"))
    with plain, tls:
        for upstream in (plain, tls):
            upstream.on("m", always=saying(CHAT), path=CHAT.path)
        providers = [
            {"name": "p", "base-url": f"{plain.url}/v1", "api-key": "sk-up-1234", "models": ["m"]},
            {"name": "t", "base-url": f"{tls.url}/v1", "api-key": "sk-up-1234", "models": ["m"]},
        ]
        config = {"providers": providers, **more}
        with Router(directory, config, trust=ca) as router:
            yield World(plain, tls, router, config)


@pytest.fixture(scope="module", params=LAUNCHERS)
def keyed(request, upstream_ca: Path, tmp_path_factory) -> Iterator[World]:
    """A router that asks for keys; `OTHER_KEY` may ask for no model that there is."""
    few = {"key": OTHER_KEY, "models": ["none"]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LAUNCHER, request.param)
        yield from make_world(
            tmp_path_factory.mktemp("keyed"), upstream_ca, clients={"api-keys": [KEY, few]}
        )


@pytest.fixture(scope="module", params=LAUNCHERS)
def keyless(request, upstream_ca: Path, tmp_path_factory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LAUNCHER, request.param)
        yield from make_world(
            tmp_path_factory.mktemp("keyless"),
            upstream_ca,
            clients={"host-names": ["router.lan"]},
        )


def at_host(upstream: Upstream) -> bytes:
    """The target of a call at a provider's own host, by proxy."""
    return f"{upstream.url}{CHAT.path}".encode()


@pytest.mark.parametrize("by_proxy", [False, True])
@pytest.mark.parametrize("framing", [b"Content-Length: 99999999999", b"Transfer-Encoding: chunked"])
def test_a_body_without_a_key_is_not_waited_for(
    keyed: World, framing: bytes, by_proxy: bool
) -> None:
    target = at_host(keyed.plain) if by_proxy else b"/v1/chat/completions"
    with keyed.dial() as raw:
        start = b"POST %b HTTP/1.1\r\nHost: %b\r\n%b\r\n\r\n"
        head = start % (target, host_in(target), framing)
        answer = raw.ask(head)
        assert answer.status == 401 and b"connection: close" in answer.head
        assert b"needs a client key" in answer.body
        assert raw.rest() == b""


@pytest.mark.parametrize("framing", [b"Content-Length: 99999999999", b"Transfer-Encoding: chunked"])
def test_a_body_without_a_key_takes_no_memory(keyed: World, framing: bytes) -> None:
    before, piece = memory_of(keyed.router), b"10000\r\n" + b"x" * 65536 + b"\r\n"
    with keyed.dial() as raw:
        raw.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n%b\r\n\r\n" % framing)
        with pytest.raises(OSError):
            for _ in range(200 * MIB // len(piece)):
                raw.send(piece)
        assert raw.read().status == 401
    assert memory_of(keyed.router) < before + 24 * MIB


def test_who_sends_a_whole_body_hears_why_it_is_refused(keyed: World) -> None:
    large = json.dumps({**QUESTION, "x": "y" * 4 * MIB}).encode()
    url = f"{keyed.router.url}{CHAT.path}"
    answer = httpx2.post(url, content=large, headers={"x-api-key": "wrong"}, trust_env=False)
    assert answer.status_code == 401 and "clients.api-keys" in answer.text


def test_nobody_is_told_to_continue_who_may_not(keyed: World) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
    assert keyed.ask(head + b"Content-Length: 9\r\n\r\n").status == 401
    with keyed.dial() as raw:
        length = b"x-api-key: %b\r\nContent-Length: %d\r\n\r\n" % (KEY.encode(), len(BODY))
        assert raw.ask(head + length).status == 100
        assert raw.ask(BODY).status == 200


def test_a_head_without_a_body_keeps_the_connection(keyed: World) -> None:
    with keyed.dial() as raw:
        for method in (b"HEAD", b"HEAD", b"GET"):
            answer = raw.ask(get(b"/v1/models", method=method))
            assert answer.status == 401 and b"connection: close" not in answer.head
        assert json.loads(raw.ask(get(b"/health")).body)["status"] == "ok"


@pytest.mark.parametrize("by_proxy", [False, True])
def test_handshakes_need_a_key_too(keyed: World, by_proxy: bool) -> None:
    path = f"{keyed.plain.url}/v1/responses".encode() if by_proxy else b"/v1/responses"
    assert keyed.ask(get(path, UPGRADE.strip())).status == 401
    right = b"x-api-key: " + KEY.encode()
    assert keyed.ask(get(path, UPGRADE.strip(), right)).status == 101


class Tunnel:
    """HTTP/2 through a CONNECT to the provider that has TLS."""

    def __init__(self, world: World, *headers: bytes) -> None:
        host = f"localhost:{world.tls.port}".encode()
        bare = socket.create_connection(("127.0.0.1", world.router.port))
        bare.settimeout(30)
        lines = b"".join(header + b"\r\n" for header in headers)
        bare.sendall(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (host, host, lines))
        assert b" 200 " in bare.recv(4096)
        context = ssl.create_default_context(cafile=str(world.router.ca))
        context.set_alpn_protocols(["h2"])
        self._socket = context.wrap_socket(bare, server_hostname="localhost")
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._h2.initiate_connection()
        self._authority = host.decode()

    def __enter__(self) -> "Tunnel":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def open(self, *headers: tuple[str, str], path: str = CHAT.path) -> int:
        """Begins a request, whose body is yet to come."""
        stream = self._h2.get_next_available_stream_id()
        named = [(":method", "POST"), (":scheme", "https"), (":authority", self._authority)]
        self._h2.send_headers(stream, [*named, (":path", path), *headers])
        return stream

    def send(self, stream: int, data: bytes, ends: bool = False) -> None:
        self._h2.send_data(stream, data, end_stream=ends)
        self._socket.sendall(self._h2.data_to_send())

    def status(self, stream: int) -> tuple[int, int | None]:
        """The status of an answer once it is over, and how its stream was reset, if it was."""
        status = 0
        while True:
            for event in self._h2.receive_data(self._socket.recv(65536)):
                match event:
                    case h2.events.ResponseReceived(stream_id=id, headers=headers) if id == stream:
                        status = next(
                            int(value) for name, value in headers or () if name == ":status"
                        )
                    case h2.events.StreamReset(stream_id=id, error_code=code) if id == stream:
                        return status, int(code or 0)
                    case h2.events.StreamEnded(stream_id=id) if id == stream:
                        if self._is_over(stream):
                            return status, None
            self._socket.sendall(self._h2.data_to_send())

    def _is_over(self, stream: int) -> bool:
        return self._h2.streams[stream].closed if stream in self._h2.streams else True


def test_over_http2_a_body_without_a_key_is_not_waited_for(keyed: World) -> None:
    with Tunnel(keyed) as tunnel:
        stream = tunnel.open()
        tunnel.send(stream, b"{")
        assert tunnel.status(stream) == (401, h2.errors.ErrorCodes.NO_ERROR)
        good = tunnel.open(("x-api-key", KEY))
        tunnel.send(good, BODY.replace(b"p/m", b"t/m"), ends=True)
        assert tunnel.status(good) == (200, None)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (b"/?", "%x_token"),
        (b"/v1/models?", "%x_%%74oken"),
        (b"/nothing?", "key"),
        (b"/v1beta/models/m:generateContent?", "%x-api-key"),
    ],
)
def test_a_long_query_costs_what_its_bytes_cost(keyed: World, path: bytes, name: str) -> None:
    """Each name had all of the query read and written anew: 9 KB took seconds, and no key.

    What is longer than `limits.request-line` is refused unread.
    """
    pairs = (f"{name % number if '%x' in name else name}={number}" for number in range(900))
    before = processor_seconds(keyed.router)
    assert keyed.ask(get(path + "&".join(pairs).encode())).status in (200, 401, 404)
    assert processor_seconds(keyed.router) - before < 2


@pytest.mark.parametrize(
    ("then", "status"),
    [
        ([], 401),
        ([b"Authorization: Bearer nonsense"], 401),
        ([b"x-api-key: " + OTHER_KEY.encode()], 403),
        ([to_proxy(OTHER_KEY)], 403),
        ([to_proxy("nonsense")], 401),
        ([b"x-api-key: " + KEY.encode()], 200),
    ],
)
@pytest.mark.parametrize("by_proxy", [False, True])
def test_a_key_shown_to_the_proxy_is_for_its_request(
    keyed: World, then: list[bytes], status: int, by_proxy: bool
) -> None:
    """Others may share a connection that a balancer keeps."""
    target = at_host(keyed.plain) if by_proxy else b"/v1/chat/completions"
    with keyed.dial() as raw:
        assert raw.ask(post(to_proxy(KEY), target=target)).status == 200
        assert raw.ask(post(*then, target=target)).status == status


def test_a_tunnel_is_its_keys_and_a_key_within_counts_over_it(keyed: World) -> None:
    asked = BODY.replace(b"p/m", b"t/m")
    wishes = [((), 200), ((("x-api-key", OTHER_KEY),), 403), ((("x-api-key", "own-login"),), 200)]
    with Tunnel(keyed, to_proxy(KEY)) as tunnel:
        for headers, status in wishes:
            stream = tunnel.open(*headers)
            tunnel.send(stream, asked, ends=True)
            assert tunnel.status(stream) == (status, None)


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_key_that_is_taken_away_ends_at_once(
    launcher: str, upstream_ca: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LAUNCHER, launcher)
    for world in make_world(tmp_path, upstream_ca, clients={"api-keys": [KEY, OTHER_KEY]}):
        asked = BODY.replace(b"p/m", b"t/m")
        with Tunnel(world, to_proxy(KEY)) as tunnel, world.dial() as raw:
            begun, whole = tunnel.open(), tunnel.open()
            tunnel.send(begun, asked[:9])
            tunnel.send(whole, asked, ends=True)
            assert tunnel.status(whole)[0] == 200
            assert raw.ask(post(to_proxy(KEY))).status == 200
            changed = world.router.will_log("applied the changed")
            clients = {"api-keys": [OTHER_KEY]}
            write_config(world.router.config_path, {**world.config, "clients": clients})
            changed.wait()
            tunnel.send(begun, asked[9:], ends=True)
            assert tunnel.status(begun)[0] == 401, "its body came after the change"
            later = tunnel.open()
            tunnel.send(later, asked, ends=True)
            assert tunnel.status(later)[0] == 401
            assert raw.ask(post(to_proxy(KEY))).status == 401


def test_wrong_keys_are_slowed_down_and_named_once(upstream_ca: Path, tmp_path: Path) -> None:
    for world in make_world(tmp_path, upstream_ca, clients={"api-keys": [KEY]}):
        with world.dial() as raw:
            began = time.monotonic()
            for number in range(5):
                claims = b"X-Forwarded-For: 192.0.2.%d" % number
                wrong = b"x-api-key: guess-%d" % number
                assert raw.ask(get(b"/v1/models", wrong, claims)).status == 401
            assert time.monotonic() - began > 0.1 + 0.2 + 0.4 + 0.8
            raw.send(get(b"/v1/models", b"x-api-key: guess-again"))
            with world.dial() as other:
                assert other.ask(get(b"/v1/models", b"x-api-key: " + KEY.encode())).status == 200
            assert not raw.has_answer(), "a right key is not held up by wrong ones"
            assert raw.read().status == 401
        world.router.wait_logged("wrong client key")
        assert world.router.log.count("wrong client key") == 1
        assert "127.0.0.1" in world.router.log and "192.0.2." not in world.router.log
        assert "guess-" not in world.router.log


FOREIGN = [
    b"Origin: https://evil.example",
    b"Origin: null",
    b"Origin: ",
    b"Origin: chrome-extension://abcdefgh",
    b"Origin: moz-extension://abcdefgh",
    b"Origin: file://",
    b"Origin: app://x",
    b"Origin: data:",
    b"Origin: http://localhost:3000, https://evil.example",
    b"Origin: http://localhost:3000\r\nOrigin: https://evil.example",
    b"Origin: http://localhost@evil.example",
    b"Sec-Fetch-Site: cross-site",
]
LOCAL = [
    b"Origin: http://localhost:3000",
    b"Origin: http://localhost:3000\r\nSec-Fetch-Site: cross-site",
    b"Origin: vscode-webview://1a2b",
    b"Sec-Fetch-Site: same-origin",
    b"Sec-Fetch-Site: none",
    b"User-Agent: x",
]


@pytest.mark.parametrize(
    ("header", "admitted"), [*((one, False) for one in FOREIGN), *((one, True) for one in LOCAL)]
)
def test_pages_of_other_sites_spend_no_key(keyless: World, header: bytes, admitted: bool) -> None:
    at_own = keyless.ask(post(header, b"Content-Type: text/plain"))
    at_provider = keyless.ask(post(header, target=at_host(keyless.plain)))
    listed = keyless.ask(get(b"/v1/models", header))
    socket = keyless.ask(get(b"/v1/responses", UPGRADE.strip(), header))
    found = [answer.status for answer in (at_own, at_provider, listed, socket)]
    assert found == ([200, 200, 200, 101] if admitted else [403] * 4)


def test_a_hosts_own_page_may_call_it(keyless: World) -> None:
    origin = b"Origin: " + keyless.plain.url.encode()
    assert keyless.ask(post(origin, target=at_host(keyless.plain))).status == 200


def test_over_http2_pages_are_told_apart_alike(keyless: World) -> None:
    with Tunnel(keyless) as tunnel:
        stream = tunnel.open(("origin", "https://evil.example"))
        tunnel.send(stream, b"{")
        assert tunnel.status(stream) == (403, h2.errors.ErrorCodes.NO_ERROR)


@pytest.mark.parametrize(
    ("host", "admitted"),
    [
        (b"evil.example:%d", False),
        (b"localhost.evil.example", False),
        (b"127.0.0.1.evil.example", False),
        (b"203.0.113.9:%d", False),
        (b"localhost:%d", True),
        (b"LOCALHOST", True),
        (b"router.localhost", True),
        (b"127.0.0.1:%d", True),
        (b"127.1", True),
        (b"0x7f.0.0.1", True),
        (b"2130706433", True),
        (b"[::1]:%d", True),
        (b"[::ffff:127.0.0.1]", True),
        (b"0.0.0.0:%d", True),
        (b"host.docker.internal:%d", True),
        (b"Router.lan", True),
    ],
)
def test_names_that_were_bent_to_this_machine_are_refused(
    keyless: World, host: bytes, admitted: bool
) -> None:
    named = host % keyless.router.port if b"%d" in host else host
    with keyless.dial() as raw:
        for path in (b"/v1/models", b"/v0/health/providers", b"/health")[: 3 if admitted else 1]:
            assert raw.ask(get(path, host=named)).status == (200 if admitted else 403)


def test_in_reverse_mode_too(upstream_ca: Path, tmp_path: Path) -> None:
    """mitmproxy writes the server's name in place of the one that was called."""
    with Upstream() as upstream:
        config = {"providers": [{"name": "p", "base-url": f"{upstream.url}/v1", "models": ["m"]}]}
        mode = ("--mode", f"reverse:{upstream.url}")
        with Router(tmp_path, config, *mode, trust=upstream_ca) as router:
            world = World(upstream, upstream, router, config)
            assert world.ask(get(b"/v1/models", host=b"evil.example")).status == 403
            assert world.ask(get(b"/v1/models")).status == 200


@pytest.mark.parametrize("key", ["k", "abc", "abcdef"])
def test_short_keys_are_none_for_other_machines(tmp_path: Path, key: str) -> None:
    provider = {"name": "p", "base-url": "http://127.0.0.1:9/v1", "api-key": "sk-up-1234"}
    config = {"providers": [provider], "clients": {"api-keys": [KEY, key]}}
    router = Router(tmp_path, config, "--listen-host", "0.0.0.0")
    router.launch()
    assert router.wait() == 1
    assert "clients.api-keys[1] has fewer than 7 characters" in router.log
    assert f"{key} " not in router.log
