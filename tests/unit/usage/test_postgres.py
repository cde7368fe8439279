"""What is PostgreSQL's own: a server that goes and comes back, and tables of another version."""

import logging
import sqlite3
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from switchyard.usage import postgres_statements
from switchyard.usage import writer as writer_module
from switchyard.usage.cache_breaks import cache_breaks
from switchyard.usage.places import RecordPlace
from switchyard.usage.places import open_reader
from switchyard.usage.places import open_store
from switchyard.usage.postgres import PostgresStore
from switchyard.usage.reader import UsageReader
from switchyard.usage.schema import NEWER_SUMS
from switchyard.usage.schema import ROLLUPS
from switchyard.usage.schema import ROW_INDEXES
from switchyard.usage.schema import TOTAL_TABLES
from switchyard.usage.sqlite import SqliteStore
from switchyard.usage.store import StoreError
from switchyard.usage.windows import Window
from switchyard.usage.windows import WindowSnapshot
from switchyard.usage.writer import UsageWriter
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer
from tests.support.postgres import find_programs
from tests.support.postgres import postgres_server
from tests.unit.usage.stores import KEEP
from tests.unit.usage.stores import KeptOnServer
from tests.unit.usage.stores import check_kept
from tests.unit.usage.support import NOON
from tests.unit.usage.support import record


def test_a_server_that_goes_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Records wait meanwhile, the log says it once, and each is written once."""
    if (programs := find_programs()) is None:
        pytest.skip("PostgreSQL is not installed (Debian, Ubuntu: apt install postgresql)")
    monkeypatch.setattr(writer_module, "_PAUSES", (0.05,))
    monkeypatch.setattr(writer_module, "MOST_WAITING", 30)
    with postgres_server(programs) as server, caplog.at_level(logging.WARNING):
        kept = KeptOnServer(server.url(), tmp_path)
        opened = open_store(kept.place, "w")
        writer = UsageWriter(opened.store, KEEP, opened.is_alive)
        writer.start()
        records = [record() for _ in range(40)]
        for one in records[:5]:
            writer.end(one.id.hex(), lambda one=one: one)
        assert writer.flush(30)
        server.stop()
        for one in records[5:]:
            writer.end(one.id.hex(), lambda one=one: one)
        assert not writer.flush(0.5)
        assert writer.health.problem and writer.health.lost == 5
        server.start()
        assert writer.flush(60)
        writer.close(20)
        assert {row["id"] for row in kept.rows()} == {one.id for one in records[:35]}
        check_kept(kept)
    messages = [one.getMessage() for one in caplog.records]
    assert len([one for one in messages if "cannot write records" in one]) == 1
    assert len([one for one in messages if "written again, 5 records were lost" in one]) == 1


def test_who_is_connected_is_alive(database: str) -> None:
    """Requests of a router that still runs are not taken for interrupted, whoever asks."""
    one, two = PostgresStore(database, "one"), PostgresStore(database, "two")
    one.write([], [record(state="running")])
    assert two.recover(two.is_alive) == 0
    one.close()
    assert two.recover(two.is_alive) == 1
    two.close()


def test_rows_of_an_earlier_version_get_their_indexes(
    postgres: PostgresServer, database: str, tmp_path: Path
) -> None:
    store = PostgresStore(database, "w")
    store.write([record()], [])
    store.close()
    for name in ROW_INDEXES:
        postgres.execute(f"DROP INDEX switchyard.{name}", database.rpartition("/")[2])
    store.write([record()], [])
    store.close()
    kept = KeptOnServer(database, tmp_path)
    found = kept.ask("SELECT indexname FROM pg_indexes WHERE tablename = 'requests'")
    assert {name for (name,) in found} == {"requests_pkey", *ROW_INDEXES}


def test_totals_without_counts_of_unknown_list_prices_get_them(
    postgres: PostgresServer, database: str, tmp_path: Path
) -> None:
    """The earlier routers of other hosts, which do not know the columns, go on writing."""
    store = PostgresStore(database, "w")
    plan: dict[str, Any] = {"billing": "plan", "cost": 0}
    store.write([record(), record(**plan, model="known")], [])
    store.write(
        [record(**plan, list_cost=None, model="new"), record(cost=None, list_cost=None)], []
    )
    seen = WindowSnapshot("glm#0", Window(name="5h", used=0.5, seen_at=NOON, source="codex"))
    store.write_windows([seen])
    store.close()
    kept, name = KeptOnServer(database, tmp_path), database.rpartition("/")[2]
    tables = (*TOTAL_TABLES, *ROLLUPS)
    before = {table: kept.totals(table) for table in tables}
    assert (before["model_hours"]["unlisted"], before["model_hours"]["uncovered"]) == (2, 1)
    dropped = ", ".join(f"DROP COLUMN {one}" for one in NEWER_SUMS)
    for table in tables:
        postgres.execute(f"ALTER TABLE switchyard.{table} {dropped}", name)
    reader = open_reader(RecordPlace(tmp_path, KEEP, database))
    with pytest.raises(sqlite3.OperationalError, match="an earlier version"):
        reader.hours()
    assert reader.windows(NOON) == [seen]
    store.recover(store.is_alive)
    assert {table: kept.totals(table) for table in tables} == before
    postgres.execute("INSERT INTO switchyard.model_hours (bucket, model) VALUES (1, 1)", name)
    store.write([record(**plan, list_cost=None)], [])
    store.close()
    assert kept.totals("model_hours")["uncovered"] == 2


def test_a_later_version_is_refused(
    postgres: PostgresServer, database: str, tmp_path: Path
) -> None:
    store = PostgresStore(database, "w")
    store.write([record()], [])
    store.close()
    name = database.rpartition("/")[2]
    postgres.execute("UPDATE switchyard.version SET number = 99", name)
    with pytest.raises(StoreError, match="has version 99 of the tables, this Switchyard knows 1"):
        store.write([record()], [])
    with pytest.raises(sqlite3.OperationalError, match="has version 99"):
        open_reader(RecordPlace(tmp_path, KEEP, database)).hours()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hush@127.0.0.1:FREE/usage",
        "postgresql://me:hush@127.0.0.1:port/usage",
        "postgresql://me:hush@nowhere.invalid/usage",
    ],
)
def test_a_server_that_is_not_there(tmp_path: Path, url: str) -> None:
    url = url.replace("FREE", str(free_port()))
    store = PostgresStore(url, "w")
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            store.write([record()], [])
        assert "hush" not in str(caught.value) and "\n" not in str(caught.value)
    place = RecordPlace(tmp_path, KEEP, url)
    assert "hush" not in repr(place)
    with pytest.raises(sqlite3.OperationalError) as read:
        open_reader(place).hours()
    assert "hush" not in str(read.value)


def test_rows_in_batches_keep_their_order(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many rows come as JSON lists; they are those that files give, in the same order."""
    monkeypatch.setattr(postgres_statements, "BATCH", 3)
    records = [
        record(
            started=1_790_000_000.25 + number * 7000,
            session=f"session{number * 7 % 20}",
            model=f'"m{number % 4}" \u00fc',
            cache_verdict="tool list" if number % 3 == 0 else None,
        )
        for number in range(20)
    ]
    server, files = PostgresStore(database, "w"), SqliteStore(tmp_path, "w")
    for store in (server, files):
        store.write(records, [])
        store.close()
    place = RecordPlace(tmp_path, KEEP, database)
    there, here = open_reader(place, 10.0), UsageReader(tmp_path)
    assert list(there.sessions()) == list(here.sessions())
    assert len(list(here.sessions())) == 20
    assert there.hours() == here.hours()
    assert sorted(there.days(UTC), key=repr) == sorted(here.days(UTC), key=repr)
    assert cache_breaks(there, 0.0, 2e9) == cache_breaks(here, 0.0, 2e9) != []
    assert sorted(map(tuple, there.session_models())) == sorted(here.session_models())
