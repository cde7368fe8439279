"""Several routers behave as one, and go on while Redis does not."""

import asyncio
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from switchyard.state.shared.redis_link import SCRIPTS
from tests.integration.state.redis_server import RedisServer
from tests.integration.state.routers import CLIENT
from tests.integration.state.routers import KEYS
from tests.integration.state.routers import PROCESSES
from tests.integration.state.routers import Provider
from tests.integration.state.routers import Routers
from tests.integration.state.routers import new_client
from tests.integration.state.routers import start
from tests.integration.state.routers import until
from tests.integration.state.slow_proxy import SlowProxy
from tests.support.router import READY

WAYS = ("memory", "served", "redis")
PATIENT = {"timeout": "20s"}
"""On a busy machine Redis may be slow without being gone."""


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as one:
        yield one


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as one:
        yield one


@asynccontextmanager
async def redis_of(way: str, request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Any]:
    if way != "redis":
        yield None
        return
    request.getfixturevalue("needs_redis")
    (place := folder / "r").mkdir()
    server = RedisServer(place)
    await server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.mark.parametrize("way", WAYS)
async def test_they_take_turns_and_keep_to_limits_as_one(
    way: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    provider: Provider,
    stack: ExitStack,
) -> None:
    async with redis_of(way, request, tmp_path) as redis:
        policy = {"limits": {"requests": "400/d"}}
        routers = await start(stack, tmp_path, way, provider, redis, client=policy, state=PATIENT)
        assert await routers.burst(300) == {200: 300}
        assert set(provider.asked) == set(KEYS)
        assert max(provider.asked.values()) - min(provider.asked.values()) <= 1
        assert await routers.burst(300, first=300) == {200: 100, 429: 200}
        assert max(provider.texts.values()) == 1, "no request reached the provider twice"


async def test_a_turn_comes_with_the_admission(
    needs_redis: None,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    provider: Provider,
    stack: ExitStack,
) -> None:
    async with redis_of("redis", request, tmp_path) as redis:
        policy = {"limits": {"requests": "400/d"}}
        routers = await start(
            stack, tmp_path, "redis", provider, redis, client=policy, state=PATIENT
        )
        await redis.command("CONFIG", "SET", "slowlog-max-len", 10_000)
        await redis.command("CONFIG", "SET", "slowlog-log-slower-than", 0)
        async with new_client() as client:
            for number in range(60):
                assert await routers.ask(client, number) == 200
        verbs = await verbs_of(redis)
        assert verbs["admit"] == 60
        assert verbs["turn"] == PROCESSES, "the first request of each process alone asks for one"
        assert max(provider.asked.values()) - min(provider.asked.values()) <= 1


async def verbs_of(server: RedisServer) -> Counter[str]:
    """Returns how often each script was run, from the log of slow commands, which has all."""
    import redis.asyncio

    names = {sha.encode(): verb for verb, (sha, _) in SCRIPTS.items()}
    # The arguments are not all text.
    client = redis.asyncio.Redis.from_url(server.url)
    try:
        words = [entry["command"].split() for entry in await client.slowlog_get(-1)]
    finally:
        await client.aclose()
    return Counter(names[one[1]] for one in words if one[0] == b"EVALSHA")


@pytest.mark.parametrize("way", WAYS)
async def test_a_key_that_one_finds_refused_is_used_by_none(
    way: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    provider: Provider,
    stack: ExitStack,
) -> None:
    async with redis_of(way, request, tmp_path) as redis:
        routers = await start(stack, tmp_path, way, provider, redis, state=PATIENT)
        # Health lists what a process has tried.
        assert await routers.burst(90) == {200: 90}
        provider.refused.add(KEYS[1])
        before = provider.asked[KEYS[1]]
        async with new_client() as client:
            while provider.asked[KEYS[1]] == before:
                assert await routers.ask(client, 0) == 200

        async def known() -> bool:
            answers = await asyncio.gather(*(routers.cooling(number) for number in range(30)))
            return all("p#1" in cooling for cooling in answers)

        await until(known)
        assert await routers.burst(60) == {200: 60}
        assert provider.asked[KEYS[1]] == before + 1


@pytest.mark.parametrize("way", ["served", "redis"])
async def test_a_killed_process_frees_its_slots_in_time(
    way: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    provider: Provider,
    stack: ExitStack,
) -> None:
    async with redis_of(way, request, tmp_path) as redis:
        policy = {"concurrency": 1, "queue": "0s", "limits": {"tokens": "1M/d"}}
        routers = await start(stack, tmp_path, way, provider, redis, client=policy, state=PATIENT)
        async with new_client() as client:
            held = asyncio.ensure_future(routers.ask(client, 0, "wait"))
            await asyncio.to_thread(provider.held.acquire)
            assert await routers.ask(client, 1) == 429
            assert await _reserved(routers, client) > 0
            for pid in _workers(routers):
                os.kill(pid, signal.SIGKILL)
            killed = time.monotonic()
            await asyncio.gather(held, return_exceptions=True)

            async def free() -> bool:
                try:
                    return await routers.ask(client, 1) == 200
                except httpx2.TransportError:
                    return False  # the next worker is only starting

            await until(free)
            within = time.monotonic() - killed

            async def given_back() -> bool:
                return await _reserved(routers, client) == 0

            await until(given_back)
        assert within < 90, "30 s, and a start on a busy machine"


async def _reserved(routers: Routers, client: httpx2.AsyncClient) -> int:
    """The tokens that are reserved for requests of the client key, as its holder sees them."""
    sent = {"authorization": f"Bearer {CLIENT}"}
    said = (await client.get(f"{routers.url(1)}/v0/me", headers=sent)).json()
    return sum(one["reserved"] for one in said["limits"] if one["kind"] == "tokens")


def _workers(routers: Routers) -> list[int]:
    """The processes to kill: those of the first router."""
    pid = routers.all[0].pid
    if routers.way == "redis":
        return [pid]
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(word) for word in found.stdout.split()][:PROCESSES]


@pytest.mark.parametrize("way", ["memory", "served"])
async def test_limits_outlive_a_restart(
    way: str, tmp_path: Path, provider: Provider, stack: ExitStack
) -> None:
    policy = {"limits": {"requests": "3/d"}}
    routers = await start(stack, tmp_path, way, provider, client=policy)
    assert await routers.burst(4) == {200: 3, 429: 1}
    (router,) = routers.all
    router.stop()
    ready = router.log.count(READY)
    router.launch()

    async def is_ready() -> bool:
        return router.log.count(READY) - ready >= (PROCESSES if way == "served" else 1)

    await until(is_ready)
    assert await routers.burst(2) == {429: 2}


FAULTS = ("stopped", "killed", "restarted", "slow", "readonly", "without script")


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_request_is_lost_or_sent_twice_while_redis_fails(
    fault: str, needs_redis: None, tmp_path: Path, provider: Provider, stack: ExitStack
) -> None:
    (place := tmp_path / "r").mkdir()
    options = ("--rename-command", "SCRIPT", "") if fault == "without script" else ()
    server = RedisServer(place, *options)
    await server.start()
    async with SlowProxy(tmp_path / "p.sock", server.socket) as proxy:
        try:
            policy = {"limits": {"requests": "3000/d"}, "concurrency": 1000}
            routers = await start(
                stack, tmp_path, "redis", provider, server, client=policy, state={"url": proxy.url}
            )
            assert await routers.burst(30) == {200: 30}
            match fault:
                case "stopped":
                    server.stop()
                case "killed":
                    server.kill()
                case "restarted":
                    server.kill()
                    await server.start()
                case "slow":
                    proxy.delay = 0.2
                case "readonly":
                    await server.command("REPLICAOF", "127.0.0.1", "1")
                case _:
                    pass  # it never had it
            assert await routers.burst(90, first=30) == {200: 90}
            if fault == "stopped":
                server.resume()
            elif fault == "killed":
                await server.start()
            assert await routers.burst(30, first=120) == {200: 30}
        finally:
            server.kill()
    assert len(provider.texts) == 150 and set(provider.texts.values()) == {1}
