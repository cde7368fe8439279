"""Routers that share state, as processes of their own, and a provider that notes what it is asked.

Two ways: `served` is one router with three workers, `redis` are three routers and a Redis server.
`memory` is a single router, which has to do the same.
"""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Awaitable
from collections.abc import Callable
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from typing import Self

import httpx2

from tests.integration.state.redis_server import RedisServer
from tests.support.router import READY
from tests.support.router import Router

KEYS = ("sk-provider-key-0", "sk-provider-key-1", "sk-provider-key-2")
CLIENT = "client-key-of-ann-0001"
PROCESSES = 3

_ANSWER = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "yes"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


class Provider:
    """A provider of the format `openai-chat`; a context manager."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        """Requests by the key they came with."""
        self.texts: Counter[str] = Counter()
        """Requests by what they ask."""
        self.refused: set[str] = set()
        """Keys that are refused."""
        self.held = threading.Semaphore(0)
        """Counts requests that ask to `wait`."""
        self.go_on = threading.Event()
        self._lock = threading.Lock()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status, answer = provider._answer(
                    self.headers["authorization"].removeprefix("Bearer "),
                    body["messages"][0]["content"],
                )
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 512
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a router that was killed

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, key: str, text: str) -> tuple[int, dict[str, Any]]:
        with self._lock:
            self.asked[key] += 1
            self.texts[text] += 1
        if text == "wait":
            self.held.release()
            self.go_on.wait()
        if key in self.refused:
            return 401, {"error": {"message": "no such key", "code": "invalid_api_key"}}
        return 200, _ANSWER


class Routers:
    """What clients call: one address or three."""

    def __init__(self, way: str, routers: list[Router], redis: RedisServer | None) -> None:
        self.way = way
        self.all = routers
        self.redis = redis

    def url(self, number: int) -> str:
        return self.all[number % len(self.all)].url

    async def ask(self, client: httpx2.AsyncClient, number: int, text: str = "") -> int:
        """The status of one request, at one of the routers."""
        answer = await client.post(
            f"{self.url(number)}/v1/chat/completions",
            json={
                "model": "p/m",
                "messages": [{"role": "user", "content": text or f"question {number}"}],
            },
            headers={"authorization": f"Bearer {CLIENT}"},
        )
        return answer.status_code

    async def burst(self, count: int, first: int = 0) -> Counter[int]:
        """The statuses of requests at once, each on a connection of its own."""
        async with new_client() as client:
            numbers = range(first, first + count)
            return Counter(await asyncio.gather(*(self.ask(client, one) for one in numbers)))

    async def cooling(self, number: int) -> set[str]:
        """The provider's keys that cool down, as one process knows."""
        async with new_client() as client:
            answer = await client.get(
                f"{self.url(number)}/v0/health/providers",
                headers={"authorization": f"Bearer {CLIENT}"},
            )
        (provider,) = answer.json()["providers"]
        return {one["credential"] for one in provider["targets"] if one["state"] == "open"}


def new_client() -> httpx2.AsyncClient:
    limits = httpx2.Limits(max_connections=100, max_keepalive_connections=0)
    return httpx2.AsyncClient(trust_env=False, timeout=120, limits=limits)


async def start(
    stack: ExitStack,
    folder: Path,
    way: str,
    provider: Provider,
    redis: RedisServer | None = None,
    *,
    client: dict[str, Any] | None = None,
    state: dict[str, Any] | None = None,
) -> Routers:
    """Start routers that `stack` stops. `client` is the policy of the client key."""
    config: dict[str, Any] = {
        "providers": [
            {"name": "p", "base-url": provider.url, "api-key-entries": KEYS, "models": ["m"]}
        ],
        "clients": {"api-keys": [{"key": CLIENT, "name": "ann", **(client or {})}]},
        "usage": "off",
    }
    options: list[str] = []
    count = 1
    if way == "redis":
        assert redis is not None
        config["state"] = {"url": redis.url, **(state or {})}
        count = PROCESSES
    elif way == "served":
        options = ["--workers", str(PROCESSES)]
    routers: list[Router] = []
    for number in range(count):
        (place := folder / str(number)).mkdir()
        routers.append(Router(place, config, *options))
        stack.callback(routers[-1].kill)
        routers[-1].launch()
    expected = PROCESSES if way == "served" else 1
    await until(lambda: _true(all(one.log.count(READY) >= expected for one in routers)))
    return Routers(way, routers, redis)


async def _true(value: bool) -> bool:
    return value


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 120.0) -> None:
    """Wait for a condition that another process brings about."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.05)
