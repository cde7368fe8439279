"""What open dashboards cost: processor time, requests a second, and the delay of requests.

`python -m tests.integration.dashboard.open_dashboards [DASHBOARDS] [SECONDS] [ROUNDS]` measures a
router in turn without and with open pages, and prints each round and the median of the changes. wrk
sends as many requests as the router answers, to a provider that answers at once (nginx); then a
program sends a few at a steady rate. The pages are a process of their own (`visitors.py`).

The judge is the processor time that the router's process takes for a request, by the kernel's
count. Requests a second and delays also have what the pages themselves take of the machine. So that
they take less of the router's time, it gets a processor alone, and all else shares the others.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmark import upstreams
from scripts.benchmark import wrk
from tests.integration.dashboard.visitors import BODY
from tests.support.router import Router

KEY = "manage-me-7f3a"
CLIENTS = 8
PACED = 40.0
"""Requests a second of the rounds that measure delay, far from what a router can do."""
_VISITORS = [sys.executable, "-m", "tests.integration.dashboard.visitors"]
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Round:
    """What one round came to."""

    cpu: float
    """Milliseconds of processor time that the router's process took for a request."""
    rate: float
    """Requests a second, as many as the router answers."""
    p50: float
    p99: float
    """Milliseconds of a request at a steady, low rate."""


def cpu_of(pid: int) -> float:
    """Seconds of processor time that a process has used (proc(5): utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def keep_apart(pid: int) -> None:
    """Gives a router one processor, and this process with its children the others, if there are."""
    first, *others = sorted(os.sched_getaffinity(0))
    if others:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {first})
        os.sched_setaffinity(0, others)


def run_round(router: Router, seconds: float) -> Round:
    """Loads a router with as much as it answers, then with little."""
    url, began = f"{router.url}/v1/chat/completions", cpu_of(router.pid)
    load = wrk.load(url, {}, BODY, connections=CLIENTS, seconds=seconds, folder=router.directory)
    cpu = (cpu_of(router.pid) - began) / load.requests
    assert not load.failed, load
    command = [*_VISITORS, "requests", router.url, str(seconds), str(PACED)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    delays = sorted(json.loads(done.stdout))
    p99 = delays[int(len(delays) * 0.99)]
    return Round(cpu * 1000, load.per_second, statistics.median(delays), p99)


@contextlib.contextmanager
def dashboards(url: str, count: int) -> Iterator[None]:
    """Keeps so many pages open."""
    command = [*_VISITORS, "pages", url, KEY, str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        assert process.stdout.readline() == b"open\n"
        yield
        process.stdin.close()


def measure(
    folder: Path, count: int, seconds: float, rounds: int
) -> tuple[list[Round], list[Round]]:
    """Rounds without and with open dashboards, in turn."""
    services, providers = upstreams.start(folder)
    fast = {"name": "fast", "format": "openai-chat", "base-url": providers.whole}
    config = {
        "providers": [{**fast, "api-key": "upstream-key", "models": ["m"]}],
        "usage": {"dir": str(folder / "usage")},
        "management": {"key": KEY},
    }
    alone: list[Round] = []
    watched: list[Round] = []
    with contextlib.ExitStack() as stack:
        for service in services:
            stack.callback(service.stop)
        router = stack.enter_context(Router(folder, config))
        keep_apart(router.pid)
        with dashboards(router.url, 1):
            run_round(router, min(seconds, 2.0))  # the first requests load what later ones find
        for number in range(2 * rounds):
            # With, without, without, with: what grows with the records counts for both.
            if number % 4 in (1, 2):
                alone.append(run_round(router, seconds))
            else:
                with dashboards(router.url, count):
                    watched.append(run_round(router, seconds))
    return alone, watched


def main(count: int, seconds: float, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        alone, watched = measure(Path(name), count, seconds, rounds)
    for what, found in (("without", alone), (f"with {count}", watched)):
        for one in found:
            line = f"{one.cpu:.3f} ms of processor time a request, {one.rate:7.1f} requests/s"
            print(f"{what:10} {line}, p50 {one.p50:.2f} ms, p99 {one.p99:.2f} ms")
    pairs = list(zip(alone, watched, strict=True))
    cpu = statistics.median(two.cpu / one.cpu for one, two in pairs) - 1
    rate = statistics.median(two.rate / one.rate for one, two in pairs) - 1
    delay = statistics.median(two.p99 - one.p99 for one, two in pairs)
    print(f"processor time a request: {cpu:+.1%} (the judge)")
    print(f"with the pages' own share of this machine: {rate:+.1%} requests/s, p99 {delay:+.2f} ms")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(
        int(given[0]) if given else 10,
        float(given[1]) if len(given) > 1 else 10.0,
        int(given[2]) if len(given) > 2 else 5,
    )
