"""What is left of a key's limits is asked for when somebody looks, and rarely."""

import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.integration.accounts.test_sources import ask
from tests.support.authority import Asked
from tests.support.authority import Authority
from tests.support.authority import Reply
from tests.support.router import Router


@pytest.fixture
def authority() -> Iterator[Authority]:
    with Authority() as made:
        yield made


def usages(asked: Asked) -> Reply:
    return 200, {"usage": {"used": "250", "limit": "1000", "resetTime": "2099-01-01T00:00:00Z"}}


def test_a_look_asks_once_for_ten_minutes(
    start_router: Callable[..., Router], authority: Authority
) -> None:
    authority.valid = {"plain-key-77aa"}
    authority.paths["/v1/usages"] = usages
    provider = {
        "name": "p", "base-url": f"{authority.url}/v1", "models": ["m"],
        "api-key": "plain-key-77aa", "quota-call": "kimi",
    }  # fmt: skip
    router = start_router({"providers": [provider]})
    assert ask(router).status_code == 200

    def look() -> list[dict[str, Any]]:
        answer = httpx2.get(f"{router.url}/v0/health/providers", timeout=60, trust_env=False)
        return answer.json()["windows"]

    def asked() -> list[Asked]:
        return [one for one in authority.asked if one.path == "/v1/usages"]

    assert not asked(), "nobody has looked"
    until = time.monotonic() + 60
    while not (windows := look()):
        assert time.monotonic() < until
        time.sleep(0.1)
    (window,) = windows
    assert (window["owner"], window["window"], window["used"]) == ("p#0", "7d", 0.25)
    for _ in range(20):
        look()
    (one,) = asked()
    assert one.headers["authorization"] == "Bearer plain-key-77aa"
