"""How long each screen's data takes over a million rows.

`python -m tests.integration.dashboard.million_rows [ROWS]` writes the rows of a team's half year,
starts a router on them, and asks what the dashboard asks, five times each; it prints the best, the
median and the worst time.
"""

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

from switchyard.usage.sqlite import SqliteStore
from tests.support.router import Router
from tests.unit.usage.million import BATCH
from tests.unit.usage.million import PART
from tests.unit.usage.million import rows

BASE = "/v0/management"
DAY = 86_400.0
TIMES = 5
BOUND = 200.0
"""Milliseconds that each screen's data may take."""


def write_rows(folder: Path, count: int) -> None:
    """Write so many requests into a folder of records."""
    store, chance = SqliteStore(folder, "million"), random.Random(1)
    for begin in range(0, count, PART):
        batch = rows(count, begin, chance)
        for at in range(0, len(batch), BATCH):
            store.write(batch[at : at + BATCH], [])
    store.close()


def questions(now: float, middle: str, session: str) -> Mapping[str, Mapping[str, dict[str, Any]]]:
    """What each screen asks, by its path and query; `middle` is the id of a row halfway down."""
    day, week, month, year = (now - days * DAY for days in (1, 7, 30, 365))
    zone = {"tz": "Europe/Berlin"}
    return {
        "now": {
            "usage today": {"path": "usage", "bucket": "day", "since": day, **zone},
            "last requests": {"path": "records", "limit": 50},
            "health": {"path": "health"},
        },
        "usage": {
            "7 days by model and day": {
                "path": "usage", "by": "model", "bucket": "day", "since": week, **zone,
            },
            "12 months by model and month": {
                "path": "usage", "by": "model", "bucket": "month", "since": year, **zone,
            },
            "12 months by client key": {"path": "usage", "by": "client_key", "since": year, **zone},
            "calendar": {"path": "usage", "bucket": "day", "since": year, **zone},
            "sessions of 7 days": {"path": "sessions", "since": week, "limit": 20},
            "sessions of 30 days": {"path": "sessions", "since": month, "limit": 20},
            "blocks": {"path": "blocks", "limit": 12},
            "caches of 7 days": {"path": "caches", "since": week, "limit": 20},
            "caches of 12 months": {"path": "caches", "since": year, "limit": 20},
        },
        "requests": {
            "first page": {"path": "records", "limit": 200},
            "page in the middle": {"path": "records", "limit": 200, "before": middle},
            "of a model": {"path": "records", "limit": 200, "model": "model3"},
            "of an early session": {"path": "records", "limit": 200, "session": session},
            "that failed": {"path": "records", "limit": 200, "state": "failed"},
            "one": {"path": f"records/{middle}"},
            "one's price": {"path": f"records/{middle}/price"},
        },
        "keys": {"keys": {"path": "keys"},
                 "use": {"path": "usage", "by": "client_key", "since": month, **zone}},
    }  # fmt: skip


def timed(client: httpx2.Client, question: Mapping[str, Any]) -> list[float]:
    """Milliseconds of each answer, as a page gets it."""
    query = {name: value for name, value in question.items() if name != "path"}
    spent = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        answer = client.get(f"{BASE}/{question['path']}", params=query)
        spent.append((time.perf_counter() - begun) * 1000)
        assert answer.status_code == 200, answer.text
    return spent


def measure(folder: Path, count: int) -> dict[str, list[float]]:
    """Milliseconds of each question over so many rows."""
    write_rows(folder / "usage", count)
    config = {
        "providers": [{"name": "demo", "builtin": "demo", "models": ["echo"]}],
        "usage": {"dir": str(folder / "usage")},
        "management": {"key": "manage-me-7f3a"},
    }
    headers = {"authorization": "Bearer manage-me-7f3a"}
    with (
        Router(folder, config) as router,
        httpx2.Client(base_url=router.url, timeout=60, trust_env=False, headers=headers) as client,
    ):
        now = time.time()
        middle = client.get(f"{BASE}/records", params={"until": now - 90 * DAY, "limit": 1}).json()
        row = middle["records"][0]
        asked = questions(now, row["id"], row["session"])
        return {
            f"{screen}: {name}": timed(client, question)
            for screen, all_of_it in asked.items()
            for name, question in all_of_it.items()
        }


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        found = measure(Path(name), count)
    for question, spent in found.items():
        late = "  over the bound" if min(spent) > BOUND else ""
        middle = statistics.median(spent)
        print(f"{question:40} {min(spent):7.1f} {middle:7.1f} {max(spent):7.1f} ms{late}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
