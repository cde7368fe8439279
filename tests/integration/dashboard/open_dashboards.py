"""What open dashboards cost: requests a second and their delay, with none and with ten of them.

`python -m tests.integration.dashboard.open_dashboards [DASHBOARDS] [SECONDS] [ROUNDS]` sends
requests to the built-in demo, in turn without and with readers that do what a page does: follow the
events, and ask for today's usage every ten seconds. It prints the medians of both, and each round.
"""

import contextlib
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.support.router import Router

KEY = "manage-me-7f3a"
BASE = "/v0/management"
CLIENTS = 4
PACED = 40.0
"""Requests a second of the rounds that measure delay, far from what a router can do."""
_AGAIN = 10.0
_BODY = {"model": "demo/echo", "messages": [{"role": "user", "content": "Well?"}]}


@dataclass(frozen=True, slots=True)
class Round:
    """What the clients of one round saw."""

    rate: float
    """Requests a second, sent one after another by each client."""
    p50: float
    p99: float
    """Milliseconds of a request at a steady, low rate."""


def send(url: str, seconds: float, pause: float) -> list[float]:
    """Send requests one after another, or one each `pause` seconds; their delays."""
    spent, until = [], time.monotonic() + seconds
    with httpx2.Client(base_url=url, timeout=60, trust_env=False) as client:
        due = time.monotonic()
        while (begun := time.monotonic()) < until:
            answer = client.post("/v1/chat/completions", json=_BODY)
            assert answer.status_code == 200, answer.text
            spent.append((time.monotonic() - begun) * 1000)
            due += pause
            time.sleep(max(0.0, due - time.monotonic()) if pause else 0)
    return spent


def load(url: str, seconds: float, rate: float) -> list[float]:
    """The delays of all clients, at a rate a second, or at the highest (0)."""
    pause = CLIENTS / rate if rate else 0.0
    with ThreadPoolExecutor(CLIENTS) as pool:
        found = pool.map(lambda _: send(url, seconds, pause), range(CLIENTS))
        return [one for delays in found for one in delays]


def run_round(url: str, seconds: float) -> Round:
    rate = len(load(url, seconds, 0)) / seconds
    delays = sorted(load(url, seconds, PACED))
    return Round(rate, statistics.median(delays), delays[int(len(delays) * 0.99)])


@contextlib.contextmanager
def dashboards(url: str, count: int) -> Iterator[None]:
    """So many open pages: each follows the events, and asks again now and then."""
    ended = threading.Event()
    ready = threading.Barrier(count + 1)
    threads = [threading.Thread(target=_watch, args=(url, ended, ready)) for _ in range(count)]
    for one in threads:
        one.start()
    ready.wait()
    try:
        yield
    finally:
        ended.set()
        for one in threads:
            one.join()


def _watch(url: str, ended: threading.Event, ready: threading.Barrier) -> None:
    headers = {"authorization": f"Bearer {KEY}"}
    with httpx2.Client(base_url=url, timeout=60, trust_env=False, headers=headers) as client:
        with client.stream("GET", f"{BASE}/events") as answer:
            ready.wait()
            asked = time.monotonic()
            for _ in answer.iter_raw():
                if ended.is_set():
                    return
                if time.monotonic() - asked > _AGAIN:
                    asked = time.monotonic()
                    query = {"bucket": "day", "since": time.time() - 86_400}
                    client.get(f"{BASE}/usage", params=query).raise_for_status()


def measure(
    folder: Path, count: int, seconds: float, rounds: int
) -> tuple[list[Round], list[Round]]:
    """Rounds without and with open dashboards, in turn."""
    config = {
        "providers": [{"name": "demo", "builtin": "demo", "models": ["echo"]}],
        "usage": {"dir": str(folder / "usage")},
        "management": {"key": KEY},
    }
    alone: list[Round] = []
    watched: list[Round] = []
    with Router(folder, config) as router:
        run_round(router.url, min(seconds, 2.0))  # the first requests load what later ones find
        for _ in range(rounds):
            alone.append(run_round(router.url, seconds))
            with dashboards(router.url, count):
                watched.append(run_round(router.url, seconds))
    return alone, watched


def main(count: int, seconds: float, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        alone, watched = measure(Path(name), count, seconds, rounds)
    for what, found in (("without", alone), (f"with {count}", watched)):
        for one in found:
            print(f"{what:10} {one.rate:7.1f}/s, p50 {one.p50:.2f} ms, p99 {one.p99:.2f} ms")
    rates, delays = (
        [statistics.median([getattr(one, name) for one in found]) for found in (alone, watched)]
        for name in ("rate", "p99")
    )
    share = 1 - rates[1] / rates[0]
    print(f"requests/s: {share:+.1%} fewer; p99: {delays[1] - delays[0]:+.2f} ms")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(
        int(given[0]) if given else 10,
        float(given[1]) if len(given) > 1 else 10.0,
        int(given[2]) if len(given) > 2 else 5,
    )
