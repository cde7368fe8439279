"""The note of a running router."""

import os
from pathlib import Path

from switchyard.engine.running_note import NoteWriter
from switchyard.engine.running_note import RunningNote
from switchyard.engine.running_note import read_note

NOTE = RunningNote(os.getpid(), attempts=2, problem="no")


def test_it_is_there_as_long_as_its_writer(tmp_path: Path) -> None:
    file = tmp_path / "state" / "running-1.json"
    writer = NoteWriter(file)
    assert read_note(file) is None
    assert writer.write(RunningNote(1)) and writer.write(NOTE)
    assert read_note(file) == NOTE
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    assert file.stat().st_mode & 0o777 == 0o600
    writer.remove()
    assert not file.exists() and read_note(file) is None


def test_the_note_of_a_follower_stays(tmp_path: Path) -> None:
    file = tmp_path / "running-1.json"
    first, second = NoteWriter(file), NoteWriter(file)
    assert first.write(RunningNote(1)) and second.write(NOTE)
    first.remove()
    assert read_note(file) == NOTE
    second.remove()


def test_what_a_killed_process_left_counts_for_nothing(tmp_path: Path) -> None:
    file = tmp_path / "running-1.json"
    file.write_text('{"pid": 1}')
    assert read_note(file) is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    writer = NoteWriter(tmp_path / "state" / "running-1.json")
    assert not writer.write(NOTE)
    writer.remove()
