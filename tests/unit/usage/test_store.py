"""What every store does."""

from pathlib import Path

import pytest

from switchyard.usage.records import RequestRecord
from switchyard.usage.sqlite import SqliteStore
from switchyard.usage.store import Store
from tests.unit.usage.support import record
from tests.unit.usage.support import rows


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return SqliteStore(tmp_path, "w")


def test_a_row_is_written_once_whoever_writes_it(store: Store, tmp_path: Path) -> None:
    one = record()
    store.write([one, one], [])
    SqliteStore(tmp_path, "another").write([one], [])
    assert len(rows(tmp_path)) == 1


def test_a_finished_request_is_under_way_no_more(store: Store, tmp_path: Path) -> None:
    one = record()
    store.write([one], [])
    store.write([], [running_of(one)])
    assert store.recover(lambda writer: False) == 0
    assert [row["state"] for row in rows(tmp_path)] == ["complete"]


def running_of(finished: RequestRecord) -> RequestRecord:
    return record(id=finished.id, state="running")
