"""The SQLite store: each row once, its totals with it, whatever happens meanwhile."""

import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from switchyard.usage.ids import new_id
from switchyard.usage.records import TOKEN_CLASSES
from switchyard.usage.records import RequestRecord
from switchyard.usage.records import Tokens
from switchyard.usage.schema import NEWER_SUMS
from switchyard.usage.schema import ROLLUPS
from switchyard.usage.schema import ROW_INDEXES
from switchyard.usage.schema import TOTAL_TABLES
from switchyard.usage.sqlite import SqliteStore
from switchyard.usage.sqlite_files import TOTALS_FILE
from switchyard.usage.sqlite_files import month_file
from switchyard.usage.sqlite_files import month_files
from switchyard.usage.store import Retention
from switchyard.usage.store import StoreError
from tests.unit.usage.support import DAY
from tests.unit.usage.support import NOON
from tests.unit.usage.support import attempts
from tests.unit.usage.support import check_sums
from tests.unit.usage.support import record
from tests.unit.usage.support import rows
from tests.unit.usage.support import totals

counts = st.none() | st.integers(0, 10**9)
names = st.none() | st.sampled_from(["a", "b", "Ünïcode", "x'; DROP TABLE names; --", ""])
records = st.builds(
    RequestRecord,
    id=st.builds(lambda: new_id().bytes),
    started=st.floats(NOON - 60 * DAY, NOON + 60 * DAY),
    client_key=names,
    tool=names,
    session=names,
    project=names,
    provider=names,
    model=names,
    state=st.sampled_from(["complete", "client-left", "cut", "failed", "refused"]),
    billing=st.sampled_from(["per-token", "plan", "free"]),
    attempts=st.integers(0, 9),
    tokens=st.builds(Tokens, **dict.fromkeys(TOKEN_CLASSES, counts)),
    cost=counts,
    list_cost=counts,
    first_output_ms=counts,
    end_ms=counts,
    dropped=st.lists(st.sampled_from(["top_k", "n"])).map(tuple),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(records, max_size=5), max_size=4), st.data())
def test_totals_are_the_sums_of_the_rows(
    batches: list[list[RequestRecord]], data: st.DataObject
) -> None:
    """Also where batches come twice, from two writers, and the totals are made anew."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stores = [SqliteStore(folder, "one"), SqliteStore(folder, "two")]
        stores[0].write([], [])
        for batch in batches:
            for _ in range(data.draw(st.integers(1, 2))):
                data.draw(st.sampled_from(stores)).write(batch, [])
        for store in stores:
            store.close()
        if not batches:
            return
        everything = [one for batch in batches for one in batch]
        stores[0].write([record()], [])
        assert {row["id"] for row in rows(folder)} >= {one.id for one in everything}
        assert len(rows(folder)) == len(everything) + 1
        check_sums(folder)
        before = [totals(folder, table) for table in ("hourly", "daily", "sessions")]
        stores[0].close()
        (folder / TOTALS_FILE).unlink()
        stores[0].write([], [record()])
        assert [totals(folder, table) for table in ("hourly", "daily", "sessions")] == before
        stores[0].close()


def test_files_are_private_and_by_month(tmp_path: Path) -> None:
    folder = tmp_path / "usage"
    store = SqliteStore(folder, "w")
    store.write([record(), record(started=NOON - 30 * DAY)], [])
    assert [file.name for file in month_files(folder)] == [
        "usage-2026-10.sqlite",
        "usage-2026-11.sqlite",
    ]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    store.close()


def test_retention_deletes_whole_months(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, "w")
    store.write([record(started=NOON - 31 * DAY * month) for month in range(5)], [])
    kept = totals(tmp_path, "daily")
    assert store.expire(NOON, Retention(61 * DAY, 10**9)) == [
        "usage-2026-07.sqlite",
        "usage-2026-08.sqlite",
    ]
    assert len(month_files(tmp_path)) == 3
    assert len(store.expire(NOON, Retention(61 * DAY, 1))) == 2  # the current month always stays
    assert [file.name for file in month_files(tmp_path)] == [month_file(NOON)]
    assert totals(tmp_path, "daily") == kept
    store.write([record()], [])
    store.close()


@pytest.mark.parametrize("file", [TOTALS_FILE, month_file(NOON)])
@pytest.mark.parametrize("damage", [b"", b"no database at all" * 500])
def test_a_damaged_file_is_set_aside(tmp_path: Path, file: str, damage: bytes) -> None:
    store = SqliteStore(tmp_path, "w")
    store.write([record() for _ in range(200)], [])
    store.close()
    whole = (tmp_path / file).read_bytes()
    (tmp_path / file).write_bytes(damage or whole[: len(whole) // 2])
    late = record()
    try:
        store.write([late], [])
    except StoreError:
        store.write([late], [])
    assert late.id in {row["id"] for row in rows(tmp_path)}
    assert any(".damaged-" in one.name for one in tmp_path.iterdir())
    store.close()
    with closing(sqlite3.connect(tmp_path / TOTALS_FILE)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    with pytest.raises(StoreError):
        SqliteStore(file, "w").write([record()], [])


def test_a_full_disk(small_disk: Path) -> None:
    """Nothing of a batch that did not fit is there, and writing goes on once there is room."""
    store = SqliteStore(small_disk, "w")
    store.write([record()], [])
    ballast = small_disk / "ballast"
    with ballast.open("wb") as writing, pytest.raises(OSError):
        while True:
            writing.write(bytes(4096))
            writing.flush()
    batch = [record() for _ in range(500)]
    with pytest.raises(StoreError):
        store.write(batch, [])
    assert len(rows(small_disk)) == 1
    ballast.unlink()
    store.write(batch, [])
    assert len(rows(small_disk)) == 501 and attempts(small_disk) == 501
    check_sums(small_disk)
    store.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_totals_without_rollups_get_them(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, "w")
    store.write([record(), record(model="other", started=NOON - 40 * DAY)], [])
    store.close()
    with closing(sqlite3.connect(tmp_path / TOTALS_FILE)) as db:
        for table in ROLLUPS:
            db.execute(f"DROP TABLE {table}")
        for table in TOTAL_TABLES:
            for name in NEWER_SUMS:
                db.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
        db.execute("PRAGMA user_version = 1")
    store.write([record()], [])
    store.close()
    check_sums(tmp_path)
    assert totals(tmp_path, "monthly")["requests"] == 3


def test_rows_of_an_earlier_version_get_their_indexes(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, "w")
    store.write([record()], [])
    store.close()
    (file,) = month_files(tmp_path)
    with closing(sqlite3.connect(file)) as db:
        for name in ROW_INDEXES:
            db.execute(f"DROP INDEX {name}")
    store.recover(lambda writer: True)
    store.close()
    with closing(sqlite3.connect(file)) as db:
        found = db.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE INDEX%'")
        assert {name for (name,) in found} == set(ROW_INDEXES)


def test_totals_made_anew_of_a_session_over_two_months(tmp_path: Path) -> None:
    """In the first of them nothing was counted."""
    store = SqliteStore(tmp_path, "w")
    unknown = Tokens()
    store.write([record(started=NOON - 40 * DAY, tokens=unknown, cost=None, list_cost=None)], [])
    store.write([record(cost=None, list_cost=None)], [])
    before = totals(tmp_path, "sessions")
    assert before["unpriced"] == 1
    store.close()
    (tmp_path / TOTALS_FILE).unlink()
    store.write([], [record()])
    assert totals(tmp_path, "sessions") == before
    store.write([record(cost=None)], [])
    assert totals(tmp_path, "sessions")["unpriced"] == 2
    store.close()
