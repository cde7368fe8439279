"""Proves that no stream is lost while a router restarts: `python -m tests.integration.replicas`.

Three routers share one Redis and one PostgreSQL, and nginx stands before them with the
configuration of `deploy/nginx`. Clients stream without a pause, while one router is stopped by
SIGTERM and started anew again and again. Each stream must arrive whole, each request must be one
complete row, and the limit that all three share must have counted each once.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2

from tests.integration.state.redis_server import PROGRAM as REDIS
from tests.integration.state.redis_server import RedisServer
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.fronts import NAME
from tests.support.fronts import Nginx
from tests.support.fronts import find_program
from tests.support.postgres import PostgresServer
from tests.support.postgres import find_programs
from tests.support.postgres import postgres_server
from tests.support.router import Router
from tests.support.steps import Drip
from tests.support.steps import chunked
from tests.support.upstream import Upstream

ROUTERS = 3
CLIENTS = 24
KEY = "client-key-of-replicas-01"
WORDS = [f"word{number} " for number in range(12)]
QUESTION = {
    "model": "chat/slow",
    "stream": True,
    "messages": [{"role": "user", "content": "Well?"}],
}
_SETTLED_WITHIN = 120.0
"""Seconds until what a router admitted by itself is on the count that all share."""
_STOPS_WITHIN = 150.0


def missing_programs() -> list[str]:
    """Returns what has to be installed first."""
    found = {"nginx": find_program("nginx"), "redis-server": REDIS, "postgresql": find_programs()}
    return [name for name, place in found.items() if not place]


def config(upstream: Upstream, redis: str, postgres: str) -> dict[str, Any]:
    limits = {"requests": "100000/d"}
    return {
        "clients": {"api-keys": [{"key": KEY, "name": "proof", "limits": limits}]},
        "providers": [{"name": "chat", "base-url": f"{upstream.url}/v1", "api-key": "sk-1"}],
        "trusted-proxies": ["127.0.0.1"],
        # On a busy machine Redis' answers may take longer than the router usually waits.
        "state": {"url": redis, "timeout": "10s"},
        "usage": postgres,
        "drain": "2m",
    }


def slow_answer() -> tuple[Any, ...]:
    """A stream of more than half a second, so that each restart meets some."""
    pieces = tuple(CHAT.text(word) for word in WORDS)
    opening, closing = CHAT.opening(Answer()), CHAT.closing(Answer())
    return (*chunked(*opening, Drip(pieces, every=0.05)), *closing)


@dataclass(slots=True)
class Streams:
    """What the clients saw."""

    ids: list[UUID] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """What became of each stream that did not arrive whole."""
    enough: bool = False

    async def run(self, client: httpx2.AsyncClient) -> None:
        while not self.enough:
            try:
                await self._one(client)
            except httpx2.TransportError as error:
                self.lost.append(repr(error))

    async def _one(self, client: httpx2.AsyncClient) -> None:
        async with client.stream("POST", CHAT.path, json=QUESTION) as response:
            raw = (await response.aread()).decode()
        lines = [line.removeprefix("data: ") for line in raw.splitlines() if line]
        if response.status_code != 200 or lines[-1:] != ["[DONE]"] or text_of(lines) != WORDS:
            self.lost.append(f"{response.status_code}: {raw[-300:]}")
        if "x-switchyard-request" in response.headers:
            self.ids.append(UUID(response.headers["x-switchyard-request"]))


def text_of(lines: list[str]) -> list[str]:
    """Returns the pieces of text of a stream's events."""
    events = [json.loads(line) for line in lines if line.startswith("{")]
    deltas = [one["choices"][0]["delta"] for one in events if one.get("choices")]
    return [delta["content"] for delta in deltas if delta.get("content")]


class Replicas:
    """The three routers; one of them is restarted on its port."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self._folder, self._settings = folder, settings
        self.routers = [self._router() for _ in range(ROUTERS)]

    def _router(self) -> Router:
        return Router(Path(tempfile.mkdtemp(dir=self._folder)), self._settings)

    def start(self) -> None:
        for router in self.routers:
            router.launch()
        for router in self.routers:
            router.wait_ready()

    def restart(self) -> None:
        """Stops the first router as a service manager does, and starts it where it was."""
        old = self.routers[0]
        end(old)
        new = self._router()
        new.port = old.port
        self.routers[0] = new.start()

    def stop(self) -> None:
        for router in self.routers:
            end(router)

    def kill(self) -> None:
        for router in self.routers:
            router.kill()


def end(router: Router) -> None:
    """One SIGTERM; a router that had trouble fails the proof."""
    os.kill(router.pid, signal.SIGTERM)
    assert router.wait(_STOPS_WITHIN) == 0, router.log
    router.assert_no_trouble()


@dataclass(frozen=True, slots=True)
class Figures:
    """What was seen, and what is on record."""

    streams: int
    lost: list[str]
    restarts: int
    rows: int
    complete: int
    unrecorded: int
    """Streams without a row."""
    counted: int
    """Requests by the limit that the routers share."""

    def text(self) -> str:
        return (
            f"{self.streams} streams through nginx over {ROUTERS} routers, one of them restarted"
            f" {self.restarts} times: {len(self.lost)} lost; {self.rows} rows,"
            f" {self.complete} of them complete, {self.unrecorded} missing; the limit that all"
            f" share counted {self.counted}"
        )


@contextlib.asynccontextmanager
async def redis_in(folder: Path) -> AsyncIterator[RedisServer]:
    server = RedisServer(folder)
    await server.start()
    try:
        yield server
    finally:
        server.kill()


async def prove(streams: int, restarts: int, server: PostgresServer, upstream: Upstream) -> Figures:
    """Send streams until there were so many, and so many restarts; return the figures."""
    upstream.on("slow", always=slow_answer(), path=CHAT.path)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        async with redis_in(folder) as redis:
            replicas = Replicas(folder, config(upstream, redis.url, server.url()))
            try:
                await asyncio.to_thread(replicas.start)
                (front_folder := folder / "nginx").mkdir()
                with Nginx(front_folder, [one.port for one in replicas.routers]) as front:
                    seen = await _load(front, replicas, streams, restarts)
                    counted = await _counted(replicas.routers[1], len(seen.ids))
                await asyncio.to_thread(replicas.stop)
            finally:
                replicas.kill()
    return _figures(seen, restarts, counted, server)


async def _load(front: Nginx, replicas: Replicas, streams: int, restarts: int) -> Streams:
    seen = Streams()
    async with new_client(front) as client, asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(seen.run(client))
        try:
            for _ in range(restarts):
                await asyncio.to_thread(replicas.restart)
            while len(seen.ids) < streams:
                await asyncio.sleep(0.05)
        finally:
            seen.enough = True
    return seen


def new_client(front: Nginx) -> httpx2.AsyncClient:
    """A client that makes a connection to nginx for each request."""
    limits = httpx2.Limits(max_keepalive_connections=0)
    headers = {"authorization": f"Bearer {KEY}", "host": f"{NAME}:{front.port}"}

    async def name_front(request: httpx2.Request) -> None:
        request.extensions["sni_hostname"] = NAME

    return httpx2.AsyncClient(
        base_url=f"https://127.0.0.1:{front.port}",
        headers=headers,
        verify=front.context(),
        limits=limits,
        trust_env=False,
        timeout=120,
        event_hooks={"request": [name_front]},
    )


async def _counted(router: Router, awaited: int) -> int:
    """What the shared limit has counted, as another router sees it once all is settled.

    A router that Redis did not answer in time admits by its own share, and settles afterwards.
    """
    headers, used = {"authorization": f"Bearer {KEY}"}, 0
    async with httpx2.AsyncClient(
        base_url=router.url, headers=headers, trust_env=False, timeout=60
    ) as client:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLED_WITHIN):
                while used < awaited:
                    (limit,) = (await client.get("/v0/me")).json()["limits"]
                    used = limit["used"]
                    await asyncio.sleep(0.05)
    return used


def _figures(seen: Streams, restarts: int, counted: int, server: PostgresServer) -> Figures:
    rows = server.execute(
        "SELECT id, text FROM switchyard.requests JOIN switchyard.names ON number = state"
    )
    ids = Counter(row[0] for row in rows)
    assert max(ids.values()) == 1 and len(set(seen.ids)) == len(seen.ids)
    unrecorded = len(set(seen.ids) - ids.keys())
    complete = sum(row[1] == "complete" for row in rows)
    return Figures(len(seen.ids), seen.lost, restarts, len(rows), complete, unrecorded, counted)


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.integration.replicas", description=__doc__)
    parser.add_argument("--streams", type=int, default=300)
    parser.add_argument("--restarts", type=int, default=5)
    options = parser.parse_args()
    if missing := missing_programs():
        raise SystemExit(f"install {', '.join(missing)} first")
    programs = find_programs()
    assert programs
    begun = time.monotonic()
    with postgres_server(programs) as server, Upstream() as upstream:
        figures = asyncio.run(prove(options.streams, options.restarts, server, upstream))
    print(figures.text(), f"in {time.monotonic() - begun:.0f} s", flush=True)
    for one in figures.lost[:10]:
        print(one)
    if figures.lost or not figures.streams == figures.rows == figures.complete == figures.counted:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
