"""What is measured, round by round, and how."""

import json
import statistics
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from scripts.benchmark import h2load
from scripts.benchmark import wrk
from scripts.benchmark.calls import Call
from scripts.benchmark.calls import Row
from scripts.benchmark.calls import Upstreams
from scripts.benchmark.calls import large_request
from scripts.benchmark.processes import Service
from scripts.benchmark.upstreams import set_pace

PROMPT = "Say hello to the benchmark. " * 40
"""Makes a chat request of some 1.2 KB."""


@dataclass(frozen=True, slots=True)
class Paced:
    """So many streams at once with so many tokens, so many a second; 0 is as fast as can be."""

    streams: int
    rate: float
    tokens: int

    @property
    def key(self) -> str:
        return f"{self.streams} x {self.rate:g}/s" if self.rate else f"{self.streams} unpaced"


@dataclass(frozen=True, slots=True)
class Scope:
    """How much is measured."""

    rounds: int
    seconds: float
    """The length of one load."""
    connections: tuple[int, ...] = (1, 16, 64)
    large: tuple[str, ...] = ("agent", "image")
    paced: tuple[Paced, ...] = (
        Paced(1, 0, 4_000),
        Paced(32, 0, 250),
        Paced(256, 0, 40),
        Paced(32, 20, 60),
        Paced(256, 20, 60),
        Paced(1000, 10, 40),
    )


QUICK = Scope(
    1, 1, connections=(1, 16), large=("agent",), paced=(Paced(8, 0, 200), Paced(8, 20, 20))
)
FULL = Scope(3, 2)


@dataclass(slots=True)
class Figures:
    """All readings of one row, by name; a name's figure is the median of its rounds."""

    readings: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failed: int = 0
    """Requests without a good answer."""
    broken_streams: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Streams that broke off or never began, by what was measured."""

    def add(self, name: str, value: float | None) -> None:
        if value is not None:
            self.readings[name].append(value)

    def median(self, name: str) -> float | None:
        values = self.readings.get(name)
        return statistics.median(values) if values else None


def measure_whole(
    row: Row, service: Service | None, scope: Scope, figures: Figures, folder: Path
) -> None:
    """Requests that are answered by one JSON body: latencies in ms, requests a second, processor
    time in us a request."""
    for connections in scope.connections:
        load, cpu = _loaded(row.whole, service, connections, scope.seconds, folder, [])
        figures.failed += load.failed
        if not load.requests:
            continue
        figures.add(f"p50 c={connections}", load.p50)
        figures.add(f"p99 c={connections}", load.p99)
        figures.add(f"requests/s c={connections}", load.per_second)
        figures.add(f"cpu c={connections}", cpu)
    for kind in scope.large if row.large else ():
        messages = large_request("image" if kind == "image" else "agent")
        load, _ = _loaded(row.whole, service, 1, scope.seconds, folder, messages)
        figures.failed += load.failed
        if load.requests:
            figures.add(f"p50 {kind}", load.p50)


def warm_up(row: Row, service: Service | None, seconds: float, folder: Path) -> None:
    """Load it for a while without measuring: caches fill, and what compiles while it runs has."""
    _loaded(row.whole, service, 8, seconds, folder, [])


def measure_streams(
    row: Row, service: Service | None, paced: Paced, upstreams: Upstreams, figures: Figures
) -> None:
    """Streams on new connections: times in ms, chunks a second, processor time in us a token, the
    highest resident memory in MB."""
    if row.stream is None:
        return
    set_pace(upstreams, paced.tokens, paced.rate)
    body = request_body(row.stream, [{"role": "user", "content": PROMPT}], stream=True)
    plan = {
        "url": row.stream.url,
        "headers": dict(row.stream.headers),
        "body": body,
        "streams": paced.streams,
        "spread": 1 / paced.rate if paced.rate else 0.0,
        "within": 60.0 + (paced.tokens / paced.rate if paced.rate else 60.0),
    }
    before = service.cpu() if service else 0.0
    with _peak_memory(service) as peak:
        seen = _stream_client(plan)
    used = (service.cpu() if service else 0.0) - before
    key = paced.key
    figures.broken_streams[key] += seen["failed"]
    if not seen["tokens"]:
        return
    if paced.rate:
        figures.add(f"first {key}", seen["first_p50"])
        figures.add(f"delay p50 {key}", seen["delay_p50"])
        figures.add(f"delay p99 {key}", seen["delay_p99"])
        figures.add(f"memory {key}", peak[0] or None)
        if service:
            figures.add(f"cpu {key}", used / seen["tokens"] * 1e6)
    else:
        figures.add(f"chunks/s {key}", seen["tokens"] / seen["seconds"])


def request_body(call: Call, messages: list[dict[str, Any]], *, stream: bool) -> dict[str, Any]:
    """The body of a call in its format."""
    body: dict[str, Any] = {"model": call.model, "stream": stream, "messages": messages}
    if call.format == "anthropic":
        body["max_tokens"] = 1000
        body["messages"] = [_as_anthropic(message) for message in messages]
    return body


def _as_anthropic(message: dict[str, Any]) -> dict[str, Any]:
    if isinstance(message["content"], str):
        return message
    blocks: list[dict[str, Any]] = []
    for part in message["content"]:
        if part["type"] == "text":
            blocks.append(part)
            continue
        kind, _, data = part["image_url"]["url"].removeprefix("data:").partition(";base64,")
        source = {"type": "base64", "media_type": kind, "data": data}
        blocks.append({"type": "image", "source": source})
    return {**message, "content": blocks}


def _loaded(
    call: Call,
    service: Service | None,
    connections: int,
    seconds: float,
    folder: Path,
    messages: list[dict[str, Any]],
) -> tuple[wrk.Load, float | None]:
    body = request_body(call, messages or [{"role": "user", "content": PROMPT}], stream=False)
    headers = {**call.headers}
    if call.format == "anthropic":
        headers["anthropic-version"] = "2023-06-01"
    before = service.cpu() if service else 0.0
    ask = h2load.load if call.http2 else wrk.load
    load = ask(call.url, headers, body, connections=connections, seconds=seconds, folder=folder)
    used = (service.cpu() if service else 0.0) - before
    return load, used / load.requests * 1e6 if service and load.requests else None


def _stream_client(plan: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.benchmark.token_client"],
        input=json.dumps(plan),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@contextmanager
def _peak_memory(service: Service | None) -> Iterator[list[float]]:
    peak = [0.0]
    over = threading.Event()

    def watch() -> None:
        while service is not None and not over.wait(0.25):
            peak[0] = max(peak[0], service.memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()
