"""The parent's socket: who may use it, and what outlives a crash."""

import asyncio
import stat
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from switchyard.state.shared.keeper import LeaseKeeper
from switchyard.state.shared.protocol import Admitted
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Ask
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import Sliding
from switchyard.state.shared.remote import RemoteState
from switchyard.state.shared.served import StateServer
from switchyard.state.shared.socket_link import SocketLink
from tests.integration.state.ways import PATIENT
from tests.integration.state.ways import remotes
from tests.integration.state.ways import until

BUDGET = Limit(key="a", kind="money", most=1000, period=Calendar("total"))
REQUESTS = Limit(key="a", kind="requests", most=100, period=Sliding(86_400))
SLOTS = Limit(key="a", kind="slots", most=50)
LIMITS = (BUDGET, REQUESTS, SLOTS)
ASK = Ask(limits=LIMITS, amounts=Amounts(money=10))


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">I", 2**32 - 1),
        struct.pack(">I", 3) + b"{}]",
        struct.pack(">I", 2) + b"[]",
        struct.pack(">I", 14) + b'[1,"admit",{}]',
        struct.pack(">I", 12) + b'[1,"none",1]',
        struct.pack(">I", 13) + b'[1,"beat",{}]',
        struct.pack(">I", 13) + b'[1,"turn",[]]',
        struct.pack(">I", 18) + b'[1,"settle",[[1]]]',
        struct.pack(">I", 20) + b'[1,"counters",[[1]]]',
    ],
)
async def test_whoever_speaks_something_else_is_cut_off(folder: Path, sent: bytes) -> None:
    path = folder / "state.sock"
    server = StateServer(path)
    await server.start()
    try:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(sent)
        async with asyncio.timeout(30):
            assert await reader.read() == b""
        writer.close()
        async with remotes(lambda: SocketLink(path), 1, PATIENT) as (state,):
            assert isinstance(await state.admit(ASK), Admitted)
    finally:
        await server.close()


async def test_a_socket_that_was_left_behind_is_replaced(folder: Path) -> None:
    path = folder / "state.sock"
    path.write_bytes(b"")
    server = StateServer(path)
    await server.start()
    assert path.is_socket()
    await server.close()
    assert not path.exists()


class Crashing(LeaseKeeper):
    """Writes nothing at the end, as if its process had been killed."""

    async def close(self) -> None:
        self._ledger.take_changes()
        await super().close()


@pytest.mark.parametrize("saves", [0, 1, 2])
async def test_a_crash_of_the_parent_loses_and_doubles_nothing(folder: Path, saves: int) -> None:
    """Whenever the last write was: before, among or after the last settlements."""
    path, file = folder / "state.sock", folder / "state.sqlite"
    crashing = Crashing(file, every=3600)
    first, second = StateServer(path, crashing), StateServer(path, LeaseKeeper(file, every=3600))
    await first.start()
    try:
        async with remotes(lambda: SocketLink(path), 2, PATIENT) as states:
            spent = 0
            for number in range(3):
                spent += await spend(states[number % 2], 7 + number)
                if number < saves:
                    await crashing.save()
            running = await states[1].admit(ASK)
            assert isinstance(running, Admitted)
            if saves:
                await crashing.save()
            await until(lambda: all(one.health.processes == 2 for one in states))
            await first.close()
            spent += await spend(states[0], 3)
            await second.start()
            await until(lambda: all(one.health.shared for one in states))
            await until_reserved(states[0])
            await states[1].settle(running.lease, Amounts(money=5))
            for state in states:
                assert await state.drain(30)
            money, requests, slots = await states[0].counters(LIMITS)
            assert (money.used, money.reserved) == (spent + 5, 0)
            assert (requests.used, slots.used) == (5, 0)
    finally:
        await second.close()


async def spend(state: RemoteState, amount: int) -> int:
    answer = await state.admit(ASK)
    assert isinstance(answer, Admitted)
    await state.settle(answer.lease, Amounts(money=amount))
    await state.drain(0.5)
    return amount


async def until_reserved(state: RemoteState) -> None:
    """Wait until the parent knows of the request under way."""
    async with asyncio.timeout(30):
        while (await state.counters(LIMITS))[2].used != 1:
            await asyncio.sleep(0.01)
