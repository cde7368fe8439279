"""A client of many streams at once, which measures how late each token comes.

    python -m scripts.benchmark.token_client < plan.json > figures.json

The plan: {"url", "headers", "body", "streams", "spread", "within"}; `spread` is the time in seconds
over which the streams begin. The tokens carry the time they were sent at (see `token_upstream`).
"""

import asyncio
import json
import re
import statistics
import sys
import time
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from urllib.parse import urlsplit

_SENT = re.compile(rb"@(\d+)@")
_LONGEST_TOKEN = 40


@dataclass(slots=True)
class Stream(asyncio.Protocol):
    """One connection with one stream, from its being dialled to its end."""

    request: bytes
    began: int
    over: asyncio.Future[bool]
    first: float | None = None
    delays: list[float] = field(default_factory=list)
    tail: bytes = b""
    transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        data = self.tail + data
        end = 0
        for match in _SENT.finditer(data):
            self.delays.append((now - int(match[1])) / 1e6)
            end = match.end()
        if self.delays and self.first is None:
            self.first = (now - self.began) / 1e6
        if data.endswith(b"0\r\n\r\n"):
            self._end(True)
        self.tail = data[max(end, len(data) - _LONGEST_TOKEN) :]

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(b"[DONE]" in self.tail or b"message_stop" in self.tail)

    def _end(self, well: bool) -> None:
        if not self.over.done():
            self.over.set_result(well)
        if self.transport is not None:
            self.transport.close()


async def run(plan: dict[str, Any]) -> dict[str, Any]:
    """The figures: times in milliseconds; `failed` counts streams that broke off or never ended."""
    loop = asyncio.get_running_loop()
    url = urlsplit(plan["url"])
    body = json.dumps(plan["body"]).encode()
    head = f"POST {url.path or '/'} HTTP/1.1\r\nhost: {url.netloc}\r\n"
    head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in plan["headers"].items())
    request = head.encode() + b"\r\n" + body
    streams: list[Stream] = []

    async def one(number: int) -> None:
        await asyncio.sleep(plan["spread"] * number / plan["streams"])
        stream = Stream(request, time.monotonic_ns(), loop.create_future())
        streams.append(stream)
        await loop.create_connection(lambda: stream, url.hostname, url.port)
        await stream.over

    began = time.monotonic()
    tasks = [asyncio.ensure_future(one(number)) for number in range(plan["streams"])]
    done, late = await asyncio.wait(tasks, timeout=plan["within"])
    took = time.monotonic() - began
    for task in late:
        task.cancel()
    broken = sum(1 for task in done if task.exception() is not None)
    ended = [s for s in streams if s.over.done() and not s.over.cancelled() and s.over.result()]
    delays = sorted(delay for stream in streams for delay in stream.delays)
    firsts = sorted(stream.first for stream in streams if stream.first is not None)
    return {
        "streams": plan["streams"],
        "failed": max(plan["streams"] - len(ended), broken),
        "tokens": len(delays),
        "seconds": took,
        "first_p50": statistics.median(firsts) if firsts else None,
        "delay_p50": _quantile(delays, 0.5),
        "delay_p99": _quantile(delays, 0.99),
    }


def _quantile(values: list[float], share: float) -> float | None:
    return values[min(int(len(values) * share), len(values) - 1)] if values else None


if __name__ == "__main__":
    json.dump(asyncio.run(run(json.load(sys.stdin))), sys.stdout)
