"""How long reports take over a million rows: `python -m tests.unit.usage.million [ROWS]`."""

import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import get_args

from switchyard.usage.reader import UsageReader
from switchyard.usage.records import RequestRecord
from switchyard.usage.records import Tokens
from switchyard.usage.reports import ReportKind
from switchyard.usage.reports import make_blocks
from switchyard.usage.reports import make_report
from switchyard.usage.sqlite import SqliteStore
from tests.unit.usage.support import record

BATCH = 2000
MONTHS = 6
PART = 50_000
"""Rows that are in memory at once."""


def rows(count: int, begin: int, chance: random.Random) -> list[RequestRecord]:
    """Requests of a team: 5 people, 3 tools, 8 models, sessions of some 40 requests.

    Of `count` over all months, a part that begins at `begin`.
    """
    end = datetime.now(UTC).timestamp()
    made = []
    for number in range(begin, min(count, begin + PART)):
        session = number // 40
        person, model = session % 5, chance.randrange(8)
        made.append(
            record(
                started=end - MONTHS * 30 * 86_400 * (1 - number / count),
                client_key=f"person{person}",
                tool=f"tool{session % 3}",
                session=f"session{session}",
                project=f"project{person}{session % 4}",
                provider=f"provider{model % 3}",
                model=f"model{model}",
                asked_model="my-stack",
                tokens=Tokens(input=chance.randrange(9000), cache_read=50_000, output=700),
                tries=(),
            )
        )
    return made


def timed(what: str, run: Callable[[], object]) -> float:
    run()  # the file is in the system's cache, as that of a router that runs
    begun = time.perf_counter()
    run()
    seconds = time.perf_counter() - begun
    print(f"{what:12} {seconds * 1000:8.1f} ms")
    return seconds


def main(count: int) -> None:
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = SqliteStore(folder, "million")
        begun = time.perf_counter()
        for begin in range(0, count, PART):
            batch = rows(count, begin, chance)
            for at in range(0, len(batch), BATCH):
                store.write(batch[at : at + BATCH], [])
        store.close()
        print(f"{count:,} rows written in {time.perf_counter() - begun:.0f} s")
        size = sum(file.stat().st_size for file in folder.iterdir())
        print(f"{size / count:.0f} bytes a row, {size / 1e6:.0f} MB")
        reader = UsageReader(folder)
        for kind in get_args(ReportKind.__value__):
            timed(kind, lambda kind=kind: make_report(reader, kind, UTC))
        timed("blocks", lambda: lately(reader))
        timed("statusline", lambda: reader.last_answer("session1", 0))
        timed("start", lambda: start(folder))
        print(f"memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def lately(reader: UsageReader) -> object:
    """The blocks of three days."""
    now = time.time()
    return make_blocks(reader.buckets("hourly", now - 3 * 86_400, None, ("model",)), now)


def start(folder: Path) -> None:
    """What a writer does first: opens the files, and closes what an earlier one left running."""
    store = SqliteStore(folder, "starting")
    store.recover(lambda writer: False)
    store.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
