"""Runs in a provider's background: remembered over processes, counted once."""

from pathlib import Path

import pytest

from switchyard.usage.background_runs import BackgroundRun
from switchyard.usage.background_runs import BackgroundRuns

ALICE, BOB = b"\x01", b"\x02"
RUN = BackgroundRun(provider="deep", model="thinker", credential="deep#1", session="s")


def test_they_are_counted_once_by_all_processes(tmp_path: Path) -> None:
    one, two = BackgroundRuns(tmp_path), BackgroundRuns(tmp_path)
    one.note("resp_1", ALICE, RUN, counted=False)
    assert two.find("resp_1", ALICE) == RUN
    assert [two.take("resp_1"), one.take("resp_1"), two.take("resp_1")] == [True, False, False]
    assert BackgroundRuns(tmp_path).find("resp_1", ALICE) == RUN


def test_what_is_on_record_is_not_counted_again(tmp_path: Path) -> None:
    runs = BackgroundRuns(tmp_path)
    runs.note("resp_1", ALICE, RUN, counted=True)
    assert not runs.take("resp_1")
    assert not runs.take("resp_unknown")


def test_they_belong_to_who_began_them(tmp_path: Path) -> None:
    runs = BackgroundRuns(tmp_path)
    runs.note("resp_1", ALICE, RUN, counted=False)
    assert runs.find("resp_1", BOB) is None


def test_only_the_user_reads_the_file(tmp_path: Path) -> None:
    BackgroundRuns(tmp_path).note("resp_1", ALICE, RUN, counted=False)
    assert (tmp_path / "background.sqlite").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", ["none", "text", "folder"])
def test_memory_takes_the_place_of_a_file(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "background.sqlite"
    if damage == "text":
        file.write_text("this is no database, but many words that stand in its place" * 50)
    elif damage == "folder":
        file.mkdir()
    runs = BackgroundRuns(None if damage == "none" else tmp_path)
    runs.note("resp_1", ALICE, RUN, counted=False)
    assert runs.find("resp_1", ALICE) == RUN
    assert [runs.take("resp_1"), runs.take("resp_1")] == [True, False]
