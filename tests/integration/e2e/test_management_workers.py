"""With several workers, the management API shows what all of them do."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.support.router import Router

KEY = "manage-me-7f3a"
BASE = "/v0/management"
REQUESTS = 12
"""On a connection each: that one of two workers gets all of them has a chance of 1 to 2,000."""


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    folder = tmp_path_factory.mktemp("workers")
    config = {
        "providers": [{"name": "demo", "builtin": "demo", "models": ["echo"]}],
        "usage": {"dir": str(folder / "usage")},
        "management": {"key": KEY},
    }
    with Router(folder, config, "--workers", "2") as router:
        yield router


def client(router: Router) -> httpx2.Client:
    """A client that makes a connection for each request, which either worker may get."""
    return httpx2.Client(
        base_url=router.url,
        headers={"authorization": f"Bearer {KEY}"},
        limits=httpx2.Limits(max_keepalive_connections=0),
        timeout=60,
        trust_env=False,
    )


def chat(router: Router, number: int) -> str:
    body = {"model": "echo", "messages": [{"role": "user", "content": f"Number {number}"}]}
    with client(router) as asking:
        answer = asking.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200
    return answer.headers["x-switchyard-request"]


def test_events_are_those_of_all_workers(router: Router) -> None:
    with client(router) as reading, reading.stream("GET", f"{BASE}/events") as events:
        lines = events.iter_lines()
        assert next(line for line in lines if line.startswith("event: ")) == "event: snapshot"
        # The other worker is told that somebody reads before it answers this question.
        assert reading.get(f"{BASE}/running").json() == {"running": []}
        with ThreadPoolExecutor(4) as pool:
            sent = set(pool.map(lambda number: chat(router, number), range(REQUESTS)))
        ended: set[str] = set()
        for line in lines:
            if line == "event: ended":
                data = next(lines)
                ended.add(next(one for one in sent if one in data))
            if ended == sent:
                break
    assert len(sent) == REQUESTS


def test_log_lines_are_those_of_all_workers(router: Router) -> None:
    def ready(asking: httpx2.Client) -> list[Any]:
        lines = asking.get(f"{BASE}/logs").json()["lines"]
        return [line for line in lines if "switchyard: ready" in line]

    with client(router) as asking:
        assert len(ready(asking)) == len(ready(asking)) == 2
        assert asking.delete(f"{BASE}/logs").json()["removed"] >= 2
        assert ready(asking) == ready(asking) == []
