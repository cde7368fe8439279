"""The port is closed when no connection is between being accepted and its handler."""

import asyncio
import socket
from types import SimpleNamespace

import pytest

from switchyard.pipeline import stopping
from tests.support.signals import PATIENCE


class Port:
    """A socket that clients connect to, which another process has too."""

    def __init__(self, server: asyncio.Server, shared: socket.socket) -> None:
        self.server = server
        self.shared = shared

    def connect(self) -> socket.socket:
        client = socket.create_connection(self.shared.getsockname())
        client.sendall(b"?")
        client.setblocking(False)
        return client


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> Port:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(1))
        writer.close()

    listening = socket.create_server(("127.0.0.1", 0))
    server = await asyncio.start_server(handle, sock=listening.dup())
    instance = SimpleNamespace(servers=[SimpleNamespace(_servers=[server])])
    monkeypatch.setattr(stopping, "mitmproxys", lambda _: instance)
    return Port(server, listening)


def is_being_accepted() -> bool:
    coroutines = [task.get_coro() for task in asyncio.all_tasks()]
    return any(getattr(each, "__name__", "") == "_accept_connection2" for each in coroutines)


async def answer_to(client: socket.socket) -> bytes:
    async with asyncio.timeout(PATIENCE):
        return await asyncio.get_running_loop().sock_recv(client, 2)


async def close(takes_for: float) -> None:
    await stopping._stop_accepting(takes_for)
    stopping._stop_listening()


async def test_what_was_accepted_has_its_handler_before_the_port_is_closed(port: Port) -> None:
    with port.shared, port.connect() as client:
        while not is_being_accepted():
            await asyncio.sleep(0)
        await close(takes_for=0.0)
        assert await answer_to(client) == b"?"


async def test_what_waits_stays_for_the_process_that_follows(port: Port) -> None:
    with port.shared, port.connect() as client:
        await close(takes_for=0.0)
        taken, address = port.shared.accept()
        assert address == client.getsockname()
        assert taken.recv(1) == b"?"
        taken.close()


async def test_what_waits_is_taken_where_no_process_follows(port: Port) -> None:
    clients = [port.connect() for _ in range(5)]
    port.shared.close()
    await close(takes_for=60.0)
    for client in clients:
        assert await answer_to(client) == b"?"
        client.close()


async def test_connections_that_never_cease_do_not_keep_the_port_open(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "_is_somebody_waiting", lambda: True)
    with port.shared:
        await close(takes_for=0.0)
    assert not port.server.sockets
