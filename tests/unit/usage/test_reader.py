"""Reading totals and rows back."""

import sqlite3
from datetime import UTC
from pathlib import Path

import pytest

from switchyard.usage.reader import UsageReader
from switchyard.usage.sqlite import SqliteStore
from switchyard.usage.windows import Window
from switchyard.usage.windows import WindowSnapshot
from tests.unit.usage.support import NOON
from tests.unit.usage.support import record


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    reader = UsageReader(tmp_path / "none")
    assert reader.days(UTC) == reader.hours() == reader.dimensions(("model",)) == []
    assert list(reader.sessions()) == list(reader.session_models()) == []
    assert reader.windows(0) == []
    assert reader.last_answer("s1", 0) is None
    assert not (tmp_path / "none").exists()


def test_the_last_answer_of_a_session(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, "w")
    rows = [
        record(asked_model="opus", model="a"),
        record(asked_model="opus", model="b"),
        record(asked_model="opus", model="c", state="failed"),
        record(asked_model="opus", model="d", operation="count-tokens"),
        record(asked_model="opus", model="e", session="s2"),
    ]
    store.write(rows, [])
    store.close()
    reader = UsageReader(tmp_path)
    answer = reader.last_answer("s1", NOON - 60)
    assert answer is not None and answer.model == "b"
    assert reader.last_answer("s1", NOON + 60) is None


def test_windows_are_read_as_they_were_seen(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, "w")
    window = Window(name="5h", used=0.5, resets_at=NOON + 60, seen_at=NOON, source="codex")
    store.write_windows([WindowSnapshot("login", window)])
    store.close()
    assert UsageReader(tmp_path).windows(NOON - 1) == [WindowSnapshot("login", window)]
    assert UsageReader(tmp_path).windows(NOON + 1) == []


def test_a_query_ends_in_its_time(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, "w")
    store.write([record(model=f"m{number}", session=f"s{number}") for number in range(3000)], [])
    store.close()
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        list(UsageReader(tmp_path, seconds=0.0).session_models())
