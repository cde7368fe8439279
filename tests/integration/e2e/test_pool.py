"""Idle connections to upstreams serve whichever client asks next."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from switchyard.failover.upstream_request import STALE_AFTER
from tests.integration.e2e.stage import Stage
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import Answer
from tests.support.answers import saying
from tests.support.router import LAUNCHER
from tests.support.router import ROOT
from tests.support.router import Router
from tests.support.tls import server_context
from tests.support.upstream import Upstream

pytestmark = pytest.mark.skipif(
    os.environ.get(LAUNCHER) == "mitmdump",
    reason="mitmproxy's own handler keeps each client's connections apart",
)


def question(model: str) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": "How are you?"}]}


async def ask_once(url: str, model: str, **headers: str) -> httpx2.Response:
    """A client of its own, which leaves after one call."""
    async with httpx2.AsyncClient(timeout=30) as client:
        body = question(model)
        return await client.post(f"{url}/v1/chat/completions", json=body, headers=headers)


@pytest.mark.parametrize("provider", ["chat", "chat-tls", "chat-keys"])
async def test_clients_one_after_another_share_a_connection(stage: Stage, provider: str) -> None:
    model, _ = stage.on(CHAT)
    name = f"{provider}/{model.partition('/')[2]}"
    upstream = stage.tls if provider == "chat-tls" else stage.plain
    plan = upstream.on(name.partition("/")[2], path=CHAT.path, always=saying(CHAT))
    for _ in range(4):
        assert GOOD in (await ask_once(stage.router.url, name)).text
    assert len({request.connection for request in plan.requests}) == 1
    if provider == "chat-keys":
        assert len({request.key for request in plan.requests}) > 1  # each request has its own


async def test_clients_that_stay_share_what_is_idle(stage: Stage) -> None:
    model, plan = stage.on(CHAT, always=saying(CHAT))
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(3):
            client = await stack.enter_async_context(httpx2.AsyncClient(base_url=stage.router.url))
            for _ in range(2):
                await client.post("/v1/chat/completions", json=question(model))
    assert len({request.connection for request in plan.requests}) == 1


async def test_clients_at_once_do_not_share(stage: Stage) -> None:
    model, plan = stage.on(CHAT, always=saying(CHAT))
    for _ in range(2):
        await asyncio.gather(*(ask_once(stage.router.url, model) for _ in range(8)))
    answers = [await ask_once(stage.router.url, model) for _ in range(2)]
    assert all(GOOD in answer.text for answer in answers)
    assert len(plan.requests) == 18


def write_two(tmp_path: Path, url: str, ca: Path) -> dict[str, object]:
    entry = {"format": "openai-chat", "base-url": f"{url}/v1", "api-key": "sk-1"}
    return {
        "providers": [
            {"name": "one", **entry},
            {"name": "two", **entry, "tls": {"ca": str(ca)}},
        ]
    }


async def test_other_tls_settings_are_another_connection(tmp_path: Path, upstream_ca: Path) -> None:
    with Upstream(tls=server_context("http/1.1")) as upstream:
        plan = upstream.on("m", path=CHAT.path, always=saying(CHAT))
        config = write_two(tmp_path, upstream.url, upstream_ca)
        with Router(tmp_path, config, trust=upstream_ca) as router:
            for name in ("one/m", "two/m", "one/m", "two/m"):
                assert GOOD in (await ask_once(router.url, name)).text
    first, second, third, fourth = (request.connection for request in plan.requests)
    assert first == third and second == fourth and first != second


class Closing:
    """An upstream that answers the first request of a connection and closes it at the second, as
    one does whose patience with idle connections ended just then."""

    def __init__(self) -> None:
        self.requests = 0
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        body = CHAT.whole(Answer())
        for first in (True, False):
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            length = next(
                int(line.partition(b":")[2])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            )
            await reader.readexactly(length)
            self.requests += 1
            if not first:
                break
            fields = b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body)
            writer.write(b"HTTP/1.1 200 OK\r\n%b\r\n%b" % (fields, body))
        writer.close()


@contextlib.asynccontextmanager
async def closing_upstream() -> AsyncIterator[tuple[Closing, str]]:
    closing = Closing()
    server = await asyncio.start_server(closing.serve, "127.0.0.1", 0)
    async with server:
        yield closing, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_connection_closed_while_it_was_idle_costs_no_attempt(tmp_path: Path) -> None:
    async with closing_upstream() as (closing, url):
        provider = {"name": "p", "format": "openai-chat", "base-url": f"{url}/v1", "api-key": "k"}
        script = ROOT / "tests" / "support" / "unhurried.py"
        router = Router(tmp_path, {"providers": [provider]}, "-s", str(script))
        await asyncio.to_thread(router.start)
        try:
            for _ in range(3):
                answer = await ask_once(router.url, "p/m")
                assert answer.status_code == 200, answer.text
                assert answer.headers["x-switchyard-attempts"] == "1"
                # Time itself is what this is about: a server does not close what was just used.
                await asyncio.sleep(STALE_AFTER + 0.1)
        finally:
            await asyncio.to_thread(router.stop)
    # The second was sent to the first connection too, which closed without a word.
    assert (closing.requests, closing.connections) == (5, 3)
