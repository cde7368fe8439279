"""Signs of life while nothing is known yet: in the client's format, with failover underneath."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import Dialect
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.reading import read_stream
from tests.support.router import Router
from tests.support.signals import Signal
from tests.support.steps import Wait
from tests.support.upstream import Upstream

SIGN = {"openai-chat": b":", "anthropic": b"event: ping\n"}

clients = pytest.mark.parametrize("client", [CHAT, ANTHROPIC], ids=lambda d: f"{d.name}-client")
upstreams = pytest.mark.parametrize(
    "dialect", [CHAT, ANTHROPIC], ids=lambda d: f"{d.name}-upstream"
)


def question(**more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": "Well?"}]
    return {"model": "both", "messages": said, "max_tokens": 9, "stream": True, **more}


@pytest.fixture
def impatient(
    request: pytest.FixtureRequest, start_router: Callable[..., Router], upstream: Upstream
) -> Router:
    dialect: Dialect = request.getfixturevalue("dialect")
    provider = {
        "name": "p",
        "format": dialect.name,
        "base-url": upstream.url,
        "api-key-entries": ["sk-1"],
    }
    return start_router(
        {
            "providers": [provider],
            "combos": {"both": ["p/first", "p/second"]},
            "heartbeat": {"after": "100ms", "every": "50ms"},
            "retry": {"request-retry": 0},
        }
    )


def _read(router: Router, client: Dialect, gates: list[Signal]) -> tuple[httpx2.Response, bytes]:
    """Opens one gate after the other, each after three more signs of life."""
    got, left = bytearray(), list(gates)
    with httpx2.stream("POST", router.url + client.path, json=question()) as answer:
        for piece in answer.iter_raw():
            got += piece
            if left and got.count(SIGN[client.name]) >= 3 * (len(gates) - len(left) + 1):
                left.pop(0).set()
    assert not left
    return answer, bytes(got)


@clients
@upstreams
def test_a_slow_answer(
    impatient: Router, upstream: Upstream, client: Dialect, dialect: Dialect
) -> None:
    gate = Signal()
    upstream.on("first", lambda request: (Wait(gate), *saying(dialect)(request)))
    answer, got = _read(impatient, client, [gate])
    assert answer.status_code == 200
    told = read_stream(client.name, got)
    assert told.error is None and told.text == Answer().text


@clients
@upstreams
def test_failover_after_the_head_was_sent(
    impatient: Router, upstream: Upstream, client: Dialect, dialect: Dialect
) -> None:
    first, second = Signal(), Signal()
    upstream.on("first", (Wait(first), *refusing(dialect, 503)))
    upstream.on("second", lambda request: (Wait(second), *saying(dialect)(request)))
    _, got = _read(impatient, client, [first, second])
    told = read_stream(client.name, got)
    assert told.error is None and told.text == Answer().text
    assert [request.model for request in upstream.requests] == ["first", "second"]


@clients
@upstreams
def test_when_all_fail_the_stream_tells_it(
    impatient: Router, upstream: Upstream, client: Dialect, dialect: Dialect
) -> None:
    first, second = Signal(), Signal()
    upstream.on("first", (Wait(first), *refusing(dialect, 503, message="busy one")))
    upstream.on("second", (Wait(second), *refusing(dialect, 500, message="ill two")))
    answer, got = _read(impatient, client, [first, second])
    assert answer.status_code == 200
    told = read_stream(client.name, got)
    assert told.error is not None and told.text == ""
    assert "busy one" in told.error["message"] or "ill two" in told.error["message"]
