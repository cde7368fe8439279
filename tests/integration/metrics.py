"""Proves that metrics equal the usage records: `python -m tests.integration.metrics`.

Four workers serve one port. Clients leave, some models fail over, some have hedges, and one worker
is killed once its requests are over; what it counted must stay. A real Prometheus scrapes both
addresses where it is installed. `--requests` says how many are sent.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.records import CLIENTS
from tests.integration.records import Load
from tests.integration.records import config
from tests.integration.records import new_client
from tests.integration.records import workers_of
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.ports import free_port
from tests.support.router import Router
from tests.support.upstream import Upstream
from tests.unit.usage.support import whole_rows

KEY = "manage-me-5d21"
ANSWER = Answer(text=" ".join(f"word{number}" for number in range(20)))
WITHIN = 60.0

type Series = dict[tuple[str, ...], float]


def page(url: str, key: str = "") -> dict[str, Series]:
    """The samples of a page by name; those of a series by the values of its labels, in the order of
    the labels' names."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    answer = httpx2.get(url, headers=headers, trust_env=False, timeout=WITHIN)
    assert answer.status_code == 200, answer.text
    found: dict[str, Series] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            values = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name.removeprefix("switchyard_"), {})[values] = sample.value
    return found


def until[T](get: Callable[[], T], holds: Callable[[T], object]) -> T:
    """What `get` returns once it `holds`."""
    end = time.monotonic() + WITHIN
    while not holds(found := get()):
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


def expected(rows: list[dict[str, Any]]) -> dict[str, Series]:
    """What metrics should be, from the rows of a store."""
    named: dict[str, Counter[tuple[str, ...]]] = {name: Counter() for name in EQUAL}
    for row in rows:
        key, provider, model = (row[one] or "" for one in ("client_key", "provider", "model"))
        ended = (row["format_in"] or "", key, model, provider, row["state"])
        named["requests_total"][ended] += 1
        for one in row["tries"]:
            named["attempts_total"][one["model"], one["outcome"], one["provider"]] += 1
        for kind in ("input", "output", "cache_read"):
            if row[kind]:
                named["tokens_total"][kind, key, model, provider] += row[kind]
        if row["cost"]:
            named["cost_usd_total"][key, model, provider] += row["cost"]
        if row["tries"] and row["end_ms"] is not None:
            named["request_seconds_count"][model, provider] += 1
            named["request_seconds_sum"][model, provider] += row["end_ms"]
        if row["tries"] and row["first_output_ms"] is not None:
            named["first_output_seconds_count"][model, provider] += 1
    return {
        name: {labels: round(value * UNITS.get(name, 1), 9) for labels, value in series.items()}
        for name, series in named.items()
    }


UNITS = {"cost_usd_total": 1e-9, "request_seconds_sum": 1e-3}
EQUAL = (
    "requests_total", "attempts_total", "tokens_total", "cost_usd_total", "request_seconds_count",
    "request_seconds_sum", "first_output_seconds_count",
)  # fmt: skip


def differences(shown: dict[str, Series], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What differs between a page and the rows, by metric; nothing if they are equal."""
    wanted = expected(rows)
    rounded = {
        name: {labels: round(value, 9) for labels, value in shown.get(name, {}).items()}
        for name in EQUAL
    }
    return {name: (rounded[name], wanted[name]) for name in EQUAL if rounded[name] != wanted[name]}


@contextmanager
def prometheus(folder: Path, own: str, managed: str) -> Iterator[str]:
    """A Prometheus that scrapes both addresses every second; its URL."""
    (folder / "prometheus.yml").write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s"},
                "scrape_configs": [
                    {"job_name": "own", "static_configs": [{"targets": [own]}]},
                    {
                        "job_name": "managed",
                        "authorization": {"credentials": KEY},
                        "static_configs": [{"targets": [managed]}],
                    },
                ],
            }
        )
    )
    port = free_port()
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(WITHIN)


def asked(url: str, query: str) -> dict[str, float]:
    """What Prometheus answers to a query, by job; nothing while it starts."""
    try:
        answer = httpx2.get(
            f"{url}/api/v1/query", params={"query": query}, trust_env=False, timeout=WITHIN
        )
    except httpx2.TransportError:
        return {}
    if answer.status_code != 200:
        return {}
    found = answer.json()["data"]["result"]
    return {one["metric"].get("job", ""): float(one["value"][1]) for one in found}


@dataclass(frozen=True, slots=True)
class Agreement:
    """What was compared."""

    requests: int
    workers: int
    before: float
    """Requests that the page showed before the kill."""
    compared: int
    """Series whose values were compared."""
    scraped: bool

    def text(self) -> str:
        scraped = "was asked, too" if self.scraped else "is not installed"
        return (
            f"{self.requests} requests over {self.workers} workers, one of them killed after"
            f" {self.before:.0f}: {self.compared} series equal the records; Prometheus {scraped}"
        )


def agree(folder: Path, requests: int, workers: int, upstream: Upstream) -> Agreement:
    """Send requests, kill a worker in the middle, and compare. Raises AssertionError."""
    records, port = folder / "records", free_port()
    upstream.on("good", always=saying(CHAT, ANSWER), path=CHAT.path)
    upstream.on("slow", always=saying(CHAT, ANSWER), path=CHAT.path)
    upstream.on("busy", always=refusing(CHAT, 429), path=CHAT.path)
    settings = config(upstream, records) | {
        "metrics": {"listen": f"127.0.0.1:{port}"},
        "management": {"key": KEY},
    }
    own = f"http://127.0.0.1:{port}/metrics"
    router = Router(folder, settings, "--workers", str(workers))
    router.trouble_expected = True  # a worker that is killed leaves lines
    with router, ThreadPoolExecutor(CLIENTS) as clients, new_client() as client:
        load = Load(router.url, client, [])
        list(clients.map(load.send, range(requests // 2)))
        before = settled(own, requests // 2)
        victim = workers_of(router)[0]
        os.kill(victim, signal.SIGKILL)
        until(lambda: workers_of(router), lambda left: victim not in left)
        assert sum(page(own)["requests_total"].values()) == before
        until(lambda: page(own), lambda shown: shown["workers"] == {(): float(workers)})
        list(clients.map(load.send, range(requests // 2, requests)))
        settled(own, requests)
        shown = page(f"{router.url}/metrics", KEY)
        different = differences(shown, whole_rows(records))
        assert not different, different
        scraped = _scraped(folder, port, router.port, requests)
    compared = sum(len(shown.get(name, ())) for name in EQUAL)
    return Agreement(requests, workers, before, compared, scraped)


def settled(url: str, requests: int) -> float:
    """How many requests the page shows, once all are counted and on record."""

    def is_whole(shown: dict[str, Series]) -> bool:
        total = sum(shown.get("requests_total", {}).values())
        return total == requests == sum(shown.get("usage_written_total", {}).values())

    return sum(until(lambda: page(url), is_whole)["requests_total"].values())


def _scraped(folder: Path, own: int, managed: int, requests: int) -> bool:
    """Whether Prometheus is there; if so, both of its jobs know all requests."""
    if shutil.which("prometheus") is None:
        return False
    with prometheus(folder, f"127.0.0.1:{own}", f"127.0.0.1:{managed}") as url:
        wanted = {"own": float(requests), "managed": float(requests)}
        query = "sum by (job) (switchyard_requests_total)"
        until(lambda: asked(url, query), lambda found: found == wanted)
        up = asked(url, "up")
        assert up == {"own": 1.0, "managed": 1.0}, up
    return True


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.integration.metrics", description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Upstream() as upstream:
        print(agree(Path(folder), options.requests, 4, upstream).text())


if __name__ == "__main__":
    main()
