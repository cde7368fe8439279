"""Four workers write to one folder, clients leave at random, one worker is killed: each request is
one row.

`SWITCHYARD_REQUESTS=10000 python -m pytest tests/integration/e2e/test_usage_workers.py` sends more.
"""

import os
import random
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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

REQUESTS = int(os.environ.get("SWITCHYARD_REQUESTS", "400"))
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
    ids: list[UUID]
    """Of all responses of which the head came."""
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
            with httpx2.stream(
                "POST", self.url + CHAT.path, json=body, trust_env=False, timeout=60
            ) as answer:
                self.ids.append(UUID(answer.headers["x-switchyard-request"]))
                wanted, got = chance.randrange(2000), 0
                for data in answer.iter_raw():
                    got += len(data)
                    if leaves and got > wanted:
                        self.left += 1
                        return
        except httpx2.TransportError:
            self.unanswered += 1


def workers_of(router: Router) -> list[int]:
    return [int(pid) for pid in
            Path(f"/proc/{router.pid}/task/{router.pid}/children").read_text().split()]  # fmt: skip


def test_each_request_is_one_row(tmp_path: Path, upstream: Upstream) -> None:
    folder = tmp_path / "records"
    upstream.on("good", always=saying(CHAT, ANSWER), path=CHAT.path)
    upstream.on("slow", always=saying(CHAT, ANSWER), path=CHAT.path)
    upstream.on("busy", always=refusing(CHAT, 429), path=CHAT.path)
    router = Router(tmp_path, config(upstream, folder), "--workers", "4")
    router.trouble_expected = True  # a worker that is killed leaves lines
    load = Load(router.url, [])
    killed: list[float] = []

    def kill_one() -> None:
        os.kill(random.Random(1).choice(workers_of(router)), signal.SIGKILL)
        killed.append(time.time())

    with router, ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(load.send, range(REQUESTS // 2)))
        sent = [clients.submit(load.send, number) for number in range(REQUESTS // 2, REQUESTS)]
        sent[len(sent) // 4].result()
        kill_one()
        for one in sent:
            one.result()
    rows = whole_rows(folder)
    check_sums(folder)
    seen, counted = set(load.ids), Counter(UUID(bytes=row["id"]) for row in rows)
    assert len(seen) == len(load.ids) and max(counted.values()) == 1
    missing = seen - counted.keys()
    # What a killed process had finished less than a batch ago, and what ended while it was written.
    begun = [time_of(id) for id in missing]
    earliest = killed[0] - 2 * BATCH_EVERY - 2
    assert all(earliest < at <= killed[0] for at in begun), [killed[0] - at for at in begun]
    assert len(missing) <= REQUESTS // 8
    print(f"{len(rows)} rows of {len(seen)} responses, {len(missing)} lost by the kill")
    others = counted.keys() - seen
    assert len(others) <= load.unanswered
    states = Counter(row["state"] for row in rows)
    assert states["complete"] and states["refused"] and load.left
    assert any(len(row["tries"]) == 2 for row in rows)
    # Of a request that ran in a killed process, nobody is left to tell its attempts.
    told = [row for row in rows if row["state"] != "interrupted"]
    assert all(row["attempts"] == len(row["tries"]) for row in told)
