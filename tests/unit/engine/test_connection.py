"""Connections of the engine, on real sockets."""

import asyncio
import socket

import pytest

from switchyard.engine.connection import TcpConnection


class Listener:
    """Counts how often a wire spoke of its balance."""

    def __init__(self) -> None:
        self.balanced = asyncio.Event()

    def noticed(self) -> None: ...

    def received(self, wire: TcpConnection, data: bytes) -> None: ...

    def ended(self, wire: TcpConnection) -> None: ...

    def close_soon(self, wire: TcpConnection) -> None: ...

    def balance(self) -> None:
        self.balanced.set()


@pytest.mark.parametrize("pieces", [1, 2, 300])
async def test_a_peer_that_does_not_read_is_noticed(pieces: int) -> None:
    """However the bytes are written; whoever sends them is held back then."""
    ours, theirs = socket.socketpair()
    with theirs:
        ours.setblocking(False)
        listener = Listener()
        wire = TcpConnection(listener, None)
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: wire, sock=ours)
        for _ in range(pieces):
            wire.write(b"x" * (8_000_000 // pieces))
        wire.flush()
        assert wire.congested
        listener.balanced.clear()
        reading = loop.run_in_executor(None, _read, theirs, 8_000_000 // pieces * pieces)
        await asyncio.wait_for(listener.balanced.wait(), 30)
        assert not wire.congested
        await reading
        wire.close()


def _read(peer: socket.socket, size: int) -> None:
    while size > 0:
        size -= len(peer.recv(1 << 20))
