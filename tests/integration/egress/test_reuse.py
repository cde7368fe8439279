"""Where the same provider is asked again, the connection is used again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.egress.calls import ask
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.proxies import http_proxy
from tests.support.proxies import socks_proxy
from tests.support.router import Router
from tests.support.tls import server_context
from tests.support.upstream import Upstream

type Start = Callable[..., Router]

KEYS = ["sk-1", "sk-2", "sk-3"]


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
