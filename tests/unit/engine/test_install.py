"""Many clients at once are all let in, a few in a turn."""

import asyncio
import contextlib
import socket

from switchyard.engine.install import ACCEPTED_AT_ONCE
from switchyard.engine.install import serve

CLIENTS = 60


class Counted(asyncio.Protocol):
    made = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Counted.made += 1
        transport.close()


async def test_a_burst_waits_for_its_turns() -> None:
    server = await serve(Counted, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    with contextlib.ExitStack() as stack:
        for _ in range(CLIENTS):
            # Nobody accepts meanwhile: it is the system that lets them in.
            stack.enter_context(socket.create_connection(address, timeout=60))
        seen, most = 0, 0
        async with asyncio.timeout(60):
            while Counted.made < CLIENTS:
                await asyncio.sleep(0)
                most, seen = max(most, Counted.made - seen), Counted.made
    server.close()
    await server.wait_closed()
    assert most <= ACCEPTED_AT_ONCE + 1
