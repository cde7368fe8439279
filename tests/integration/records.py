"""Proves that each request is one row: `python -m tests.integration.records` prints the figures.

Four workers write to one folder. Clients leave after a random number of bytes, some models fail
over, some have hedges, and one worker is killed in the middle. `--requests` says how many are sent.
"""

import argparse
import os
import random
import signal
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2

from switchyard.usage.ids import time_of
from switchyard.usage.writer import BATCH_EVERY
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.router import Router
from tests.support.upstream import Upstream
from tests.unit.usage.support import check_sums
from tests.unit.usage.support import whole_rows

CLIENTS = 8
ANSWER = Answer(text=" ".join(f"word{number}" for number in range(200)))


def config(upstream: Upstream, folder: Path) -> dict[str, Any]:
    chat = {"name": "chat", "base-url": f"{upstream.url}/v1", "api-key": "sk-1"}
    return {
        "providers": [chat | {"billing": "per-token"}],
        "combos": {
            "failing-over": ["chat/busy", "chat/good"],
            "hedged": {"members": ["chat/slow", "chat/good"], "hedge-after": "5ms"},
        },
        "prices": [{"input": 1, "output": 2}],
        "retry": {"request-retry": 0},
        "cooldown": {"base": "1ms", "cap": "1ms"},
        "usage": {"dir": str(folder)},
    }


@dataclass(slots=True)
class Load:
    """What the clients saw."""

    url: str
    client: httpx2.Client
    """One for all requests, since making one takes longer than a request."""
    ids: list[UUID]
    """Of all responses of which the head came."""
    ends: dict[UUID, float] = field(default_factory=dict)
    """When clients saw them end or left, in Unix seconds."""
    unanswered: int = 0
    """Requests whose connection broke before a head came."""
    left: int = 0

    def send(self, number: int) -> None:
        chance = random.Random(number)
        model = chance.choice(["chat/good", "failing-over", "hedged", "unknown"])
        leaves = chance.random() < 0.2
        body = {"model": model, "stream": chance.random() < 0.7,
                "messages": [{"role": "user", "content": "Well?"}]}  # fmt: skip
        try:
            with self.client.stream("POST", self.url + CHAT.path, json=body) as answer:
                self.ids.append(id := UUID(answer.headers["x-switchyard-request"]))
                wanted, got = chance.randrange(2000), 0
                try:
                    for data in answer.iter_raw():
                        got += len(data)
                        if leaves and got > wanted:
                            self.left += 1
                            return
                finally:
                    self.ends[id] = time.time()
        except httpx2.TransportError:
            self.unanswered += 1


def new_client() -> httpx2.Client:
    """A client that makes a connection for each request, so that all workers get some."""
    limits = httpx2.Limits(max_keepalive_connections=0)
    return httpx2.Client(limits=limits, trust_env=False, timeout=60)


def workers_of(router: Router) -> list[int]:
    return [int(pid) for pid in
            Path(f"/proc/{router.pid}/task/{router.pid}/children").read_text().split()]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Proof:
    """What was sent, and what is on record."""

    rows: int
    answers: int
    """Requests of which the head of a response came."""
    unanswered: int
    left: int
    lost: int
    """Finished less than a batch before the kill, so that nothing of them was written."""
    states: dict[str, int]

    def text(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        return (
            f"{self.rows} rows ({states}) of {self.answers} answered requests and"
            f" {self.unanswered} whose connection broke before; {self.left} clients left;"
            f" {self.lost} finished within the last half second of the killed worker and are lost;"
            " no row twice, totals are the sums of the rows, every file passes its integrity check"
        )


def prove(folder: Path, requests: int, upstream: Upstream) -> Proof:
    """Send requests through a router in a folder; return the figures.

    Raises AssertionError where a request is missing or twice, or where sums are wrong.
    """
    records = folder / "records"
    upstream.on("good", always=saying(CHAT, ANSWER), path=CHAT.path)
    upstream.on("slow", always=saying(CHAT, ANSWER), path=CHAT.path)
    upstream.on("busy", always=refusing(CHAT, 429), path=CHAT.path)
    router = Router(folder, config(upstream, records), "--workers", "4")
    router.trouble_expected = True  # a worker that is killed leaves lines
    with router, new_client() as client, ThreadPoolExecutor(CLIENTS) as clients:
        load = Load(router.url, client, [])
        list(clients.map(load.send, range(requests // 2)))
        sent = [clients.submit(load.send, number) for number in range(requests // 2, requests)]
        sent[len(sent) // 4].result()
        os.kill(random.Random(1).choice(workers_of(router)), signal.SIGKILL)
        killed = time.time()
        for one in sent:
            one.result()
    check_sums(records)
    return _proof(whole_rows(records), load, killed)


def _proof(rows: list[dict[str, Any]], load: Load, killed: float) -> Proof:
    seen, counted = set(load.ids), Counter(UUID(bytes=row["id"]) for row in rows)
    assert len(seen) == len(load.ids) and max(counted.values()) == 1
    missing = seen - counted.keys()
    # What a killed process had finished less than a batch ago, and what ended while it was written.
    earliest = killed - 2 * BATCH_EVERY - 2
    spans = [(time_of(id), load.ends[id]) for id in missing]
    assert all(begun <= killed and earliest < ended for begun, ended in spans), (killed, spans)
    assert len(counted.keys() - seen) <= load.unanswered
    # Of a request that ran in a killed process, nobody is left to tell its attempts.
    told = [row for row in rows if row["state"] != "interrupted"]
    assert all(row["attempts"] == len(row["tries"]) for row in told)
    states = Counter(str(row["state"]) for row in rows)
    assert any(len(row["tries"]) == 2 for row in rows), "none failed over"
    return Proof(len(rows), len(seen), load.unanswered, load.left, len(missing), dict(states))


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.integration.records", description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    options = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Upstream() as upstream:
        print(prove(Path(folder), options.requests, upstream).text())
    print(f"in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
