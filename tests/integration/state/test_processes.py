"""Three processes of their own share state over a Unix socket, and over Redis."""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from switchyard.state.shared.lines import lines_of
from switchyard.state.shared.protocol import NOTHING
from switchyard.state.shared.served import StateServer
from switchyard.state.shared.socket_link import SocketLink
from tests.integration.state.redis_server import RedisServer
from tests.integration.state.worker import SLOTS

ROOT = Path(__file__).parents[3]


class Shared:
    """What three processes share, with a clock that may be set, and then stands still."""

    def __init__(self, way: str, where: str) -> None:
        self.way = way
        self.where = where
        self.stands: float | None = None

    def now(self) -> float:
        return time.time() if self.stands is None else self.stands

    async def slots_in_use(self) -> int:
        lines = [line.wire() for line in lines_of((SLOTS,), NOTHING, int(self.now() * 1000))]
        if self.way == "served":
            link: Any = SocketLink(Path(self.where))
        else:
            from switchyard.state.shared.redis_link import RedisLink

            link = RedisLink(self.where, "tests", lambda: int(self.now() * 1000))
        try:
            return (await link.call("counters", lines, 30))[0][0]
        finally:
            await link.close()


@pytest_asyncio.fixture(params=("served", "redis"))
async def shared(request: pytest.FixtureRequest) -> AsyncIterator[Shared]:
    with tempfile.TemporaryDirectory() as name:
        if request.param == "redis":
            request.getfixturevalue("needs_redis")
            server = RedisServer(Path(name))
            await server.start()
            try:
                yield Shared("redis", server.url)
            finally:
                server.kill()
        else:
            path = Path(name) / "state.sock"
            shared = Shared("served", str(path))
            parent = StateServer(path, clock=shared.now)
            await parent.start()
            try:
                yield shared
            finally:
                await parent.close()


class Process:
    """One of the processes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def do(self, what: str) -> Any:
        assert self._process.stdin
        self._process.stdin.write(f"{what}\n".encode())
        return await self.answer()

    async def answer(self) -> Any:
        assert self._process.stdout
        async with asyncio.timeout(120):
            return json.loads(await self._process.stdout.readline())

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


@asynccontextmanager
async def processes(shared: Shared) -> AsyncIterator[list[Process]]:
    started: list[Process] = []
    path = os.pathsep.join((str(ROOT), str(ROOT / "addons")))
    try:
        for _ in range(3):
            command = ("-m", "tests.integration.state.worker", shared.way, shared.where)
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": path},
                cwd=ROOT,
            )
            started.append(Process(process))
        assert [await one.answer() for one in started] == ["ready"] * 3
        yield started
    finally:
        for one in started:
            await one.kill()


async def all_do(found: list[Process], what: str) -> list[Any]:
    return await asyncio.gather(*(one.do(what) for one in found))


async def test_rotation_limits_and_cooldowns(shared: Shared) -> None:
    async with processes(shared) as found:
        turns = [turn for turns in await all_do(found, "turns") for turn in turns]
        members = [sum(turn % size == 0 for turn in turns) for size in (1, 2, 3, 7)]
        assert sorted(turns) == list(range(1, 301)) and members == [300, 150, 100, 42]
        assert sum(await all_do(found, "admit")) == 100
        assert await found[0].do("cool")
        assert await all_do(found, "cooling") == [["acme/key-1"]] * 3
        assert await all_do(found, "settle") == [True] * 3
        assert await shared.slots_in_use() == 0


async def test_slots_of_a_killed_process_come_back(shared: Shared) -> None:
    async with processes(shared) as found:
        began = time.time()
        assert await found[0].do("admit") == 100
        assert await shared.slots_in_use() == 100
        await found[0].kill()
        gone = time.time()  # it may have told of itself until then
        shared.stands = began + 29.9
        assert await shared.slots_in_use() == 100
        shared.stands = gone + 30.0
        assert await shared.slots_in_use() == 0
