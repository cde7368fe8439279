"""Where the same provider is asked again, the connection is used again."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.egress.calls import ask
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.proxies import http_proxy
from tests.support.proxies import socks_proxy
from tests.support.router import LAUNCHER
from tests.support.router import Router
from tests.support.steps import HANG
from tests.support.steps import SSE
from tests.support.steps import Behaviour
from tests.support.steps import Head
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.tls import server_context
from tests.support.upstream import Upstream

type Start = Callable[..., Router]

KEYS = ["sk-1", "sk-2", "sk-3"]

EVENTS = CHAT.events(Answer())
STREAM = b"".join(EVENTS)
FRAMINGS: dict[str, Behaviour] = {
    "length": whole(STREAM, content_type=SSE),
    "length-in-pieces": (whole(STREAM, content_type=SSE)[0], *EVENTS),
    "chunks": chunked(*EVENTS),
    "one-chunk": chunked(STREAM),
}
"""The same stream, framed in each way that leaves its connection open."""


@pytest.mark.parametrize("proxy", ["", "http", "socks5h"])
def test_attempts_share_a_connection(
    start_router: Start, tmp_path: Path, upstream_ca: Path, proxy: str
) -> None:
    """Two keys are refused and the third one answers: one connection, to each kind of upstream."""
    upstreams = {
        "plain": Upstream(),
        "tls": Upstream(tls=server_context("http/1.1")),
        "h2": Upstream(tls=server_context("h2")),
    }
    through = socks_proxy(tmp_path) if proxy == "socks5h" else http_proxy(tmp_path)
    with through, upstreams["plain"], upstreams["tls"], upstreams["h2"]:
        way = {"proxy-url": f"{proxy}://127.0.0.1:{through.port}"} if proxy else {}
        providers = [
            {"name": name, "base-url": upstream.url, "api-key-entries": KEYS, **way}
            for name, upstream in upstreams.items()
        ]
        router = start_router({"providers": providers}, trust=upstream_ca)
        for name, upstream in upstreams.items():
            for stream in (False, True):
                model = f"m{stream:d}"
                upstream.on(model, refusing(CHAT, 429), refusing(CHAT, 500), saying(CHAT))
                answer = ask(router, f"{name}/{model}", stream)
                assert GOOD in answer.text and answer.headers["x-switchyard-attempts"] == "3"
                asked = [one for one in upstream.requests if one.model == model]
                assert sorted(str(one.key) for one in asked) == KEYS
                assert len({one.connection for one in asked}) == 1, name


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_stream_leaves_its_connection_fit_for_the_next_client(
    start_router: Start, tmp_path: Path, upstream_ca: Path, framing: str
) -> None:
    plain, tls = Upstream(), Upstream(tls=server_context("http/1.1"))
    with plain, tls:
        providers = [
            {"name": name, "base-url": upstream.url, "api-key": "sk-1"}
            for name, upstream in (("plain", plain), ("tls", tls))
        ]
        config = {"providers": providers, "retry": {"request-retry": 0}}
        router = start_router({**config, "timeouts": {"first-byte": "5s"}}, trust=upstream_ca)
        for name, upstream in (("plain", plain), ("tls", tls)):
            upstream.on("m", FRAMINGS[framing], *FRAMINGS.values())
            for _ in range(1 + len(FRAMINGS)):
                assert GOOD in ask(router, f"{name}/m", True).text
            if os.environ.get(LAUNCHER) != "mitmdump":  # where each client's are its own
                assert upstream.connections == 1, name


@pytest.mark.parametrize("stream", [False, True])
def test_what_switched_to_another_protocol_carries_nothing_more(
    start_router: Start, tmp_path: Path, upstream_ca: Path, stream: bool
) -> None:
    """The next key goes to the same upstream, over another connection."""
    plain, tls = Upstream(), Upstream(tls=server_context("http/1.1"))
    with plain, tls:
        providers = [
            {"name": name, "base-url": upstream.url, "api-key-entries": KEYS}
            for name, upstream in (("plain", plain), ("tls", tls))
        ]
        router = start_router({"providers": providers}, trust=upstream_ca)
        switches: Behaviour = (Head(101, (("upgrade", "x"), ("connection", "upgrade"))), HANG)
        for name, upstream in (("plain", plain), ("tls", tls)):
            plan = upstream.on("m", switches, saying(CHAT))
            answer = ask(router, f"{name}/m", stream)
            assert GOOD in answer.text and answer.headers["x-switchyard-attempts"] == "2"
            first, second = plan.requests
            assert first.connection != second.connection
            first.gone.wait()
