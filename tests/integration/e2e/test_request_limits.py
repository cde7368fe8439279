"""What goes beyond the limits, against the real proxy: with the engine, and by mitmdump alone."""

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import asynccontextmanager
from contextlib import closing
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.http2_client import Http2Client
from tests.support.router import LAUNCHER
from tests.support.router import Router
from tests.support.steps import HANG
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.tls import server_context
from tests.support.upstream import Upstream

KEY = "sk-client-2f"
LIMITS = {
    "request-line": "2KiB",
    "head": "8KiB",
    "headers": 50,
    "body": "3MB",
    "decoded-body": "1MB",
    "json-values": 1000,
    "unfinished-requests-per-address": 30,
    "connections-per-address": 100,
    "unfinished-bodies-per-address": "5MB",
}
HASTY = {**LIMITS, "head-time": "300ms", "body-time": "300ms"}
CALL = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
MEGABYTE = b"b" * 1_000_000


@dataclass(slots=True)
class World:
    router: Router
    plain: Upstream
    tls: Upstream


@pytest.fixture(scope="module", params=["launch", "mitmdump"])
def launcher(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "mitmdump":
            patch.setenv(LAUNCHER, "mitmdump")
        yield


@pytest.fixture(scope="module")
def world(
    launcher: None, upstream_ca: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A router that waits for heads and bodies longer than any test takes to send them."""
    with limited(LIMITS, upstream_ca, tmp_path_factory.mktemp("limits")) as made:
        yield made


@pytest.fixture(scope="module")
def hasty(
    launcher: None, upstream_ca: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A router that hardly waits for heads and bodies."""
    with limited(HASTY, upstream_ca, tmp_path_factory.mktemp("hasty")) as made:
        yield made


@contextmanager
def limited(limits: Mapping[str, object], ca: Path, folder: Path) -> Iterator[World]:
    with Upstream() as plain, Upstream(tls=server_context("http/1.1")) as tls:
        providers = [
            {"name": "p", "base-url": f"{plain.url}/v1", "api-key-entries": ["sk-1"]},
            {"name": "t", "base-url": f"{tls.url}/v1", "api-key-entries": ["sk-1"]},
        ]
        config = {"providers": providers, "limits": limits, "retry": {"request-retry": 0}}
        with Router(folder, config, trust=ca) as router:
            yield World(router, plain, tls)


def rss(router: Router) -> int:
    """Bytes of memory that the process has."""
    status = Path(f"/proc/{router.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


async def said(router: Router, *pieces: bytes) -> bytes:
    """All that the router answers until it closes the connection."""
    return await asyncio.to_thread(_said, router.port, pieces)


def _said(port: int, pieces: tuple[bytes, ...]) -> bytes:
    answer = b""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as client:
        try:
            for piece in pieces:
                client.sendall(piece)
        except ConnectionError:
            pass  # it has answered meanwhile
        try:
            while data := client.recv(65536):
                answer += data
        except ConnectionError:
            pass  # what was sent after the answer
    return answer


def post(format: str, *fields: bytes, body: bytes = b"") -> bytes:
    line = f"POST {CALL[format]} HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode()
    return line + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


def sized(format: str, body: bytes, *fields: bytes) -> bytes:
    return post(format, *fields, b"Content-Length: %d" % len(body), body=body)


def many(count: int) -> bytes:
    return b'{"model":"p/m","messages":[],"x":[' + b"{}," * count + b"{}]}"


TOO_MUCH = {
    "line": (414, lambda _: (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",)),
    "line without end": (414, lambda _: (b"GET /" + b"a" * 9000,)),
    "head": (431, lambda f: (post(f, b"X-A: " + b"b" * 9000),)),
    "head without end": (431, lambda f: (post(f, b"X-A: ")[:-2], *[MEGABYTE] * 100)),
    "headers": (431, lambda f: (post(f, *[b"X-A: b"] * 60),)),
    "folded lines": (400, lambda f: (post(f, b"X-A: b", *[b" c"] * 20),)),
    "length": (413, lambda f: (post(f, b"Content-Length: 9999999999"), *[MEGABYTE] * 50)),
    "expected": (413, lambda f: (post(f, b"Content-Length: 4000000", b"Expect: 100-continue"),)),
    "chunks": (
        413,
        lambda f: (
            post(f, b"Transfer-Encoding: chunked"),
            *[b"%x\r\n%s\r\n" % (len(MEGABYTE), MEGABYTE)] * 50,
        ),
    ),
    "unpacked": (
        413,
        lambda f: (
            sized(
                f, gzip.compress(b" " * 2_000_000), b"Content-Encoding: gzip", b"Connection: close"
            ),
        ),
    ),
    "values": (413, lambda f: (sized(f, many(2000), b"Connection: close"),)),
    "packed values": (
        413,
        lambda f: (
            sized(f, gzip.compress(many(200_000)), b"Content-Encoding: gzip", b"Connection: close"),
        ),
    ),
}
TOO_LATE = {
    "late head": lambda f: (post(f, b"X-A: b")[:-2],),
    "late body": lambda f: (post(f, b"Content-Length: 100", body=b"{"),),
    "late chunk": lambda f: (post(f, b"Transfer-Encoding: chunked", body=b"5\r\nab"),),
}


@pytest.mark.parametrize("format", CALL)
@pytest.mark.parametrize("what", TOO_LATE)
async def test_what_comes_late_is_refused(hasty: World, what: str, format: str) -> None:
    answer = await said(hasty.router, *TOO_LATE[what](format))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == b"408", answer[:300]
    assert b"connection: close" in head.lower()
    error = json.loads(body)
    assert error["error"]["message"]
    assert ("type" in error) == (format == "anthropic")


@pytest.mark.parametrize("format", CALL)
@pytest.mark.parametrize("what", TOO_MUCH)
async def test_it_is_refused_in_the_clients_words_and_the_connection_ends(
    world: World, what: str, format: str
) -> None:
    status, ask = TOO_MUCH[what]
    before = rss(world.router)
    answer = await said(world.router, *ask(format))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == b"%d" % status, answer[:300]
    assert b"connection: close" in head.lower() or b"Connection: close" in ask(format)[0]
    error = json.loads(body)
    assert error["error"]["message"]
    assert ("type" in error) == (format == "anthropic" and status != 414)
    assert rss(world.router) - before < 40_000_000


@pytest.mark.parametrize("kind", ["length", "chunks"])
async def test_what_an_ended_connection_held_is_free(world: World, kind: str) -> None:
    """And counts no more for its address."""
    chunk = b"3e8\r\n" + b"x" * 1000 + b"\r\n"
    begun = {
        "length": (post("openai", b"Content-Length: 2900000"), b"b" * 1_200_000),
        "chunks": (
            post("openai", b"Transfer-Encoding: chunked"),
            chunk * 1200,
        ),
    }
    before = rss(world.router)
    for _ in range(80):
        with closing(socket.create_connection(("127.0.0.1", world.router.port))) as one:
            with suppress(ConnectionError):  # some are refused, as the others are not gone yet
                for piece in begun[kind]:
                    one.sendall(piece)
    asked = sized("openai", b"{}", b"Connection: close")
    while b" 429 " in (answer := await said(world.router, asked)):
        pass  # the router has not seen all of them leave
    assert answer[9:12] == b"400"
    assert rss(world.router) - before < 60_000_000


@asynccontextmanager
async def connected(router: Router, count: int) -> AsyncIterator[list[tuple[Any, Any]]]:
    open_: list[tuple[Any, Any]] = []
    try:
        for _ in range(count):
            open_.append(await asyncio.open_connection("127.0.0.1", router.port))
        yield open_
    finally:
        for _, writer in open_:
            writer.close()


async def left(reading: list[asyncio.Future[bytes]]) -> None:
    for one in reading:
        one.cancel()
    await asyncio.gather(*reading, return_exceptions=True)


async def test_an_address_has_so_many_unfinished_requests(world: World) -> None:
    world.plain.on("busy", always=chunked(HANG), path=CHAT.path)
    body = json.dumps({"model": "p/busy", "messages": [{"role": "user", "content": "x"}]}).encode()
    async with connected(world.router, 31) as clients:
        for _, writer in clients:
            writer.write(sized("openai", body))
        first = [asyncio.ensure_future(reader.readuntil(b"\r\n\r\n")) for reader, _ in clients]
        done, _ = await asyncio.wait(first, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        assert [one.result().split(b" ")[1] for one in done] == [b"429"]
        await left(first)
    health = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    while b" 200 " not in await said(world.router, health):
        pass  # the router has not seen all of them leave


async def test_an_address_has_so_many_connections(world: World) -> None:
    async with connected(world.router, 120) as clients:
        ends = [asyncio.ensure_future(reader.read(1)) for reader, _ in clients]
        done: set[asyncio.Future[bytes]] = set()
        while len(done) < 20:
            done, _ = await asyncio.wait(ends, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        await left(ends)
    assert world.router.log.count("limits.connections-per-address") >= 1


async def test_an_address_sends_so_much_at_once(world: World) -> None:
    async with connected(world.router, 3) as clients:
        for _, writer in clients:
            writer.write(post("openai", b"Content-Length: 2900000", body=b"b" * 2_500_000))
        answers = [asyncio.ensure_future(reader.readline()) for reader, _ in clients]
        done, _ = await asyncio.wait(answers, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        assert b" 429 " in next(iter(done)).result()
        await left(answers)


async def test_a_client_that_waits_for_an_answer_is_not_read_without_end(world: World) -> None:
    """The further requests that it sends meanwhile stay where they are."""
    world.plain.on("mute", always=chunked(HANG), path=CHAT.path)
    body = json.dumps({"model": "p/mute", "messages": [{"role": "user", "content": "x"}]}).encode()
    with closing(socket.create_connection(("127.0.0.1", world.router.port))) as client:
        client.sendall(sized("openai", body))
        client.settimeout(1)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 200_000_000:
                sent += client.send(MEGABYTE)
    assert sent < 60_000_000


async def test_http2_heads_and_bodies(world: World) -> None:
    async with Http2Client(
        world.router.port, "localhost", world.tls.port, world.router.ca
    ) as client:
        path = "/v1/chat/completions"
        refused = [
            (await client.answered(await client.ask(path, [("x-a", "b" * 9000)])), "431"),
            (await client.answered(await client.ask(path, [("x-a", "b")] * 60)), "431"),
            (await client.answered(await client.ask(path + "?" + "a" * 3000)), "414"),
            (await client.answered(await client.ask(path, [("content-length", "9999999")])), "413"),
            (await client.answered(await client.ask(path, body=MEGABYTE * 4)), "413"),
        ]
        for (status, body), expected in refused:
            assert status == expected
            assert json.loads(body)["error"]["message"]
        world.tls.on("fine", whole(CHAT.whole(Answer(text="hi"))), path=CHAT.path)
        question = {"model": "t/fine", "messages": [{"role": "user", "content": "x"}]}
        stream = await client.ask(path, body=json.dumps(question).encode())
        assert (await client.answered(stream))[0] == "200"


async def test_an_http2_body_that_comes_late(hasty: World) -> None:
    async with Http2Client(
        hasty.router.port, "localhost", hasty.tls.port, hasty.router.ca
    ) as client:
        stream = await client.ask("/v1/chat/completions", body=b"{", ends=False)
        status, body = await client.answered(stream)
        assert status == "408"
        assert json.loads(body)["error"]["message"]
