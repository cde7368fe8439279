"""The writer: nothing lost that was queued, nothing waits for a store that is out of order."""

import logging
import threading
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path

import pytest

from switchyard.usage import writer as writer_module
from switchyard.usage.reader import UsageReader
from switchyard.usage.records import RequestRecord
from switchyard.usage.sqlite import SqliteStore
from switchyard.usage.store import Retention
from switchyard.usage.store import StoreError
from switchyard.usage.windows import Window
from switchyard.usage.windows import WindowSnapshot
from switchyard.usage.writer import UsageWriter
from switchyard.usage.writer_lock import WriterLock
from tests.unit.usage.support import NOON
from tests.unit.usage.support import check_sums
from tests.unit.usage.support import record
from tests.unit.usage.support import rows

KEEP = Retention(10**9, 10**12)


def begin(writer: UsageWriter, one: RequestRecord) -> None:
    writer.begin(one.id.hex(), lambda: one)


def end(writer: UsageWriter, one: RequestRecord) -> None:
    writer.end(one.id.hex(), lambda: one)


def stop_as_a_crash_does(writer: UsageWriter) -> None:
    """End the thread, and nothing more is written."""
    writer._running.clear()
    writer.close(20)


class FailingStore:
    """A store that refuses until it is told otherwise."""

    def __init__(self) -> None:
        self.fails = True
        self.finished: list[RequestRecord] = []
        self.tried = threading.Event()

    def write(self, finished: Sequence[RequestRecord], running: Sequence[RequestRecord]) -> None:
        self.tried.set()
        if self.fails:
            raise StoreError("database or disk is full")
        self.finished += finished

    def write_windows(self, snapshots: Sequence[WindowSnapshot]) -> None:
        pass

    def recover(self, is_alive: Callable[[str], bool]) -> int:
        return 0

    def expire(self, now: float, retention: Retention) -> list[str]:
        return []

    def close(self) -> None:
        pass


def test_what_is_queued_is_written_once(tmp_path: Path) -> None:
    writer = UsageWriter(SqliteStore(tmp_path, "w"), KEEP)
    writer.start()
    records = [record() for _ in range(1200)]
    for one in records:
        begin(writer, one)
        end(writer, one)
    assert writer.flush(20)
    assert {row["id"] for row in rows(tmp_path)} == {one.id for one in records}
    end(writer, late := record())
    writer.close(20)
    assert late.id in {row["id"] for row in rows(tmp_path)}
    assert writer.health.written == 1201 and not writer.health.lost
    check_sums(tmp_path)


def test_requests_under_way_at_a_crash_are_told_at_the_next_start(tmp_path: Path) -> None:
    crashed = UsageWriter(SqliteStore(tmp_path, "one"), KEEP)
    crashed.start()
    begin(crashed, under_way := record(state="running"))
    assert crashed.flush(20)
    stop_as_a_crash_does(crashed)
    lock = WriterLock(tmp_path, "two")
    lock.take()
    writer = UsageWriter(SqliteStore(tmp_path, "two"), KEEP, lock.is_alive)
    writer.start()
    assert writer.flush(20)
    assert [(row["id"], row["state"]) for row in rows(tmp_path)] == [(under_way.id, "interrupted")]
    writer.close(20)
    lock.release()


def test_a_store_out_of_order_is_told_once_and_costs_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer_module, "_PAUSES", (0.01,))
    monkeypatch.setattr(writer_module, "BATCH_EVERY", 0.01)
    monkeypatch.setattr(writer_module, "MOST_WAITING", 10)
    store = FailingStore()
    with caplog.at_level(logging.WARNING):
        writer = UsageWriter(store, KEEP)
        writer.start()
        for _ in range(12):
            end(writer, record())
        for _ in range(3):
            store.tried.clear()
            assert store.tried.wait(20)
        assert writer.health.problem == "database or disk is full"
        assert writer.health.lost == 2
        store.fails = False
        assert writer.flush(20)
        writer.close(20)
    assert len(store.finished) == 10
    messages = [one.getMessage() for one in caplog.records]
    assert len([one for one in messages if "cannot write records" in one]) == 1
    assert len([one for one in messages if "written again, 2 records were lost" in one]) == 1


def test_an_end_with_a_store_out_of_order_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = UsageWriter(store := FailingStore(), KEEP)
    writer.start()
    end(writer, record())
    writer.close(20)
    assert store.tried.is_set() and writer.health.problem


def test_an_end_waits_for_a_store_that_is_being_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "FAILS_WITHIN", 0.0)
    opened = threading.Event()
    store = FailingStore()
    store.fails = False

    def open_store() -> None:
        opened.wait(20)

    writer = UsageWriter(store, KEEP, prepare=open_store)
    writer.start()
    end(writer, record())
    threading.Timer(0.1, opened.set).start()
    writer.close(20)
    assert len(store.finished) == 1


def test_an_end_reports_what_was_not_written(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer_module, "FAILS_WITHIN", 0.0)
    opened = threading.Event()
    store = FailingStore()
    store.fails = False

    def open_store() -> None:
        opened.wait(20)

    writer = UsageWriter(store, KEEP, prepare=open_store)
    writer.start()
    end(writer, record())
    writer.close(0.01)
    assert caplog.messages == ["usage: records that were not written before the end: 1"]
    opened.set()
    writer.close(20)


class BrokenConnection(FailingStore):
    """A store whose connection has ended: the first use tells, the next one opens another."""

    def write(self, finished: Sequence[RequestRecord], running: Sequence[RequestRecord]) -> None:
        try:
            super().write(finished, running)
        finally:
            self.fails = False


def test_a_connection_that_broke_before_the_end_loses_nothing() -> None:
    writer = UsageWriter(store := BrokenConnection(), KEEP)
    end(writer, one := record())
    writer._ending = True
    writer.start()
    writer.close(20)
    assert store.finished == [one] and not writer.health.lost


def test_a_lock_tells_who_is_alive(tmp_path: Path) -> None:
    one, two = WriterLock(tmp_path, "one"), WriterLock(tmp_path, "two")
    one.take()
    two.take()
    assert one.is_alive("one") and one.is_alive("two")
    two.release()
    assert not one.is_alive("two") and not one.is_alive("never-there")
    one.release()
    assert not list((tmp_path / "writers").iterdir())


def test_records_wait_for_what_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "MOST_UNMADE", 2)
    store = FailingStore()
    store.fails = False
    ready = threading.Event()

    def wait() -> None:
        assert ready.wait(20)

    writer = UsageWriter(store, KEEP, prepare=wait)
    writer.start()
    made: list[RequestRecord] = []

    def make() -> RequestRecord:
        made.append(record())
        return made[-1]

    for number in range(3):
        writer.end(str(number), make)
    assert len(made) == 1, "what would pile up is made at once"
    ready.set()
    assert writer.flush(20) and len(made) == 3
    writer.end("4", make)
    assert len(made) == 4
    writer.close(20)
    assert len(store.finished) == 4


@pytest.mark.parametrize("wanted", ["a request ended", "a flush", "the end"])
def test_nothing_is_prepared_before_it_is_wanted(wanted: str) -> None:
    store = FailingStore()
    store.fails = False
    prepared = threading.Event()
    writer = UsageWriter(store, KEEP, prepare=prepared.set, rest=3600)
    writer.start()
    writer.begin("1", record)
    assert not prepared.is_set()
    if wanted == "a request ended":
        writer.end("1", record)
        assert prepared.wait(20)
    elif wanted == "a flush":
        assert writer.flush(20)
    writer.close(20)
    assert prepared.is_set()


def test_it_is_prepared_without_being_wanted() -> None:
    store = FailingStore()
    store.fails = False
    prepared = threading.Event()
    writer = UsageWriter(store, KEEP, prepare=prepared.set, rest=0.01)
    writer.start()
    assert prepared.wait(20)
    writer.close(20)


def test_records_are_made_in_the_order_in_which_requests_ended() -> None:
    """What one record says of a prompt cache rests on the one before."""
    prepared, making, go_on = threading.Event(), threading.Event(), threading.Event()
    made: list[RequestRecord] = []
    store = FailingStore()
    store.fails = False
    first, second = record(), record()

    def prepare() -> None:
        assert prepared.wait(20)

    def make_slowly() -> RequestRecord:
        making.set()
        assert go_on.wait(20)
        made.append(first)
        return first

    def make() -> RequestRecord:
        made.append(second)
        return second

    writer = UsageWriter(store, KEEP, prepare=prepare)
    writer.start()
    writer.end("1", make_slowly)
    prepared.set()
    assert making.wait(20)
    writer.end("2", make)
    go_on.set()
    writer.close(20)
    assert made == [first, second]
    assert store.finished == [first, second]


def test_a_record_that_cannot_be_made_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    store = FailingStore()
    store.fails = False
    writer = UsageWriter(store, KEEP)
    writer.start()

    def fail() -> RequestRecord:
        raise ValueError("no such count")

    writer.end("one", fail)
    end(writer, record())
    assert writer.flush(20)
    writer.close(20)
    assert writer.health.lost == 1 and len(store.finished) == 1
    assert "a record cannot be made" in caplog.text


def test_what_runs_at_a_stop_is_interrupted(tmp_path: Path) -> None:
    writer = UsageWriter(SqliteStore(tmp_path, "one"), KEEP)
    writer.start()
    begin(writer, record(state="running"))
    assert writer.flush(20)
    begin(writer, record(state="running"))
    writer.close(20)
    assert [row["state"] for row in rows(tmp_path)] == ["interrupted"] * 2
    check_sums(tmp_path)


def test_the_last_figure_of_a_window_is_written_after_a_while(tmp_path: Path) -> None:
    def figure(used: float, name: str = "5h") -> WindowSnapshot:
        window = Window(name=name, used=used, resets_at=None, seen_at=NOON + used, source="test")
        return WindowSnapshot("k", window)

    def written() -> list[tuple[str, float | None]]:
        found = UsageReader(tmp_path).windows(0)
        return [(one.window.name, one.window.used) for one in found]

    writer = UsageWriter(SqliteStore(tmp_path, "w"), KEEP)
    writer.note([figure(0.1)])
    writer.hold(figure(0.2), 0.0)
    writer.hold(figure(0.3), 60.0)
    writer.hold(figure(0.4, "7d"), 60.0)
    writer.start()
    assert writer.flush(20)
    assert written() == [("5h", 0.1), ("5h", 0.3)], "the last one, when the first one's time is up"
    writer.hold(figure(0.5), 60.0)
    writer.note([figure(0.6)])
    writer.close(20)
    assert written() == [("5h", 0.1), ("5h", 0.3), ("7d", 0.4), ("5h", 0.6)]
