"""Many clients at once are all let in, a few in a turn."""

import asyncio
import contextlib
import socket

from switchyard.engine.accepting import MOST
from switchyard.engine.accepting import AcceptedAtOnce
from switchyard.engine.install import serve

CLIENTS = 60


class Counted(asyncio.Protocol):
    made = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Counted.made += 1
        transport.close()


async def accepted_in_turns(asked: int) -> list[int]:
    """How many of many clients are let in turn by turn, while so many requests come in each."""
    Counted.made, at_once = 0, AcceptedAtOnce()
    server = await serve(Counted, "127.0.0.1", 0, at_once)
    address = server.sockets[0].getsockname()
    turns: list[int] = []
    with contextlib.ExitStack() as stack:
        for _ in range(CLIENTS):
            # Nobody accepts meanwhile: it is the system that lets them in.
            stack.enter_context(socket.create_connection(address, timeout=60))
        seen = 0
        async with asyncio.timeout(60):
            while Counted.made < CLIENTS:
                for _ in range(asked):
                    at_once.note_request()
                await asyncio.sleep(0)
                turns.append(Counted.made - seen)
                seen = Counted.made
    server.close()
    await server.wait_closed()
    return [accepted for accepted in turns if accepted]


async def test_a_burst_waits_for_its_turns() -> None:
    assert max(await accepted_in_turns(asked=0)) == 1


async def test_requests_of_others_are_no_reason_to_wait() -> None:
    _, second, *_ = await accepted_in_turns(asked=10)
    assert second == 5
    assert max(await accepted_in_turns(asked=1000)) == MOST
