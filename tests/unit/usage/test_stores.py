"""What holds for every store: each row once, its totals with it, whatever happens meanwhile."""

import random
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC
from datetime import date
from datetime import tzinfo
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from switchyard.usage.cache_breaks import cache_breaks
from switchyard.usage.postgres_statements import month_name
from switchyard.usage.queries import Question
from switchyard.usage.records import RequestRecord
from switchyard.usage.records import Tokens
from switchyard.usage.reports import ReportKind
from switchyard.usage.reports import make_report
from switchyard.usage.row_pages import RowQuestion
from switchyard.usage.store import Retention
from switchyard.usage.windows import Window
from switchyard.usage.windows import WindowSnapshot
from switchyard.usage.writer import UsageWriter
from tests.unit.usage.stores import KEEP
from tests.unit.usage.stores import Kept
from tests.unit.usage.stores import KeptInFiles
from tests.unit.usage.stores import check_kept
from tests.unit.usage.stores import pages_of
from tests.unit.usage.stores import reader_of
from tests.unit.usage.stores import write
from tests.unit.usage.support import DAY
from tests.unit.usage.support import NOON
from tests.unit.usage.support import record

ROOT = Path(__file__).parents[3]
DAY_WITHIN = date(2026, 10, 3)
SPANS: list[tuple[tzinfo, date | None, date | None]] = [
    (UTC, None, None),
    (ZoneInfo("Asia/Kolkata"), DAY_WITHIN, None),
    (UTC, None, DAY_WITHIN),
]


def some_records(count: int, seed: int) -> list[RequestRecord]:
    chance = random.Random(seed)
    return [
        record(
            started=NOON - 70 * DAY * chance.random(),
            client_key=chance.choice([None, "alice", "bob", ""]),
            project=chance.choice([None, "yard", "Ünïcode", "x'; DROP TABLE names; --"]),
            session=chance.choice([None, "s1", "s2", "s3"]),
            model=chance.choice(["a", "b", None]),
            billing=chance.choice(["plan", "per-token", "free"]),
            state=chance.choice(["complete", "failed", "cut", "client-left"]),
            streamed=chance.random() < 0.5,
            dropped=chance.choice([(), ("top_k", "n")]),
            tokens=Tokens(
                input=chance.randrange(99), cache_read=chance.choice([None, 7]), output=3
            ),
            cost=chance.choice([None, 0, 5_000_000]),
        )
        for _ in range(count)
    ]


def test_batches_that_come_again_change_nothing(kept: Kept) -> None:
    """From two writers, in one batch twice, and with new ones among the old."""
    first, second = kept.open("first"), kept.open("second")
    records = some_records(60, 1)
    first.write(records[:40], [])
    second.write([*records[20:], *records[20:30]], [])
    first.write(records, [records[0]])
    assert sorted(row["id"] for row in kept.rows()) == sorted(one.id for one in records)
    assert kept.attempts() == len(records)
    check_kept(kept)
    first.close()
    second.close()


def test_what_ran_becomes_interrupted_when_its_writer_is_gone(kept: Kept) -> None:
    first, second = kept.open("first"), kept.open("second")
    ended, elsewhere = record(), record(state="running")
    under_way = record(state="running", streamed=True, dropped=("n", "top_k"), tries=())
    first.write([], [under_way, ended])
    first.write([ended], [])
    second.write([], [elsewhere])
    first.close()
    assert second.recover(lambda writer: writer == "second") == 1
    assert second.recover(lambda writer: writer == "second") == 0
    by_id = {row["id"]: row["state"] for row in kept.rows()}
    assert by_id == {ended.id: "complete", under_way.id: "interrupted"}
    told = pages_of(kept).one(under_way.id)
    assert told is not None and told.streamed and told.dropped == ("n", "top_k")
    check_kept(kept)
    second.write([elsewhere], [])
    assert len(kept.rows()) == 3
    second.close()


def test_retention_drops_whole_months(kept: Kept) -> None:
    store = kept.open("w")
    store.write([record(started=NOON - 31 * DAY * month) for month in range(5)], [])
    before = kept.totals("daily")
    gone = store.expire(NOON, Retention(61 * DAY, 10**9))
    assert [name[-14:-7] if ".sqlite" in name else name[-7:] for name in gone] == [
        "2026-07",
        "2026-08",
    ]
    assert kept.months() == ["2026-09", "2026-10", "2026-11"]
    assert len(store.expire(NOON, Retention(61 * DAY, 1))) == 2  # the current month always stays
    assert kept.months() == ["2026-11"] and kept.totals("daily") == before
    store.write([record(), record(started=NOON - 93 * DAY)], [])
    assert kept.totals("daily")["requests"] == 7
    store.close()


def test_windows_are_kept_once(kept: Kept) -> None:
    store = kept.open("w")
    seen = WindowSnapshot("key#0", Window(name="5h", used=0.5, seen_at=NOON, source="anthropic"))
    later = WindowSnapshot(
        "login",
        Window(name="7d", limit=9, remaining=2, status="ok", seen_at=NOON + 1, source="codex"),
    )
    store.write_windows([later, seen])
    store.write_windows([seen])
    assert reader_of(kept).windows(NOON - 1) == [seen, later]
    assert reader_of(kept).windows(NOON + 0.5) == [later]
    store.close()


def test_rows_are_read_as_they_were_written(kept: Kept) -> None:
    records = some_records(30, 2)
    store = kept.open("w")
    store.write(records, [])
    store.close()
    pages = pages_of(kept)
    found = [pages.one(one.id) for one in records]
    assert found == records
    assert pages.one(bytes(16)) is None
    latest = pages.page(RowQuestion(where={"model": "a"}), 3)
    assert len(latest) == 3 and {one.model for one in latest} == {"a"}


@pytest.mark.parametrize(
    "where",
    [
        {"session": "s2"},
        {"state": "failed"},
        {"state": "complete"},
        {"state": "failed", "session": "s2"},
        {"error": "overloaded"},
        {"error": "overloaded", "state": "failed"},
        {"status": "529"},
        {"status": "200"},
        {"status": "529", "session": "s1"},
    ],
)
def test_rows_are_found_by_what_they_have(kept: Kept, where: dict[str, str]) -> None:
    failed = {"state": "failed", "status": 529, "error": "overloaded"}
    records = [
        record(session=f"s{number % 3}", **(failed if number % 4 == 0 else {}))
        for number in range(24)
    ]
    store = kept.open("w")
    store.write(records, [])
    store.close()
    chosen = [
        one
        for one in records
        if all(str(getattr(one, name)) == value for name, value in where.items())
    ]
    assert chosen
    latest = sorted(chosen, key=lambda one: one.id, reverse=True)
    assert pages_of(kept).page(RowQuestion(where=where), 100) == latest
    assert pages_of(kept).page(RowQuestion(where=where), 2) == latest[:2]


def test_reports_are_those_of_files(kept: Kept, tmp_path_factory: pytest.TempPathFactory) -> None:
    files = KeptInFiles(tmp_path_factory.mktemp("files"))
    batches = [some_records(80, seed) for seed in range(3)]
    for place in (kept, files):
        store = place.open("w")
        for batch in batches:
            store.write(batch, [])
        store.close()
    mine, theirs = reader_of(kept), reader_of(files)
    for kind in get_args(ReportKind.__value__):
        for where in ({}, {"client_key": "alice"}, {"model": "unknown"}):
            for zone, begin, end in SPANS:
                for models in (True, False):
                    made = [
                        make_report(reader, kind, zone, begin, end, where, models=models)
                        for reader in (mine, theirs)
                    ]
                    assert made[0] == made[1], (kind, where, zone)
    for zone, _, _ in SPANS:
        for by in ((), ("model",), ("client_key", "model")):
            for where in ({}, {"client_key": "alice"}):
                question = Question(None, None, where)
                for read in ("days", "months"):
                    found = [
                        sorted(getattr(reader, read)(zone, question, by), key=repr)
                        for reader in (mine, theirs)
                    ]
                    assert found[0] == found[1] != []
    assert mine.hours() == theirs.hours()
    assert mine.last_answer("s1", 0.0) == theirs.last_answer("s1", 0.0) is not None
    assert mine.last_answer("nobody", 0.0) is None


def test_nothing_is_on_record_at_first(kept: Kept) -> None:
    reader = reader_of(kept)
    assert reader.days(UTC) == reader.hours() == list(reader.sessions()) == reader.windows(0) == []
    assert reader.last_answer("s1", 0.0) is None and pages_of(kept).page(RowQuestion(), 9) == []


def test_caches_that_broke(kept: Kept) -> None:
    now = time.time()
    store = kept.open("w")
    store.write([record(started=now, cache_verdict="system block 1") for _ in range(2)], [])
    store.close()
    (one,) = cache_breaks(reader_of(kept), now - DAY, now + 1)
    assert (one.session, one.verdict, one.requests, one.tokens) == ("s1", "system block 1", 2, 2000)
    assert len(cache_breaks(reader_of(kept), 0, now + 1)) == 1


def test_texts_that_no_database_takes_as_they_are(kept: Kept) -> None:
    store = kept.open("w")
    store.write([record(asked_model="a\0b", project="long" * 900)], [])
    assert kept.totals("hourly")["requests"] == 1
    store.close()


def test_what_no_database_can_hold_is_left_out(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    """All others are written."""
    records = some_records(9, 3)
    bad = record(tokens=Tokens(input=10**30))
    writer = UsageWriter(kept.open("w"), KEEP)
    huge = Window(name="tokens", limit=10**30, seen_at=NOON, source="openai")
    writer.note([WindowSnapshot("key#0", huge)])
    for one in (*records[:4], bad, *records[4:]):
        writer.end(one.id.hex(), lambda one=one: one)
    writer.start()
    assert writer.flush(60)
    writer.close(20)
    assert {row["id"] for row in kept.rows()} == {one.id for one in records}
    assert writer.health.lost == 1 and not writer.health.waiting
    assert [one.message for one in caplog.records if "left out" in one.message]
    check_kept(kept)


def test_many_writers_at_once(kept: Kept) -> None:
    """They share keys of totals, in other orders, and none waits for another for ever."""
    batches = [[some_records(5, seed * 10 + part) for part in range(6)] for seed in range(4)]
    problems: list[BaseException] = []

    def work(number: int) -> None:
        store = kept.open(f"w{number}")
        try:
            for batch in batches[number]:
                write(store, batch[::-1] if number % 2 else batch, [record(state="running")])
        except BaseException as e:
            problems.append(e)
        finally:
            store.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(300)
    assert not problems
    assert len(kept.rows()) == 120
    check_kept(kept)


WRITING = """
import sys
from pathlib import Path
from switchyard.usage.places import RecordPlace
from switchyard.usage.places import open_store
from switchyard.usage.store import Retention
from tests.unit.usage.stores import write
from tests.unit.usage.support import record
place = RecordPlace(Path(sys.argv[1]), Retention(1e9, 10**12), sys.argv[3] or None)
store = open_store(place, sys.argv[2]).store
while True:
    write(store, [record() for _ in range(20)], [record(state="running")])
    print("batch", flush=True)
"""


def test_killed_while_writing(kept: Kept) -> None:
    """Two processes write until each is killed in the middle: rows and totals agree."""
    place = kept.place
    for life in range(3):
        writers = [
            subprocess.Popen(
                [
                    *(sys.executable, "-c", WRITING, str(place.folder)),
                    *(f"w{life}{number}", place.server or ""),
                ],
                stdout=subprocess.PIPE,
                cwd=ROOT,
                env={"PYTHONPATH": f"{ROOT}:{ROOT / 'addons'}"},
            )
            for number in range(2)
        ]
        for number, writer in enumerate(writers):
            assert writer.stdout
            for _ in range(3 + life + number):
                assert writer.stdout.readline() == b"batch\n"
            writer.send_signal(signal.SIGKILL)
            writer.wait()
            writer.stdout.close()
        check_kept(kept)
    store = kept.open("last")
    assert store.recover(lambda writer: False) > 0
    store.close()
    check_kept(kept)


def test_months_are_named_as_files_are() -> None:
    assert month_name(2026 * 12 + 10) == "2026_11"
