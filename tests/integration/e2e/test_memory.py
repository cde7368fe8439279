"""What requests leave in memory once they are over."""

import json
import socket
import time
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.support.answers import CHAT
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.router import Router
from tests.support.signals import Signal
from tests.support.steps import HANG
from tests.support.steps import Behaviour
from tests.support.steps import Head
from tests.support.steps import Note
from tests.support.upstream import Upstream

BODY = 5_000_000
TIMES = 24
LITTLE = 32_000_000
WITHIN = 60.0
"""Seconds: memory is looked at every ten."""
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


BEGUN = (
    Head(headers=(("content-type", "text/event-stream"),)),
    b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"Hello"}}]}\n\n',
)


@pytest.mark.parametrize("steps", [(), BEGUN], ids=["waiting", "streamed"])
@pytest.mark.parametrize("path", ["chat/completions", "messages"])
def test_large_requests_of_clients_that_left_leave_nothing_behind(
    router: Router, upstream: Upstream, path: str, steps: Behaviour
) -> None:
    """Not even while nothing else happens, which would have the collector come by."""
    arrived = [Signal() for _ in range(TIMES)]
    upstream.on("held", *((*steps, Note(signal), HANG) for signal in arrived))
    message = {"role": "user", "content": WORDS}
    asked = {"model": "p/held", "messages": [message], "max_tokens": 10, "stream": True}
    body = json.dumps(asked).encode()
    head = f"POST /v1/{path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
    before = memory_of(router)
    for signal in arrived:
        with socket.create_connection(("127.0.0.1", router.port)) as client:
            client.sendall(head.encode() + body)
            signal.wait()
            if steps:
                assert client.recv(12) == b"HTTP/1.1 200"
    until(lambda: memory_of(router) - before < TIMES / 3 * BODY)


def test_memory_of_large_requests_at_once_is_given_back(router: Router) -> None:
    body = {"model": "p/m", "messages": [{"role": "user", "content": WORDS}]}
    with httpx2.Client(base_url=f"{router.url}/v1", timeout=60) as client:
        ask(client, "chat/completions", body, times=2)
        before = memory_of(router)
        with ThreadPoolExecutor(TIMES) as clients:
            for _ in clients.map(lambda _: ask(client, "chat/completions", body, 1), range(TIMES)):
                pass
    until(lambda: memory_of(router) - before < LITTLE)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WITHIN
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def ask(client: httpx2.Client, path: str, body: dict[str, object], times: int) -> None:
    for _ in range(times):
        answer = client.post(f"/{path}", json=body)
        assert answer.status_code == 200, answer.text


def memory_of(router: Router) -> int:
    """Bytes of memory that the process has."""
    status = Path(f"/proc/{router.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024
