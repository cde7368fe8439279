"""How long reports take over a million rows.

`python -m tests.unit.usage.million [ROWS [postgresql]]` writes them into files, or into a
PostgreSQL server of its own, and makes each report.
"""

import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

from switchyard.usage.cache_breaks import cache_breaks
from switchyard.usage.postgres import PostgresStore
from switchyard.usage.postgres_reader import PostgresReader
from switchyard.usage.queries import Question
from switchyard.usage.reader import UsageReader
from switchyard.usage.records import RequestRecord
from switchyard.usage.records import Tokens
from switchyard.usage.reports import ReportKind
from switchyard.usage.reports import make_blocks
from switchyard.usage.reports import make_report
from switchyard.usage.sqlite import SqliteStore
from switchyard.usage.store import Store
from tests.support.postgres import find_programs
from tests.support.postgres import postgres_server
from tests.unit.usage.support import record

BATCH = 2000
MONTHS = 6
VERDICTS = ("tool list", "system block 1", "another member")
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
                cache_verdict=chance.choice(VERDICTS) if chance.random() < 0.02 else None,
            )
        )
    return made


TIMES = 5


def timed(what: str, run: Callable[[], object]) -> None:
    """Print the best time of some, which other work on the machine disturbs least.

    The first of them has the file in the system's cache already, as that of a router that runs.
    """
    run()
    spent: list[tuple[float, float]] = []
    for _ in range(TIMES):
        begun, used = time.perf_counter(), time.process_time()
        run()
        spent.append((time.perf_counter() - begun, time.process_time() - used))
    seconds, processor = min(spent)
    print(f"{what:32} {seconds * 1000:8.1f} ms, {processor * 1000:8.1f} ms of a processor")


def write_rows(store: Store, count: int) -> None:
    """Write so many requests, and close the store."""
    chance, begun = random.Random(1), time.perf_counter()
    for begin in range(0, count, PART):
        batch = rows(count, begin, chance)
        for at in range(0, len(batch), BATCH):
            store.write(batch[at : at + BATCH], [])
    store.close()
    print(f"{count:,} rows written in {time.perf_counter() - begun:.0f} s")


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_rows(SqliteStore(folder, "million"), count)
        size = sum(file.stat().st_size for file in folder.iterdir())
        print(f"{size / count:.0f} bytes a row, {size / 1e6:.0f} MB")
        reports(UsageReader(folder))
        timed("start", lambda: start(folder))
        print(f"memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def main_on_server(count: int) -> None:
    programs = find_programs()
    assert programs is not None, "PostgreSQL is not installed"
    with postgres_server(programs) as server:
        write_rows(PostgresStore(server.url(), "million"), count)
        reports(PostgresReader(server.url(), 30.0))


def reports(reader: UsageReader) -> None:
    """Each report, over everything in two zones, of a part of the time, and of one key."""
    now = time.time()
    first = (datetime.now(UTC) - timedelta(days=151)).date()
    for kind in get_args(ReportKind.__value__):
        make = partial(make_report, reader, kind, models=kind != "sessions")
        timed(kind, lambda make=make: make(UTC))
        timed(f"{kind}, local", lambda make=make: make(ZoneInfo("America/New_York")))
        timed(f"{kind}, part", lambda make=make: make(ZoneInfo("Asia/Kolkata"), first))
        timed(f"{kind}, a key", lambda make=make: make(UTC, where={"client_key": "person1"}))
    week = date.today() - timedelta(days=7)
    timed("sessions of a week with models", lambda: make_report(reader, "sessions", UTC, week))
    timed("sessions of everything with models", lambda: make_report(reader, "sessions", UTC))
    timed("caches", lambda: cache_breaks(reader, 0.0, now))
    timed("caches of a week", lambda: cache_breaks(reader, now - 7 * 86_400, now))
    timed("blocks", lambda: make_blocks(reader.hours(Question(now - 3 * 86_400)), now))
    timed("blocks of everything", lambda: make_blocks(reader.hours(), now))
    timed("last answer of today", lambda: reader.last_answer("session24999", now - 86_400))
    timed("last answer of nobody", lambda: reader.last_answer("nobody", now - 86_400))


def start(folder: Path) -> None:
    """What a writer does first: opens the files, and closes what an earlier one left running."""
    store = SqliteStore(folder, "starting")
    store.recover(lambda writer: False)
    store.close()


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    if sys.argv[2:] == ["postgresql"]:
        main_on_server(wanted)
    else:
        main(wanted)
