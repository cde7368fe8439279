"""The ledger: one writer at a time, where the configuration says."""

import time
from pathlib import Path

import pytest

from switchyard.usage.ledger import Ledger
from switchyard.usage.places import RecordPlace
from switchyard.usage.places import default_folder
from switchyard.usage.sqlite import SqliteStore
from switchyard.usage.store import Retention
from switchyard.usage.windows import Window
from switchyard.usage.windows import WindowSnapshot
from tests.unit.usage.support import drop_newer_sums
from tests.unit.usage.support import record
from tests.unit.usage.support import rows

KEEP = Retention(10**9, 10**12)


def test_nothing_is_kept_before_a_place_is_named(tmp_path: Path) -> None:
    ledger = Ledger()
    assert not ledger.on
    ledger.end("x", record)
    assert ledger.flush(1) and ledger.health.written == 0
    ledger.close()


def test_another_place(tmp_path: Path) -> None:
    ledger = Ledger()
    ledger.keep_at(RecordPlace(tmp_path / "one", KEEP))
    ledger.end("1", record)
    assert ledger.on and ledger.flush(20)
    ledger.keep_at(RecordPlace(tmp_path / "two", KEEP))
    ledger.end("2", record)
    assert ledger.flush(20)
    ledger.keep_at(None)
    assert not ledger.on
    ledger.end("3", record)
    ledger.close()
    assert len(rows(tmp_path / "one")) == len(rows(tmp_path / "two")) == 1


def test_writers_leave_no_lock(tmp_path: Path) -> None:
    ledger = Ledger()
    ledger.keep_at(RecordPlace(tmp_path, KEEP))
    ledger.end("1", record)
    assert ledger.flush(20) and len(list((tmp_path / "writers").iterdir())) == 1
    ledger.close()
    assert not list((tmp_path / "writers").iterdir())


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"XDG_STATE_HOME": "/state"}, "/state/switchyard/usage"),
        ({"SWITCHYARD_USAGE_DIR": "/x", "XDG_STATE_HOME": "/state"}, "/x"),
    ],
)
def test_the_usual_folder(environment: dict[str, str], folder: str) -> None:
    assert default_folder(environment) == Path(folder)


def test_a_relative_state_folder_is_none() -> None:
    assert default_folder({"XDG_STATE_HOME": "state"}).is_relative_to(Path.home())


def test_records_are_counted_with_and_without_a_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger, counted = Ledger(), []
    ledger.counters["x"] = counted.append
    ledger.end("1", record)
    ledger.keep_at(RecordPlace(tmp_path, KEEP))
    ledger.end("2", record)
    assert ledger.flush(20) and len(counted) == 2

    def fail(_: object) -> None:
        raise ValueError("odd")

    ledger.counters["x"] = fail
    ledger.end("3", record)
    ledger.close()
    assert len(rows(tmp_path)) == 2 and "cannot be counted" in caplog.text


def test_windows_are_known_at_once_from_files_of_an_earlier_version(tmp_path: Path) -> None:
    now = time.time()
    window = Window(name="5h", used=0.5, resets_at=now + 3600, seen_at=now, source="codex")
    store = SqliteStore(tmp_path, "w")
    store.write_windows([WindowSnapshot("codex#0", window)])
    store.close()
    drop_newer_sums(tmp_path)
    ledger = Ledger()
    ledger.keep_at(RecordPlace(tmp_path, KEEP))
    assert [(owner, track.window.name) for owner, track in ledger.windows.shown(now)] == [
        ("codex#0", "5h")
    ]
    ledger.close()
