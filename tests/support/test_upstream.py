"""The scripted upstream itself, asked directly: a fault it does not really make tests nothing."""

import json
import ssl
from collections.abc import AsyncIterator

import anthropic
import httpx2
import openai
import pytest

from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import Answer
from tests.support.answers import Call
from tests.support.answers import saying
from tests.support.reading import Malformed
from tests.support.reading import read_body
from tests.support.reading import read_stream
from tests.support.signals import PATIENCE
from tests.support.signals import Signal
from tests.support.steps import CUT
from tests.support.steps import HANG
from tests.support.steps import RESET
from tests.support.steps import Do
from tests.support.steps import Drip
from tests.support.steps import GoAway
from tests.support.steps import Head
from tests.support.steps import Note
from tests.support.steps import Raw
from tests.support.steps import ResetStream
from tests.support.steps import Trailers
from tests.support.steps import Wait
from tests.support.steps import chunked
from tests.support.steps import until_close
from tests.support.steps import whole
from tests.support.tls import authority
from tests.support.tls import server_context
from tests.support.upstream import ClosedPort
from tests.support.upstream import Upstream

WEATHER = Call("call_1", "weather", '{"city": "Oslo"}')
CLOCK = Call("call_2", "clock", '{"zone": "Europe/Oslo", "format": "24h"}')
RICH = Answer(thinking="Let me think it over.").with_calls(WEATHER, CLOCK)


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=PATIENCE) as client:
        yield client


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("dialect", [CHAT, ANTHROPIC], ids=lambda d: d.name)
async def test_good_answers_are_read_whole(
    upstream: Upstream, client: httpx2.AsyncClient, dialect, streams: bool
) -> None:
    upstream.on("m", saying(dialect, RICH))

    answer = await client.post(upstream.url, json={"model": "m", "stream": streams})

    read = read_stream if streams else read_body
    told = read(dialect.name, answer.content)
    assert (told.text, told.thinking) == (RICH.text, RICH.thinking)
    assert [(c.id, c.name, json.loads(c.arguments)) for c in told.calls] == [
        (c.id, c.name, c.input) for c in RICH.calls
    ]
    assert (told.input, told.cached, told.output) == (21, 8, 13)
    assert told.stop in ("tool_calls", "tool_use")


@pytest.mark.parametrize("dialect", [CHAT, ANTHROPIC], ids=lambda d: d.name)
def test_every_departure_of_a_stream_is_noticed(dialect) -> None:
    events = dialect.events(RICH)
    assert read_stream(dialect.name, b"".join(events)).text == RICH.text
    for index in range(len(events)):
        if b'"ping"' in events[index] or b"_delta" in events[index] or b'"usage"' in events[index]:
            continue  # a delta or the usage less is no departure from the format
        if dialect is CHAT and b'"finish_reason": null' in events[index] and index:
            if b'"name"' not in events[index]:
                continue
        with pytest.raises(Malformed):
            read_stream(dialect.name, b"".join([*events[:index], *events[index + 1 :]]))
    with pytest.raises(Malformed):
        read_stream(dialect.name, b"".join([*events, events[-1]]))
    with pytest.raises(Malformed):
        read_stream(dialect.name, b"".join(events)[:-1])


def test_the_official_sdks_read_the_good_answers(upstream: Upstream) -> None:
    upstream.on("m", saying(CHAT), saying(CHAT), path=CHAT.path)
    upstream.on("m", saying(ANTHROPIC), saying(ANTHROPIC), path=ANTHROPIC.path)
    chat = openai.OpenAI(base_url=f"{upstream.url}/v1", api_key="k", max_retries=0)
    messages = anthropic.Anthropic(base_url=upstream.url, api_key="k", max_retries=0)

    whole_ = chat.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
    assert GOOD in (whole_.choices[0].message.content or "")
    with chat.chat.completions.stream(
        model="m", messages=[{"role": "user", "content": "x"}]
    ) as chunks:
        assert GOOD in (chunks.get_final_completion().choices[0].message.content or "")
    message = messages.messages.create(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]
    )
    assert message.content[0].type == "text" and GOOD in message.content[0].text
    with messages.messages.stream(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]
    ) as stream:
        assert GOOD in stream.get_final_text()


async def test_requests_are_recorded(upstream: Upstream, client: httpx2.AsyncClient) -> None:
    plan = upstream.on("m", whole(b"1"), whole(b"2"))
    for key in ("one", "two"):
        headers = {"authorization": f"Bearer {key}", "X-Own": "Value"}
        await client.post(f"{upstream.url}/a/b?c=d", json={"model": "m"}, headers=headers)

    first, second = plan.requests
    assert (first.key, second.key) == ("one", "two")
    assert (first.method, first.target, first.path) == ("POST", "/a/b?c=d", "/a/b")
    assert first.header("x-own") == "Value"
    assert first.json == {"model": "m"} and not first.streams
    assert first.connection == second.connection == upstream.connections == 1
    assert first.answered and not first.gone


async def test_a_gate_holds_the_answer_back(upstream: Upstream, client: httpx2.AsyncClient) -> None:
    gate, passed = Signal(), Signal()
    upstream.on("m", chunked(b"one", Wait(gate), b"two", Note(passed)))

    async with client.stream("POST", upstream.url, json={"model": "m"}) as answer:
        pieces = answer.aiter_raw()
        assert await anext(pieces) == b"one"
        assert not passed
        gate.set()
        assert await anext(pieces) == b"two"
        await passed.seen()


async def test_a_client_that_hangs_up_is_noticed(
    upstream: Upstream, client: httpx2.AsyncClient
) -> None:
    plan = upstream.on("m", chunked(b"one", HANG))
    async with client.stream("POST", upstream.url, json={"model": "m"}) as answer:
        await anext(answer.aiter_raw())
    await plan.requests[0].gone.seen()
    assert not plan.requests[0].answered


@pytest.mark.parametrize(
    "behaviour",
    [
        (CUT,),
        (RESET,),
        (Raw(b"HTTP/1.1 200 OK\r\ncontent-ty"), CUT),
        (Raw(b"nonsense\r\n\r\n"), CUT),
        chunked(b"one", CUT),
        chunked(b"one", RESET),
        chunked(b"one", Raw(b"zz\r\nbad\r\n")),
        chunked(b"one", Raw(b"ff\r\nshort"), CUT),
        (Head(200, (("content-length", "99"),)), b"short", CUT),
    ],
)
async def test_broken_answers_are_broken(
    upstream: Upstream, client: httpx2.AsyncClient, behaviour
) -> None:
    upstream.on("m", behaviour)
    with pytest.raises(httpx2.TransportError):
        await client.post(upstream.url, json={"model": "m"})


async def test_odd_but_proper_answers(upstream: Upstream, client: httpx2.AsyncClient) -> None:
    upstream.on(
        "m",
        (Head(103, (("link", "</x>"),)), *whole(b"hinted")),
        (*chunked(b"trailed"), Trailers((("x-sum", "1"),))),
        until_close(b"until ", b"close", version="HTTP/1.0"),
        chunked(Drip((b"s", b"l", b"o", b"w"), 0.001)),
        (Head(204),),
    )
    said = [(await client.post(upstream.url, json={"model": "m"})).text for _ in range(5)]
    assert said == ["hinted", "trailed", "until close", "slow", ""]
    assert upstream.connections == 2  # only `until_close` gave its connection up


async def test_connections_end_before_anything_is_read(client: httpx2.AsyncClient) -> None:
    for what in (Do.CUT, Do.RESET):
        with Upstream(on_accept=what) as upstream, pytest.raises(httpx2.TransportError):
            await client.post(upstream.url, json={})
        assert not upstream.requests
    closed = ClosedPort()
    with pytest.raises(httpx2.ConnectError):
        await client.post(closed.url, json={})
    closed.close()


async def test_http2_answers_and_faults() -> None:
    trusting = ssl.create_default_context()
    authority().configure_trust(trusting)
    big = b"x" * 3_000_000
    with Upstream(tls=server_context("h2", "http/1.1")) as upstream:
        upstream.on(
            "m",
            saying(CHAT),
            whole(big),
            (*chunked(b"trailed"), Trailers((("x-sum", "1"),))),
            chunked(b"one", ResetStream()),
            chunked(b"one", CUT),
            (GoAway(),),
        )
        async with httpx2.AsyncClient(verify=trusting, http2=True, timeout=PATIENCE) as client:
            answer = await client.post(upstream.url, json={"model": "m", "stream": True})
            assert answer.http_version == "HTTP/2"
            assert read_stream("openai-chat", answer.content).text.endswith(f"{GOOD}.")
            assert (await client.post(upstream.url, json={"model": "m"})).content == big
            assert (await client.post(upstream.url, json={"model": "m"})).content == b"trailed"
            for _ in range(3):
                with pytest.raises(httpx2.TransportError):
                    await client.post(upstream.url, json={"model": "m"})
    assert {request.http_version for request in upstream.requests} == {"HTTP/2"}
