"""Connections to names with several addresses, and to Unix sockets."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.proxy import server

from switchyard.egress import dial
from tests.support.blackhole import black_hole

NAME = "name.test"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names lead to, for the test to fill in."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def getaddrinfo(host, port, *args, **options):
        found = known.get(host, [host])
        return [info for address in found for info in real(address, port, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


@pytest.fixture(autouse=True, params=[True, False], ids=["eager", "lazy"])
async def tasks(request: pytest.FixtureRequest) -> None:
    """mitmproxy lets tasks begin at once, not with the loop's next turn."""
    factory = asyncio.eager_task_factory if request.param else None
    asyncio.get_running_loop().set_task_factory(factory)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


async def peer_of(host: str, port: int) -> tuple[str, float]:
    """The address that a connection is made to, and after how many seconds."""
    began = time.monotonic()
    _, writer = await dial.open_connection(host, port)
    took = time.monotonic() - began
    peer = writer.get_extra_info("peername")[0]
    writer.close()
    await writer.wait_closed()
    return peer, took


async def test_an_address_that_refuses_is_followed_at_once(
    names: dict[str, list[str]], listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dial, "NEXT_ADDRESS_AFTER", 3600)
    names[NAME] = ["::1", "127.0.0.2", "127.0.0.1"]
    async with asyncio.timeout(20):
        peer, _ = await peer_of(NAME, listener.getsockname()[1])
    assert peer == "127.0.0.1"


async def test_the_next_address_does_not_wait_for_a_dead_one(
    names: dict[str, list[str]], listener: socket.socket
) -> None:
    port = listener.getsockname()[1]
    with black_hole("127.0.0.2", port):
        names[NAME] = ["127.0.0.2", "127.0.0.1"]
        took = [await peer_of(NAME, port) for _ in range(3)]
    assert {peer for peer, _ in took} == {"127.0.0.1"}
    assert all(seconds >= dial.NEXT_ADDRESS_AFTER for _, seconds in took)
    assert dial.NEXT_ADDRESS_AFTER <= 0.25


async def test_families_take_turns(
    names: dict[str, list[str]], listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name with many dead addresses of one family costs no more than one of them."""
    monkeypatch.setattr(dial, "NEXT_ADDRESS_AFTER", 1.0)
    port, tried = listener.getsockname()[1], list[str]()
    loop = asyncio.get_running_loop()
    real = loop.sock_connect

    async def connect(sock: socket.socket, address: tuple[Any, ...]) -> None:
        tried.append(address[0])
        await real(sock, address)

    monkeypatch.setattr(loop, "sock_connect", connect)
    with black_hole("::1", port):
        names[NAME] = ["::1", "::1", "::ffff:127.0.0.9", "127.0.0.1"]
        peer, _ = await peer_of(NAME, port)
    assert peer == "127.0.0.1" and tried == ["::1", "127.0.0.1"]


async def test_where_all_refuse_each_is_told(
    names: dict[str, list[str]], listener: socket.socket
) -> None:
    names[NAME] = ["127.0.0.2", "127.0.0.3"]
    with pytest.raises(OSError, match=r"127\.0\.0\.2.*127\.0\.0\.3"):
        await dial.open_connection(NAME, listener.getsockname()[1])


async def test_giving_up_leaves_nothing_open(
    names: dict[str, list[str]], listener: socket.socket
) -> None:
    """As when the connect deadline passes, or the client leaves."""
    port = listener.getsockname()[1]
    names[NAME] = ["127.0.0.2", "127.0.0.3"]
    with black_hole("127.0.0.2", port), black_hole("127.0.0.3", port):
        before = open_sockets()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(dial.open_connection(NAME, port), 0.4)
        await asyncio.sleep(0)  # those that were cancelled close their own
        assert open_sockets() <= before


def open_sockets() -> set[str]:
    """This process's, by inode."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(str(entry.readlink()))
    return {name for name in found if name.startswith("socket:")}


async def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "here.sock")
    greeted = asyncio.Event()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(4))
        writer.close()
        greeted.set()

    serving = await asyncio.start_unix_server(greet, path)
    reader, writer = await dial.open_connection(path, 0)
    # mitmproxy keeps them as hosts with ports, and saves them with flows.
    assert writer.get_extra_info("peername") == (path, 0)
    assert writer.get_extra_info("sockname") == ("", 0)
    writer.write(b"ping")
    assert await reader.read() == b"ping"
    await greeted.wait()
    writer.close()
    serving.close()
    with pytest.raises(OSError, match=rf"the socket {path}"):
        await dial.open_connection(path, 0)


def test_mitmproxys_module_gets_our_own_and_gives_it_back() -> None:
    assert server.asyncio is asyncio
    dial.install()
    dial.install()
    try:
        assert server.asyncio.open_connection is dial.open_connection
        assert server.asyncio.CancelledError is asyncio.CancelledError
        assert asyncio.open_connection is not dial.open_connection
    finally:
        dial.remove()
    assert server.asyncio is asyncio
