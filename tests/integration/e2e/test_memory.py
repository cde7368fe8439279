"""What requests leave in memory once they are over."""

from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.answers import CHAT
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.router import Router
from tests.support.upstream import Upstream

BODY = 5_000_000
TIMES = 24
WORDS = "many words of a long conversation " * (BODY // 34)


@pytest.fixture
def router(
    upstream: Upstream, tmp_path: Path, start_router: Callable[..., Router]
) -> Iterator[Router]:
    upstream.on("m", always=saying(CHAT))
    upstream.on("busy", always=refusing(CHAT, 503))
    provider = {"name": "p", "base-url": f"{upstream.url}/v1", "api-key": "sk-1"}
    yield start_router(
        {
            "providers": [provider],
            "combos": {"stack": ["p/busy", "p/m"]},
            "usage": {"dir": str(tmp_path / "records")},
        }
    )


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("path", ["chat/completions", "messages"])
@pytest.mark.parametrize("model", ["p/m", "stack"])
def test_large_requests_leave_nothing_behind(
    router: Router, path: str, model: str, stream: bool
) -> None:
    """Their memory is free at once: the collector comes by after many small requests only."""
    message = {"role": "user", "content": WORDS}
    body = {"model": model, "messages": [message], "max_tokens": 10, "stream": stream}
    with httpx2.Client(base_url=f"{router.url}/v1", timeout=60) as client:
        ask(client, path, body, times=2)
        before = memory_of(router)  # with what the first ones have imported and cached
        ask(client, path, body, times=TIMES)
    assert memory_of(router) - before < TIMES / 3 * BODY


def ask(client: httpx2.Client, path: str, body: dict[str, object], times: int) -> None:
    for _ in range(times):
        answer = client.post(f"/{path}", json=body)
        assert answer.status_code == 200, answer.text


def memory_of(router: Router) -> int:
    """Bytes of memory that the process has."""
    status = Path(f"/proc/{router.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024
