"""The ledger in memory and the scripts in Redis do the same, step by step."""

import asyncio
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings

from switchyard.state.shared.board import Numbered
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.service import StateService
from tests.integration.state.redis_server import RedisServer
from tests.unit.state.shared.schedules import POLICIES
from tests.unit.state.shared.schedules import SCHEDULES
from tests.unit.state.shared.schedules import Script
from tests.unit.state.shared.schedules import Step

redis_link = pytest.importorskip(
    "switchyard.state.shared.redis_link", reason="redis is not installed"
)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def server(needs_redis: None, runner: asyncio.Runner) -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        runner.run(server.start())
        yield server
        server.kill()


def plain(answer: Any) -> Any:
    """As JSON has it, so that tuples and lists are the same."""
    return json.loads(json.dumps(answer))


async def play(server: RedisServer, policy: list[Limit], steps: list[Step]) -> None:
    script = Script(policy)
    service = StateService(lambda notice: None)
    link = redis_link.RedisLink(server.url, "tests", lambda: script.now)
    await server.command("FLUSHALL")
    try:
        for number, step in enumerate(steps):
            verb, payload = script.verb(step)
            ours = service.handle(verb, plain(payload), script.now)
            theirs = await link.call(verb, payload, 30)
            assert plain(ours) == theirs, (number, step, verb, payload)
            script.note(step, verb, payload, ours)
        script.now += 30_000
        _, payload = script.verb(Step(0, "counters", steps[0].amounts, 0, 63, False))
        rows = plain(service.handle("counters", payload, script.now))
        assert rows == await link.call("counters", payload, 30)
        assert all(reserved == 0 for _, reserved, *_ in rows)
    finally:
        await link.close()


def test_same_decisions_and_counters(server: RedisServer, runner: asyncio.Runner) -> None:
    @settings(
        max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(policy=POLICIES, steps=SCHEDULES)
    def check(policy: list[Limit], steps: list[Step]) -> None:
        runner.run(play(server, policy, steps))

    check()


def test_every_key_has_a_term(server: RedisServer, runner: asyncio.Runner) -> None:
    @settings(max_examples=15, deadline=None)
    @given(policy=POLICIES, steps=SCHEDULES)
    def check(policy: list[Limit], steps: list[Step]) -> None:
        runner.run(play(server, policy, steps))
        runner.run(check_terms())

    async def check_terms() -> None:
        link = redis_link.RedisLink(server.url, "tests")
        await link.call("post", ["cooldown", "k", "why", 1000], 30)
        await link.call("beat", ["p", 1000, "e"], 30)
        await link.call("stick", ["s", "t", 1000], 30)
        await link.close()
        keys: Any = await server.command("KEYS", "*")
        assert keys
        for key in keys:
            assert key.startswith("switchyard:1:{tests}:")
            term: Any = await server.command("PTTL", key)
            # The epoch of a server is there as long as any process gives signs of life.
            assert term > 0, key

    check()


def test_notices_are_the_same(server: RedisServer, runner: asyncio.Runner) -> None:
    async def check() -> None:
        published: list[Numbered] = []
        service = StateService(published.append)
        now = 1_793_491_195_000
        link = redis_link.RedisLink(server.url, "tests", lambda: now)
        posts: list[list[object]] = [
            ["cooldown", "a", "1", 5000],
            ["window", "a", "2", 9000],
            ["cooldown", "b", "ü\n", 7000],
            ["cooldown", "a", "", 0],
            ["cooldown", "b", "3", 4000],
        ]
        for post in posts:
            assert service.handle("post", post, now) == await link.call("post", post, 30)
        for later in (0, 3999, 4000, 9000):
            now += later
            ours, theirs = service.handle("notices", [], now), await link.call("notices", [], 30)
            assert ours[0] == theirs[0]
            assert sorted(ours[1]) == sorted(theirs[1])
        assert published[-1] == [5, "cooldown", "b", "3", 4000]
        await link.close()

    runner.run(check())
