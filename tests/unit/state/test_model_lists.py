"""Model lists outlive the process."""

import os
from pathlib import Path

import pytest

from switchyard.state.model_lists import load_lists
from switchyard.state.model_lists import save_lists
from switchyard.state.model_lists import state_file
from switchyard.wire.model.model_list import FoundModel

LISTS = {
    "p https://p.example/v1": (FoundModel("a/b:c", 4096), FoundModel("d")),
    "q https://q.example": (),
}


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "models.json"
    save_lists(file, LISTS)
    assert load_lists(file) == LISTS
    save_lists(file, {})
    assert load_lists(file) == {}
    assert [one.name for one in file.parent.iterdir()] == ["models.json"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"version": 2, "lists": {}}', b'{"version": 1, "lists": {"p": [1]}}',
     b"[" * 100_000, b'{"a":' * 100_000, b'{"version": 1, "lists": {"p": [["m", "many"]]}}',
     b'{"version": 1, "lists": {"p": [["m", true]]}}', b"\xff\xfe",
     b'{"version": 1, "lists": {"p": [[{"m": 1}, null]]}}'],
)  # fmt: skip
def test_a_file_that_makes_no_sense_is_as_none(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "models.json"
    file.write_bytes(content)
    assert load_lists(file) == {}
    assert load_lists(tmp_path / "nowhere.json") == {}


@pytest.mark.parametrize("kind", ["fifo", "folder", "device", "huge"])
def test_what_is_no_file_is_as_none_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "models.json"
    match kind:
        case "fifo":
            os.mkfifo(file)
        case "folder":
            file.mkdir()
        case "device":
            file.symlink_to("/dev/zero")
        case "huge":
            with file.open("wb") as huge:
                huge.truncate(10**10)
    assert load_lists(file) == {}


def test_a_folder_that_cannot_be_written_raises(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError):
        save_lists(tmp_path / "file" / "models.json", LISTS)


def test_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert state_file() == Path("/state/switchyard/models.json")
