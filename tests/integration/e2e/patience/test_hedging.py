"""A second member is asked beside a slow one."""

import asyncio

import httpx2
import pytest

from tests.integration.e2e.patience.arena import Arena
from tests.integration.e2e.patience.arena import clients
from tests.integration.e2e.patience.arena import is_whole_answer
from tests.integration.e2e.patience.arena import question
from tests.integration.e2e.patience.arena import read
from tests.integration.e2e.patience.arena import streamed
from tests.integration.e2e.patience.arena import targets
from tests.integration.e2e.patience.arena import until
from tests.integration.e2e.patience.arena import until_idle
from tests.integration.e2e.patience.arena import upstreams
from tests.support.answers import ANTHROPIC
from tests.support.answers import BAD
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import Dialect
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.signals import Signal
from tests.support.steps import HANG
from tests.support.steps import RESET
from tests.support.steps import Wait
from tests.support.steps import chunked


@streamed
@clients
@upstreams
@pytest.mark.parametrize("slow", ["before-head", "before-output"])
async def test_a_slow_member_is_overtaken(
    quiet: Arena,
    quiet_http: httpx2.AsyncClient,
    client: Dialect,
    dialect: Dialect,
    stream: bool,
    slow: str,
) -> None:
    http, combo = quiet_http, quiet.combo("hedged", dialect)
    said: tuple[bytes, ...] = () if slow == "before-head" else tuple(dialect.opening(Answer()))
    loser = combo.on("a", chunked(*said, HANG) if said else (HANG,))
    winner = combo.on("b", lambda request: (Wait(loser.arrived), *saying(dialect)(request)))
    answer = await http.post(client.path, json=question(combo, stream=stream))
    assert is_whole_answer(read(client, answer, stream)), answer.text
    assert answer.headers["x-switchyard-provider"] == combo.provider("b")
    assert answer.headers["x-switchyard-model"] == winner.requests[0].model
    assert answer.headers["x-switchyard-attempts"] == "2"
    await loser.requests[0].gone.seen()
    await until_idle(http, combo)
    rows = await targets(http, combo)
    assert rows["a"]["failures"] == 0, "slow is not ill"
    assert rows["b"]["successes"] == 1


@streamed
@clients
async def test_the_first_member_may_win_after_all(
    quiet: Arena, quiet_http: httpx2.AsyncClient, client: Dialect, stream: bool
) -> None:
    http, combo = quiet_http, quiet.combo("hedged", CHAT)
    gate = Signal()
    combo.on("a", lambda request: (Wait(gate), *saying(CHAT)(request)))
    rival = combo.on("b", (HANG,))
    asking = asyncio.ensure_future(http.post(client.path, json=question(combo, stream=stream)))
    await rival.arrived.seen()
    gate.set()
    answer = await asking
    assert is_whole_answer(read(client, answer, stream)), answer.text
    assert answer.headers["x-switchyard-provider"] == combo.provider("a")
    await rival.requests[0].gone.seen()
    await until_idle(http, combo)


@clients
async def test_a_rival_that_fails_changes_nothing(
    arena: Arena, http: httpx2.AsyncClient, client: Dialect
) -> None:
    combo = arena.combo("hedged", ANTHROPIC)
    gate = Signal()
    combo.on("a", lambda request: (Wait(gate), *saying(ANTHROPIC)(request)))
    rival = combo.on("b", refusing(ANTHROPIC, 500, message=BAD))
    asking = asyncio.ensure_future(http.post(client.path, json=question(combo, stream=True)))
    await rival.arrived.seen()
    await until(lambda rows: rows.get("b", {}).get("failures") == 1, http, combo)
    gate.set()
    answer = await asking
    assert BAD not in answer.text and is_whole_answer(read(client, answer, True))
    await until_idle(http, combo)


@streamed
@clients
async def test_hedged_and_all_fail(
    arena: Arena, http: httpx2.AsyncClient, client: Dialect, stream: bool
) -> None:
    combo = arena.combo("hedged", CHAT)
    gate = Signal()
    combo.on("a", (Wait(gate), *refusing(CHAT, 500, message="ill")))
    rival = combo.on("b", (Wait(gate), RESET))
    combo.on("c", refusing(CHAT, 503, message="busy"))
    asking = asyncio.ensure_future(http.post(client.path, json=question(combo, stream=stream)))
    await rival.arrived.seen()
    gate.set()
    answer = await asking
    told = read(client, answer, answer.status_code == 200)
    assert told.error and told.text == ""
    await until_idle(http, combo)


async def test_a_client_that_leaves_ends_both(arena: Arena, http: httpx2.AsyncClient) -> None:
    combo = arena.combo("hedged", CHAT)
    first, rival = combo.on("a", (HANG,)), combo.on("b", (HANG,))
    combo.on("c", always=(HANG,))
    asking = asyncio.ensure_future(http.post(CHAT.path, json=question(combo, stream=True)))
    await first.arrived.seen()
    await rival.arrived.seen()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await first.requests[0].gone.seen()
    await rival.requests[0].gone.seen()
    await until_idle(http, combo)
    assert not any(row["failures"] for row in (await targets(http, combo)).values())
