"""The router waits for a member to recover, and shows a streaming client that it does."""

import asyncio

import httpx2

from tests.integration.e2e.patience.arena import MEMBERS
from tests.integration.e2e.patience.arena import SIGN
from tests.integration.e2e.patience.arena import Arena
from tests.integration.e2e.patience.arena import client_of
from tests.integration.e2e.patience.arena import clients
from tests.integration.e2e.patience.arena import is_whole_answer
from tests.integration.e2e.patience.arena import question
from tests.integration.e2e.patience.arena import read
from tests.integration.e2e.patience.arena import streamed
from tests.integration.e2e.patience.arena import until_idle
from tests.integration.e2e.patience.arena import upstreams
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Dialect
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.reading import read_body
from tests.support.reading import read_stream
from tests.support.signals import PATIENCE
from tests.support.signals import Signal
from tests.support.steps import Behaviour
from tests.support.steps import Wait


@clients
async def test_json_clients_get_no_signs_of_life(
    arena: Arena, http: httpx2.AsyncClient, client: Dialect
) -> None:
    """A streaming client's beats are the clock: meanwhile the other's head must not be sent."""
    combo, clock = arena.combo("plain", CHAT), arena.combo("plain", CHAT)
    gate = Signal()
    for member in MEMBERS:
        combo.on(member, (Wait(gate), *refusing(CHAT, 503, message="busy")))
    clock.on("a", lambda request: (Wait(gate), *saying(CHAT)(request)))
    asking = asyncio.ensure_future(http.post(client.path, json=question(combo)))
    got = bytearray()
    path, body = client.path, question(clock, stream=True)
    async with http.stream("POST", path, json=body) as beating:
        async for piece in beating.aiter_raw():
            got += piece
            if got.count(SIGN[client.name]) >= 3:
                gate.set()
    assert is_whole_answer(read_stream(client.name, bytes(got)))  # pyright: ignore
    answer = await asking
    assert answer.status_code == 503
    assert read_body(client.name, answer.content).error  # pyright: ignore


def refused_for(seconds: int, dialect: Dialect) -> Behaviour:
    kind = "rate_limit_error" if dialect is ANTHROPIC else "rate_limit_exceeded"
    return refusing(dialect, 429, kind, "slow down", headers=[("retry-after", str(seconds))])


@streamed
@clients
@upstreams
async def test_the_client_is_answered_after_the_recovery(
    arena: Arena, http: httpx2.AsyncClient, client: Dialect, dialect: Dialect, stream: bool
) -> None:
    combo = arena.combo("patient", dialect)
    plans = [combo.on(member, refused_for(1, dialect), saying(dialect)) for member in MEMBERS]
    answer = await http.post(client.path, json=question(combo, stream=stream))
    assert is_whole_answer(read(client, answer, stream)), answer.text
    answered = next(plan for plan in plans if len(plan.requests) == 2)
    refused, recovered = answered.requests
    assert recovered.arrived - refused.arrived >= 1.0
    if stream:
        assert answer.content.count(SIGN[client.name]) >= 3
    await until_idle(http, combo)


@streamed
@clients
@upstreams
async def test_without_patience_the_client_is_told_when_to_return(
    quiet: Arena, client: Dialect, dialect: Dialect, stream: bool
) -> None:
    combo = quiet.combo("plain", dialect)
    for member in MEMBERS:
        combo.on(member, refused_for(90, dialect))
    async with client_of(quiet) as http:
        for _ in range(2):  # the second request is refused without asking anybody
            answer = await http.post(client.path, json=question(combo, stream=stream))
            assert answer.status_code == 429, answer.text
            assert 30 < int(answer.headers["retry-after"]) <= 90
            assert read(client, answer, False).error


async def test_a_client_that_leaves_waits_for_nothing(
    arena: Arena, http: httpx2.AsyncClient
) -> None:
    combo = arena.combo("patient", CHAT)
    for member in MEMBERS:
        combo.on(member, refused_for(9, CHAT))
    async with http.stream("POST", CHAT.path, json=question(combo, stream=True)) as answer:
        async for piece in answer.aiter_raw():
            assert SIGN["openai-chat"] in piece
            break  # it waits, and the client leaves
    async with asyncio.timeout(PATIENCE):
        while (await http.get("/health")).json()["running"]:
            await asyncio.sleep(0.01)
    await until_idle(http, combo)
