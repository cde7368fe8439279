"""The three ways of keeping state, each as several processes would use it."""

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Callable
from contextlib import AsyncExitStack
from contextlib import asynccontextmanager
from pathlib import Path

from switchyard.state.shared.guarded_link import RemoteSettings
from switchyard.state.shared.link import Link
from switchyard.state.shared.memory import MemoryState
from switchyard.state.shared.protocol import SharedState
from switchyard.state.shared.remote import RemoteState
from switchyard.state.shared.served import StateServer
from switchyard.state.shared.socket_link import SocketLink

WAYS = ("memory", "served", "redis")
PATIENT = RemoteSettings(timeout=20.0, beat=0.2)
"""For tests in which nothing fails: a busy machine must not look like a failure."""

BRISK = RemoteSettings(beat=0.1, process_life=20.0, retry=0.02)
"""For tests of failures after which requests go on alone: any call may be found too slow."""


def redis_link(url: str) -> Link:
    """A link to Redis. Imported late, since the package is optional."""
    from switchyard.state.shared.redis_link import RedisLink

    return RedisLink(url, "tests")


@asynccontextmanager
async def remotes(
    connect: Callable[[], Link], count: int, settings: RemoteSettings
) -> AsyncIterator[list[RemoteState]]:
    """States that share, as many as there are processes."""
    async with AsyncExitStack() as stack:
        states: list[RemoteState] = []
        for _ in range(count):
            state = RemoteState(connect(), settings)
            stack.push_async_callback(state.close)
            await state.start()
            states.append(state)
        yield states


@asynccontextmanager
async def opened(
    way: str, url: str, folder: Path, count: int = 3, settings: RemoteSettings = PATIENT
) -> AsyncIterator[list[SharedState]]:
    """States of a way; with `memory` all of them are the same."""
    if way == "memory":
        yield [MemoryState()] * count
    elif way == "served":
        server = StateServer(folder / "state.sock")
        await server.start()
        try:
            async with remotes(lambda: SocketLink(folder / "state.sock"), count, settings) as found:
                yield list(found)
        finally:
            await server.close()
    else:
        async with remotes(lambda: redis_link(url), count, settings) as found:
            yield list(found)


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
