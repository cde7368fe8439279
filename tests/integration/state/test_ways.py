"""One suite over the three ways of keeping state."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from switchyard.state.shared.protocol import Admitted
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Ask
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import Denied
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import LimitLease
from switchyard.state.shared.protocol import Renewal
from switchyard.state.shared.protocol import SharedState
from switchyard.state.shared.protocol import Sliding
from switchyard.state.shared.waiting import SlotQueue
from tests.integration.state.redis_server import RedisServer
from tests.integration.state.ways import WAYS
from tests.integration.state.ways import opened
from tests.integration.state.ways import until

NANO = 1_000_000_000
BUDGET = Limit(key="a", kind="money", most=10 * NANO, period=Calendar("total"))
SLOTS = Limit(key="a", kind="slots", most=5)
REQUESTS = Limit(key="a", kind="requests", most=100, period=Sliding(3600))


@pytest_asyncio.fixture(params=WAYS)
async def states(request: pytest.FixtureRequest) -> AsyncIterator[list[SharedState]]:
    """Three processes' states."""
    url, server = "", None
    with tempfile.TemporaryDirectory() as name:
        if request.param == "redis":
            request.getfixturevalue("needs_redis")
            server = RedisServer(Path(name))
            await server.start()
            url = server.url
        try:
            async with opened(request.param, url, Path(name)) as found:
                yield found
        finally:
            if server is not None:
                server.kill()


async def settled(states: list[SharedState]) -> None:
    for state in states:
        assert await state.drain(30)


async def test_a_burst_stays_within_its_budget(states: list[SharedState]) -> None:
    """64 at once for 1 dollar each, against 10; each then costs a little more or less."""
    ask = Ask(limits=(BUDGET,), amounts=Amounts(money=NANO))
    answers = await asyncio.gather(*(states[i % 3].admit(ask) for i in range(64)))
    leases = [one.lease for one in answers if isinstance(one, Admitted)]
    refused = [one for one in answers if isinstance(one, Denied)]
    assert len(leases) == 10 and len(refused) == 54
    assert all(one.exceeded[0].standing.limit == BUDGET for one in refused)
    assert all(one.exceeded[0].standing.reserved == 10 * NANO for one in refused)
    rng = random.Random(17)
    costs = [rng.randrange(NANO // 2, NANO * 11 // 10) for _ in leases]
    for i, (lease, cost) in enumerate(zip(leases, costs, strict=True)):
        # Whoever has the lease settles it, and further calls change nothing.
        await states[i % 3].settle(lease, Amounts(money=cost))
        await states[i % 3].settle(lease, Amounts(money=cost))
    await settled(states)
    (standing,) = await states[1].counters((BUDGET,))
    assert (standing.reserved, standing.used) == (0, sum(costs))
    assert standing.used <= BUDGET.most + 10 * (NANO // 10)


async def test_a_limit_admits_exactly_as_many(states: list[SharedState]) -> None:
    answers = await asyncio.gather(
        *(states[i % 3].admit(Ask(limits=(REQUESTS,), pools=("p",))) for i in range(300))
    )
    admitted = [one for one in answers if isinstance(one, Admitted)]
    assert len(admitted) == 100
    # A refusal takes no turn.
    assert sorted((one.turns or {})["p"] for one in admitted) == list(range(1, 101))
    waits = {one.retry_after for one in answers if isinstance(one, Denied)}
    assert all(wait is not None and 3500 <= wait <= 3600 for wait in waits)


async def test_rotation_is_even(states: list[SharedState]) -> None:
    turns = await asyncio.gather(*(states[i % 3].turn("pool") for i in range(300)))
    assert sorted(turns) == list(range(1, 301))


async def test_slots_come_back(states: list[SharedState]) -> None:
    ask = Ask(limits=(SLOTS, REQUESTS))
    answers = [await states[i % 3].admit(ask) for i in range(6)]
    assert [isinstance(one, Admitted) for one in answers] == [True] * 5 + [False]
    assert isinstance(answers[5], Denied) and answers[5].only_slots
    assert answers[5].retry_after in (29, 30)
    leases = [one.lease for one in answers if isinstance(one, Admitted)]
    await states[0].release(leases[0])
    await states[1].settle(leases[1], Amounts())
    await settled(states)
    slots, requests = await states[2].counters((SLOTS, REQUESTS))
    assert (slots.used, requests.used, requests.reserved) == (3, 4, 3)
    assert requests.left == 96


async def test_what_was_used_so_far_counts(states: list[SharedState]) -> None:
    answer = await states[0].admit(Ask(limits=(BUDGET,), amounts=Amounts(money=NANO)))
    assert isinstance(answer, Admitted)
    await states[0].renew([Renewal(answer.lease, Amounts(money=3 * NANO))])
    await settled(states)
    (standing,) = await states[1].counters((BUDGET,))
    assert (standing.used, standing.reserved) == (3 * NANO, 3 * NANO)


async def test_requests_without_limits_get_an_empty_lease(states: list[SharedState]) -> None:
    answer = await states[0].admit(Ask())
    assert isinstance(answer, Admitted) and answer.lease.entries == ()
    await states[0].settle(answer.lease, Amounts(money=5))
    await states[0].release(LimitLease(""))
    await states[0].renew([Renewal(answer.lease)])
    await settled(states)


async def test_notices_reach_everybody(states: list[SharedState]) -> None:
    await states[0].post("cooldown", "acme/key-1", "rate limit", 60)
    await states[1].post("window", "acme/5h", "0.8", 60)
    assert states[0].notices("cooldown")["acme/key-1"].text == "rate limit"
    await until(lambda: all(one.notices("cooldown") and one.notices("window") for one in states))
    await states[2].withdraw("cooldown", "acme/key-1")
    await until(lambda: not any(one.notices("cooldown") for one in states))
    assert all(set(one.notices("window")) == {"acme/5h"} for one in states)


async def test_sessions_stick(states: list[SharedState]) -> None:
    await states[0].stick("s", "acme/large", 60)
    await settled(states)
    assert await states[1].stuck("s") == "acme/large"
    answer = await states[2].admit(Ask(session="s", pools=("p",)))
    assert isinstance(answer, Admitted)
    assert (answer.stuck_to, answer.turns) == ("acme/large", {"p": 1})
    assert await states[1].stuck("other") is None
    await states[1].stick("s", "acme/small", 0.001)
    await settled(states)
    assert await _gone(states[1], "s")


async def _gone(state: SharedState, session: str) -> bool:
    async with asyncio.timeout(30):
        while await state.stuck(session) == "acme/small":
            await asyncio.sleep(0.01)
    return True


async def test_a_cancelled_admission_uses_up_nothing(states: list[SharedState]) -> None:
    ask = Ask(limits=(SLOTS, REQUESTS))
    tasks = [asyncio.ensure_future(states[i % 3].admit(ask)) for i in range(30)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    for one in answers:
        if isinstance(one, Admitted):
            await states[0].release(one.lease)
    await settled(states)
    slots, requests = await states[0].counters((SLOTS, REQUESTS))
    assert (slots.used, requests.used) == (0, 0)


async def test_requests_wait_for_slots_of_other_processes(states: list[SharedState]) -> None:
    """30 requests for 5 slots in three processes: each has its turn."""
    queues = [SlotQueue(state, ask_again=0.01) for state in states]
    running, highest = 0, 0

    async def request(number: int) -> None:
        nonlocal running, highest
        queue, state = queues[number % 3], states[number % 3]
        answer = await queue.admit(Ask(limits=(SLOTS,)), patience=60)
        assert isinstance(answer, Admitted)
        running += 1
        highest = max(highest, running)
        await asyncio.sleep(0.001)
        running -= 1
        await state.settle(answer.lease, Amounts())
        queue.freed(answer.lease)

    await asyncio.gather(*(request(i) for i in range(30)))
    assert highest <= 5 and not any(map(len, queues))
    await settled(states)
    assert (await states[0].counters((SLOTS,)))[0].used == 0
