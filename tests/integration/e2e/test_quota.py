"""Windows decide where requests go, on the real proxy."""

import json
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.support.answers import ANTHROPIC
from tests.support.answers import Answer
from tests.support.router import Router
from tests.support.steps import Behaviour
from tests.support.steps import whole
from tests.support.upstream import Upstream

ANN, BEN = "sk-client-of-ann-1", "sk-client-of-ben-2"


def config(upstream: Upstream, strategy: str, **more: Any) -> dict[str, Any]:
    return {
        "clients": {"api-keys": [{"key": ANN, "name": "ann"}, {"key": BEN, "name": "ben"}]},
        "providers": [
            {
                "name": "anth",
                "format": "anthropic",
                "base-url": upstream.url,
                "api-key-entries": ["sk-own-0", "sk-own-1"],
                "strategy": strategy,
                **more,
            }
        ],
        "usage": "off",
    }


def telling(used: float, window: str = "5h") -> Behaviour:
    """A window that resets an hour from now: this module is read long before it runs."""
    reset = int(time.time()) + 3600
    headers = (
        (f"anthropic-ratelimit-unified-{window}-utilization", str(used)),
        (f"anthropic-ratelimit-unified-{window}-reset", str(reset)),
    )
    return whole(ANTHROPIC.whole(Answer()), headers=headers)


@pytest.fixture
def start(
    upstream: Upstream, start_router: Callable[..., Router]
) -> Iterator[Callable[..., Router]]:
    yield lambda strategy, **more: start_router(config(upstream, strategy, **more))


def ask(router: Router, client: str = ANN, model: str = "m") -> httpx2.Response:
    # Each its own conversation: what is of one session stays with its key.
    body = {
        "model": f"anth/{model}",
        "max_tokens": 10,
        "messages": [{"role": "user", "content": f"No. {time.monotonic_ns()}"}],
    }
    headers = {"x-api-key": client}
    return httpx2.post(
        router.url + ANTHROPIC.path, json=body, headers=headers, trust_env=False, timeout=30
    )


def keys(upstream: Upstream) -> list[str]:
    return [one.header("x-api-key") or "" for one in upstream.requests]


def test_the_key_with_most_left(start: Callable[..., Router], upstream: Upstream) -> None:
    upstream.on("m", always=telling(0.5), key="sk-own-0")
    upstream.on("m", always=telling(0.2), key="sk-own-1")
    router = start("most-left")
    for _ in range(5):
        assert ask(router).status_code == 200
    assert sorted(keys(upstream)[:2]) == ["sk-own-0", "sk-own-1"]
    assert keys(upstream)[2:] == ["sk-own-1"] * 3
    status = httpx2.get(
        f"{router.url}/v0/health/providers", headers={"x-api-key": ANN}, trust_env=False
    ).json()
    told = {(one["owner"], one["window"]): one for one in status["windows"]}
    assert told["anth#1", "5h"]["used"] == 0.2
    assert 3000 < told["anth#1", "5h"]["resets-in"] <= 3600


def test_a_kept_share(start: Callable[..., Router], upstream: Upstream) -> None:
    upstream.on("m", always=telling(0.93))
    router = start("fill-first", keep={"share": "10%", "for": ["ann"]})
    assert ask(router, BEN).status_code == 200  # no window is known yet
    assert ask(router, BEN).status_code == 200  # nor is that of the second key
    refused = ask(router, BEN)
    assert refused.status_code == 429
    assert 3000 < int(refused.headers["retry-after"]) <= 3600
    error = refused.json()
    assert error["type"] == "error" and error["error"]["type"] == "rate_limit_error"
    assert "kept for other client keys" in json.dumps(error)
    assert ask(router, ANN).status_code == 200
    assert keys(upstream) == ["sk-own-0", "sk-own-1", "sk-own-0"]


def test_a_window_of_one_model_rests_that_model_alone(
    start: Callable[..., Router], upstream: Upstream
) -> None:
    upstream.on("claude-opus-4-6", always=telling(1.0, window="7d_oi"), key="sk-own-0")
    upstream.on("claude-opus-4-6", always=telling(0.5, window="7d_oi"), key="sk-own-1")
    upstream.on("claude-sonnet-4-5", always=telling(0.1, window="5h"), key="sk-own-0")
    upstream.on("claude-sonnet-4-5", always=telling(0.3, window="5h"), key="sk-own-1")
    router = start("most-left")
    for model in ("claude-opus-4-6", "claude-sonnet-4-5") * 3:
        assert ask(router, model=model).status_code == 200
    assert keys(upstream)[4:] == ["sk-own-1", "sk-own-0"]
