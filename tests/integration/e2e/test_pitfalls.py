"""mitmproxy's pitfalls, on the real proxy: none of them may show."""

import asyncio
import gzip
import json
import os
import signal
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.integration.e2e.stage import SHORT
from tests.integration.e2e.stage import Stage
from tests.integration.e2e.stage import fresh_model
from tests.integration.e2e.stage import question
from tests.support.answers import ANTHROPIC
from tests.support.answers import BAD
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import PARTIAL
from tests.support.answers import Answer
from tests.support.answers import Dialect
from tests.support.answers import saying
from tests.support.reading import read_body
from tests.support.reading import read_stream
from tests.support.router import Router
from tests.support.signals import PATIENCE
from tests.support.signals import Signal
from tests.support.steps import CUT
from tests.support.steps import HANG
from tests.support.steps import SSE
from tests.support.steps import Head
from tests.support.steps import Trailers
from tests.support.steps import Wait
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Upstream

clients = pytest.mark.parametrize("client", [CHAT, ANTHROPIC], ids=lambda d: f"{d.name}-client")
upstreams = pytest.mark.parametrize(
    "dialect", [CHAT, ANTHROPIC], ids=lambda d: f"{d.name}-upstream"
)


@clients
@upstreams
async def test_events_arrive_when_they_are_sent(
    stage: Stage, http: httpx2.AsyncClient, client: Dialect, dialect: Dialect
) -> None:
    """Nothing is collected: each word is with the client before the next is sent."""
    words = ["Alpha", " Beta", " Gamma"]
    gates = [Signal() for _ in words]
    steps: list[Any] = [*dialect.opening(Answer()), *dialect.begin_text()]
    for word, gate in zip(words, gates, strict=True):
        steps += [dialect.text(word), Wait(gate)]
    steps += dialect.closing(Answer())
    model, _ = stage.on(dialect, chunked(*steps))

    got = bytearray()
    async with http.stream("POST", client.path, json=question(model, stream=True)) as answer:
        pieces = answer.aiter_raw()
        for word, gate in zip(words, gates, strict=True):
            while word.strip().encode() not in got:
                got += await asyncio.wait_for(anext(pieces), PATIENCE)
            gate.set()
        async for piece in pieces:
            got += piece
    assert read_stream(client.name, bytes(got)).text == "".join(words)


@clients
@upstreams
async def test_pieces_that_say_nothing_do_not_end_the_stream(
    stage: Stage, http: httpx2.AsyncClient, client: Dialect, dialect: Dialect
) -> None:
    """A chunk that gives the client no byte must not become the empty chunk that ends a body."""
    body = b"".join(dialect.events(Answer()))
    noise = [b": c\n\n", b"\n", b"data: \n\n", b":\n\n"]
    # Bytes one by one: most give no complete event.
    bytewise = [body[at : at + 1] for at in range(len(body))]
    half = len(bytewise) // 2
    model, _ = stage.on(dialect, chunked(*bytewise[:half], *bytewise[half:], *noise))
    answer = await http.post(client.path, json=question(model, stream=True))
    assert read_stream(client.name, answer.content).text == Answer().text


@clients
@upstreams
@pytest.mark.parametrize("streams", [True, False])
async def test_upstreams_that_compress_all_the_same(
    stage: Stage, http: httpx2.AsyncClient, client: Dialect, dialect: Dialect, streams: bool
) -> None:
    def react(request: Any) -> Any:
        raw = b"".join(dialect.events(Answer())) if streams else dialect.whole(Answer())
        kind = SSE if streams else "application/json"
        packed = gzip.compress(raw)
        return chunked(
            packed[:30], packed[30:], content_type=kind, headers=(("content-encoding", "gzip"),)
        )

    model, _ = stage.on(dialect, react)
    answer = await http.post(
        client.path,
        json=question(model, stream=streams),
        headers={"accept-encoding": "identity"},
    )
    assert "content-encoding" not in answer.headers
    read = read_stream if streams else read_body
    assert read(client.name, answer.content).text == Answer().text


@clients
async def test_lengths_change_with_the_body(
    stage: Stage, http: httpx2.AsyncClient, client: Dialect
) -> None:
    """The upstream's content-length is of another body than the client's."""
    for dialect in (CHAT, ANTHROPIC):
        model, _ = stage.on(dialect, always=lambda r, d=dialect: _with_length(d, r.streams))
        for streams in (True, False):
            answer = await http.post(client.path, json=question(model, stream=streams))
            read = read_stream if streams else read_body
            assert read(client.name, answer.content).text == Answer().text
            if "content-length" in answer.headers:
                assert int(answer.headers["content-length"]) == len(answer.content)
            else:
                assert answer.headers["transfer-encoding"] == "chunked"


def _with_length(dialect: Dialect, streams: bool) -> Any:
    if not streams:
        return whole(dialect.whole(Answer()))
    body = b": noise that is left out\n\n" + b"".join(dialect.events(Answer()))
    return whole(body, content_type=SSE)


@clients
@upstreams
async def test_trailers_of_http_1_do_not_hang_the_client(
    stage: Stage, http: httpx2.AsyncClient, client: Dialect, dialect: Dialect
) -> None:
    for streams in (True, False):
        raw = b"".join(dialect.events(Answer())) if streams else dialect.whole(Answer())
        kind = SSE if streams else "application/json"
        fields = (("x-checksum", "abc"), ("server-timing", "a;dur=1"))
        model, _ = stage.on(dialect, (*chunked(raw, content_type=kind), Trailers(fields)))
        answer = await http.post(client.path, json=question(model, stream=streams))
        read = read_stream if streams else read_body
        assert read(client.name, answer.content).text == Answer().text


@clients
@upstreams
async def test_an_upstream_cut_mid_body(
    stage: Stage, http: httpx2.AsyncClient, client: Dialect, dialect: Dialect
) -> None:
    """The client is told by an event and sees a proper end, not a broken connection."""
    seen = Signal()
    begun = [*dialect.opening(Answer()), *dialect.begin_text(), dialect.text(PARTIAL)]
    model, _ = stage.on(dialect, chunked(*begun, Wait(seen), CUT))
    got = bytearray()
    async with http.stream("POST", client.path, json=question(model, stream=True)) as answer:
        async for piece in answer.aiter_raw():
            got += piece
            if PARTIAL.encode() in got:
                seen.set()
    told = read_stream(client.name, bytes(got))
    assert told.error and told.text == PARTIAL


@clients
@upstreams
@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("when", ["before-head", "mid-body"])
async def test_a_client_that_leaves_stops_the_upstream(
    stage: Stage,
    http: httpx2.AsyncClient,
    client: Dialect,
    dialect: Dialect,
    streams: bool,
    when: str,
) -> None:
    begun = [*dialect.opening(Answer()), *dialect.begin_text(), dialect.text(PARTIAL)]
    if when == "before-head":
        steps: Any = (HANG,)
    elif streams:
        steps = chunked(*begun, HANG)
    else:
        steps = chunked(dialect.whole(Answer())[:20], HANG, content_type="application/json")
    model, plan = stage.on(dialect, steps)
    async with httpx2.AsyncClient(base_url=stage.router.url, trust_env=False) as leaving:
        asking = asyncio.ensure_future(
            _read_some(leaving, client.path, question(model, stream=streams))
        )
        await plan.arrived.seen()
        if streams and when == "mid-body":
            await asking
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    await plan.requests[0].gone.seen()
    # The router itself is none the worse.
    good, _ = stage.on(dialect, saying(dialect))
    answer = await http.post(client.path, json=question(good))
    assert GOOD in answer.text


async def _read_some(client: httpx2.AsyncClient, path: str, body: dict[str, Any]) -> bytes:
    async with client.stream("POST", path, json=body) as answer:
        return await anext(answer.aiter_raw())


async def test_a_client_that_left_is_no_mark_against_the_provider(
    stage: Stage, http: httpx2.AsyncClient
) -> None:
    """With one key and no other member, a cooldown would show in the next answer's attempts."""
    model, plan = stage.on(CHAT, chunked(CHAT.opening(Answer())[0], HANG), saying(CHAT))
    async with httpx2.AsyncClient(base_url=stage.router.url, trust_env=False) as leaving:
        asking = asyncio.ensure_future(leaving.post(CHAT.path, json=question(model, stream=True)))
        await plan.arrived.seen()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    await plan.requests[0].gone.seen()
    health = (await http.get("/v0/health/providers")).json()
    rows = [
        row
        for provider in health["providers"]
        for row in provider["targets"]
        if row["model"] == model.partition("/")[2]
    ]
    assert not [row for row in rows if row["state"] == "open" or row["failures"]]


async def test_an_interim_answer_is_not_the_answer(stage: Stage, http: httpx2.AsyncClient) -> None:
    model, _ = stage.on(CHAT, (Head(100), Head(103, (("link", f"</{BAD}>"),)), *_good()))
    answer = await http.post(CHAT.path, json=question(model))
    assert GOOD in answer.text and BAD not in str(answer.headers)


def _good() -> Any:
    return whole(CHAT.whole(Answer()))


async def test_more_than_five_requests_at_once_to_one_upstream(
    stage: Stage, http: httpx2.AsyncClient
) -> None:
    """Over HTTP/1.1 each has a client connection of its own."""
    gate = Signal()
    model = fresh_model()
    plans = [
        stage.plain.on(f"{model}-{n}", (Wait(gate), *_good()), path=CHAT.path) for n in range(20)
    ]
    asking = [
        asyncio.ensure_future(http.post(CHAT.path, json=question(f"chat/{model}-{n}")))
        for n in range(20)
    ]
    for plan in plans:
        await plan.arrived.seen()
    gate.set()
    assert all(GOOD in answer.text for answer in await asyncio.gather(*asking))


async def test_an_answer_without_an_end_is_ended_for_the_client(
    stage: Stage, http: httpx2.AsyncClient
) -> None:
    """The terminal event came; that the upstream leaves its body open is its own affair."""
    for dialect in (CHAT, ANTHROPIC):
        model, _ = stage.on(dialect, chunked(*dialect.events(Answer()), HANG))
        async with asyncio.timeout(PATIENCE):
            answer = await http.post(dialect.path, json=question(model, stream=True))
        assert read_stream(dialect.name, answer.content).text == Answer().text


@pytest.mark.parametrize("dialect", [CHAT, ANTHROPIC], ids=lambda d: d.name)
async def test_a_stall_after_output_is_told_in_time(
    stage: Stage, http: httpx2.AsyncClient, dialect: Dialect
) -> None:
    model = fresh_model()
    begun = [*dialect.opening(Answer()), *dialect.begin_text(), dialect.text(PARTIAL)]
    plan = stage.plain.on(model, chunked(*begun, HANG), path=dialect.path)
    name = f"{SHORT[dialect.name]}-impatient/{model}"
    async with asyncio.timeout(PATIENCE):
        answer = await http.post(CHAT.path, json=question(name, stream=True))
    told = read_stream("openai-chat", answer.content)
    assert told.text == PARTIAL and told.error
    await plan.requests[0].gone.seen()


def test_it_stops_cleanly_while_streams_are_running(
    start_router: Callable[..., Router], upstream: Upstream
) -> None:
    plan = upstream.on("m", chunked(*CHAT.events(Answer())[:3], HANG))
    provider = {"name": "p", "base-url": f"{upstream.url}/v1", "api-key-entries": ["sk-1"]}
    router = start_router({"providers": [provider], "drain": "0s"})
    with httpx2.stream(
        "POST", f"{router.url}{CHAT.path}", json=question("p/m", stream=True)
    ) as answer:
        pieces = answer.iter_raw()
        seen = next(pieces)
        os.kill(router.pid, signal.SIGTERM)
        told = read_stream("openai-chat", seen + b"".join(pieces))
        assert told.error and "is stopping" in told.error["message"]
        assert router.wait(60) == 0
    plan.requests[0].gone.wait()


def test_the_raw_bytes_of_an_answer_are_json_that_ends(stage: Stage) -> None:
    """No byte after the body, none missing: two answers on one raw connection."""
    model, _ = stage.on(CHAT, always=saying(CHAT))
    body = json.dumps(question(model))
    with httpx2.Client(base_url=stage.router.url) as client:
        for _ in range(3):
            answer = client.post(CHAT.path, content=body)
            assert read_body("openai-chat", answer.content).text == Answer().text
