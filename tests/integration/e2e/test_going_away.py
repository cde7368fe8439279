"""Connections to HTTP/2 upstreams that take no more requests, or are dead and never said so."""

from collections.abc import Callable

import httpx2

from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import Answer
from tests.support.answers import saying
from tests.support.router import Router
from tests.support.steps import HANG
from tests.support.steps import GoAway
from tests.support.steps import whole
from tests.support.tls import server_context
from tests.support.upstream import Upstream


def test_the_next_request_takes_another_connection(start_router: Callable[..., Router]) -> None:
    """On one and the same client connection, which by itself would use its upstream's again."""
    with Upstream(tls=server_context("h2")) as upstream:
        provider = {
            "name": "up",
            "format": "openai-chat",
            "base-url": f"{upstream.url}/v1",
            "api-key": "sk-x",
            "tls": {"verify": False},
            "timeouts": {"first-byte": "3s", "first-output": "3s"},
        }
        retry = {"retry": {"request-retry": 0}, "cooldown": {"base": "1ms", "cap": "1ms"}}
        router = start_router({"providers": [provider], **retry})

        def ask(model: str) -> tuple[int, str]:
            body = {"model": f"up/{model}", "messages": [{"role": "user", "content": "?"}]}
            answer = http.post(CHAT.path, json=body)
            return answer.status_code, answer.text

        good = upstream.on("good", always=saying(CHAT))
        upstream.on("dead", always=(HANG,))
        goes = CHAT.whole(Answer())
        upstream.on("goes", (*whole(goes)[:1], GoAway(0, True, stays=True), goes))
        with httpx2.Client(base_url=router.url, timeout=30, trust_env=False) as http:
            assert GOOD in ask("good")[1]
            assert GOOD in ask("good")[1]
            assert good.requests[0].connection == good.requests[1].connection
            assert ask("dead")[0] == 504
            assert GOOD in ask("good")[1]
            assert good.requests[2].connection != good.requests[1].connection
            assert GOOD in ask("goes")[1]
            assert GOOD in ask("good")[1]
            assert good.requests[3].connection != good.requests[2].connection
