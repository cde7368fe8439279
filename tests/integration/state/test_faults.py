"""What becomes of requests while Redis or the parent process fails."""

import asyncio
import logging
import tempfile
import time
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from switchyard.state.shared.guarded_link import RemoteSettings
from switchyard.state.shared.link import Link
from switchyard.state.shared.protocol import Admitted
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Ask
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import Denied
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import LimitLease
from switchyard.state.shared.protocol import Sliding
from switchyard.state.shared.remote import RemoteState
from switchyard.state.shared.served import StateServer
from switchyard.state.shared.socket_link import SocketLink
from tests.integration.state.redis_server import RedisServer
from tests.integration.state.slow_proxy import SlowProxy
from tests.integration.state.ways import BRISK
from tests.integration.state.ways import PATIENT
from tests.integration.state.ways import redis_link
from tests.integration.state.ways import remotes
from tests.integration.state.ways import until

BUDGET = Limit(key="a", kind="money", most=1_000_000, period=Calendar("total"))
REQUESTS = Limit(key="a", kind="requests", most=90, period=Sliding(3600))
SLOTS = Limit(key="a", kind="slots", most=1000)
LIMITS = (BUDGET, REQUESTS, SLOTS)

type Change = Callable[[], Awaitable[object]]


class Traffic:
    """Requests of several processes, and what they cost."""

    def __init__(self, states: list[RemoteState]) -> None:
        self.states = states
        self.spent = 0
        self.admitted = 0
        self.slowest = 0.0
        self.open: list[tuple[RemoteState, LimitLease]] = []

    async def request(self, number: int, leave_open: bool = False) -> bool:
        """One request; returns whether it was admitted."""
        state = self.states[number % len(self.states)]
        began = time.monotonic()
        answer = await state.admit(Ask(limits=LIMITS, amounts=Amounts(money=100)))
        self.slowest = max(self.slowest, time.monotonic() - began)
        if isinstance(answer, Denied):
            return False
        self.admitted += 1
        if leave_open:
            self.open.append((state, answer.lease))
        else:
            await self.end(state, answer.lease, number)
        return True

    async def end(self, state: RemoteState, lease: LimitLease, number: int) -> None:
        self.spent += 50 + number
        await state.settle(lease, Amounts(money=50 + number))

    async def burst(self, count: int, leave_open: bool = False) -> int:
        """Requests at once; returns how many were admitted."""
        answers = await asyncio.gather(*(self.request(i, leave_open) for i in range(count)))
        return sum(answers)

    async def end_open(self) -> None:
        for number, (state, lease) in enumerate(self.open):
            await self.end(state, lease, number)
        self.open.clear()

    async def check(self) -> None:
        """Everything is on record once."""
        await until(lambda: all(one.health.shared for one in self.states), 60)
        for state in self.states:
            assert await state.drain(30)
        async with asyncio.timeout(30):
            while True:
                money, requests, slots = await self.states[0].counters(LIMITS)
                # While it answers, so that these are everybody's counters and not local shares.
                if self.states[0].health.shared and money.limit == BUDGET:
                    break
                await asyncio.sleep(0.05)
        assert (money.used, money.reserved) == (self.spent, 0)
        assert (requests.used, requests.reserved) == (self.admitted, 0)
        assert slots.used == 0


@asynccontextmanager
async def traffic(
    connect: Callable[[], Link], settings: RemoteSettings = BRISK
) -> AsyncIterator[Traffic]:
    async with remotes(connect, 3, settings) as states:
        await until(lambda: all(one.health.processes == 3 for one in states))
        yield Traffic(states)


async def play(traffic: Traffic, fault: Change, mend: Change) -> None:
    """Requests before, during and after a fault, some across its begin and end."""
    assert await traffic.burst(6) == 6
    assert await traffic.burst(6, leave_open=True) == 6
    for state in traffic.states:
        await state.post("cooldown", f"before/{id(state)}", "", 600)
        assert await state.drain(30)
    await fault()
    for _ in range(3):
        await traffic.burst(6)
    await until(lambda: not any(one.health.shared for one in traffic.states))
    # 90 an hour for three: 30 each at most, however many they were before.
    during = await traffic.burst(300)
    assert 0 < during <= 90
    assert traffic.slowest < 5
    await traffic.states[0].post("cooldown", "during", "", 600)
    await traffic.end_open()
    await traffic.burst(6, leave_open=True)
    await mend()
    await traffic.end_open()
    await traffic.check()
    places = {f"before/{id(state)}" for state in traffic.states} | {"during"}
    await until(lambda: all(set(one.notices("cooldown")) == places for one in traffic.states))


async def test_stopped_and_resumed(redis_server: RedisServer) -> None:
    async with traffic(lambda: redis_link(redis_server.url)) as running:

        async def stop() -> None:
            redis_server.stop()

        async def resume() -> None:
            redis_server.resume()

        await play(running, stop, resume)


async def test_killed_and_restarted_without_its_data(redis_server: RedisServer) -> None:
    async with traffic(lambda: redis_link(redis_server.url)) as running:

        async def kill() -> None:
            redis_server.kill()

        await play(running, kill, redis_server.start)


async def test_killed_and_restarted_with_older_data(redis_server: RedisServer) -> None:
    async with traffic(lambda: redis_link(redis_server.url)) as running:
        assert await running.burst(6) == 6
        assert await running.burst(3, leave_open=True) == 3
        for state in running.states:
            assert await state.drain(30)
        await running.states[0].post("cooldown", "a", "old", 600)
        assert await running.states[0].drain(30)
        await redis_server.command("SAVE")
        for number in range(5):
            await running.states[0].post("cooldown", "a", f"new {number}", 600)
            assert await running.states[0].drain(30)
        # Some leases end, and others begin, which the saved data know nothing of.
        await running.end_open()
        assert await running.burst(6, leave_open=True) == 6
        for state in running.states:
            assert await state.drain(30)
        redis_server.kill()
        await redis_server.start()
        await running.burst(3)
        await running.end_open()
        await running.check()
        # Notices are numbered from what was saved on, and reach everybody all the same.
        await running.states[1].post("cooldown", "a", "last", 600)
        await until(
            lambda: all(one.notices("cooldown")["a"].text == "last" for one in running.states)
        )


async def test_a_read_only_replica(redis_server: RedisServer) -> None:
    async with traffic(lambda: redis_link(redis_server.url)) as running:
        await play(
            running,
            lambda: redis_server.command("REPLICAOF", "127.0.0.1", "1"),
            lambda: redis_server.command("REPLICAOF", "NO", "ONE"),
        )


async def test_out_of_memory(redis_server: RedisServer) -> None:
    async with traffic(lambda: redis_link(redis_server.url)) as running:
        await play(
            running,
            lambda: redis_server.command("CONFIG", "SET", "maxmemory", "1"),
            lambda: redis_server.command("CONFIG", "SET", "maxmemory", "0"),
        )


async def test_slow_answers(redis_server: RedisServer) -> None:
    path = redis_server.socket.with_name("proxy.sock")
    async with (
        SlowProxy(path, redis_server.socket) as proxy,
        traffic(lambda: redis_link(proxy.url)) as running,
    ):

        async def change(delay: float) -> None:
            proxy.delay = delay

        await play(running, lambda: change(0.2), lambda: change(0.0))


async def test_without_the_script_command(needs_redis: None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder), "--rename-command", "SCRIPT", "")
        await server.start()
        try:
            async with traffic(lambda: redis_link(server.url), PATIENT) as running:
                assert await running.burst(90) == 90
                assert await running.burst(9) == 0
                await running.check()
        finally:
            server.kill()


async def test_a_flushed_script_cache(redis_server: RedisServer) -> None:
    async with traffic(lambda: redis_link(redis_server.url), PATIENT) as running:
        assert await running.burst(30) == 30
        await redis_server.command("SCRIPT", "FLUSH")
        assert await running.burst(90) == 60
        await running.check()


async def test_the_parent_restarts(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.sock"
        servers = [StateServer(path), StateServer(path)]
        await servers[0].start()
        try:
            async with traffic(lambda: SocketLink(path)) as running:
                await play(running, servers[0].close, servers[1].start)
        finally:
            await servers[1].close()


async def test_closed_refuses_what_is_limited(redis_server: RedisServer) -> None:
    settings = RemoteSettings(beat=0.1, retry=0.02, on_failure="closed")
    async with remotes(lambda: redis_link(redis_server.url), 1, settings) as (state,):
        redis_server.kill()
        answers = [await state.admit(Ask(limits=LIMITS)) for _ in range(5)]
        for one in answers:
            assert isinstance(one, Denied) and one.exceeded == () and one.retry_after
        # What needs no limit is admitted all the same.
        free = await state.admit(Ask())
        turned = await state.admit(Ask(pools=("p",)))
        assert isinstance(free, Admitted) and isinstance(turned, Admitted)


async def test_a_change_is_told_once(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "switchyard.state")
    async with remotes(lambda: redis_link(redis_server.url), 1, PATIENT) as (state,):
        redis_server.kill()
        for _ in range(200):
            await state.admit(Ask(limits=LIMITS))
        await until(lambda: not state.health.shared)
        assert state.health.problem and "redis.sock" not in state.health.problem
        await redis_server.start()
        await until(lambda: state.health.shared)
        logged = [record.getMessage() for record in caplog.records]
        assert len(logged) == 2, logged
        assert "local shares" in logged[0] and "is back" in logged[1]
        assert all(len(one) < 160 for one in logged)


async def test_a_router_starts_without_redis(needs_redis: None, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        async with remotes(lambda: redis_link(server.url), 1, PATIENT) as (state,):
            answer = await state.admit(Ask(limits=LIMITS, amounts=Amounts(money=7)))
            assert isinstance(answer, Admitted)
            await state.settle(answer.lease, Amounts(money=5))
            await server.start()
            try:
                await until(lambda: state.health.shared)
                assert await state.drain(30)
                money, requests, slots = await state.counters(LIMITS)
                assert (money.used, requests.used, slots.used) == (5, 1, 0)
            finally:
                server.kill()


async def test_passwords_are_sent_and_never_told(needs_redis: None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        await server.start()
        await server.command("CONFIG", "SET", "requirepass", "s3cret")
        try:
            async with remotes(lambda: redis_link(f"{server.url}?password=s3cret"), 1, PATIENT) as (
                state,
            ):
                assert isinstance(await state.admit(Ask(limits=LIMITS)), Admitted)
                assert state.health.shared
            for url in (f"{server.url}?password=s3cret-no", server.url):
                async with remotes(lambda url=url: redis_link(url), 1, PATIENT) as (state,):
                    for _ in range(3):
                        assert isinstance(await state.admit(Ask(limits=LIMITS)), Admitted)
                    await until(lambda state=state: not state.health.shared)
                    assert "s3cret" not in state.health.problem
                    assert "auth" in state.health.problem.lower()
        finally:
            server.kill()
