"""Fingerprints of logins: the same in every process, and no way back."""

from pathlib import Path

from switchyard.usage.fingerprints import Fingerprints


def loaded(folder: Path) -> Fingerprints:
    prints = Fingerprints(folder)
    prints.load()
    return prints


def test_every_process_has_the_same(tmp_path: Path) -> None:
    one, other = loaded(tmp_path / "u"), loaded(tmp_path / "u")
    assert one.of("login") == other.of("login") != one.of("another")
    assert (tmp_path / "u" / "fingerprint.key").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in (tmp_path / "u").iterdir()] == ["fingerprint.key"]


def test_another_folder_has_others(tmp_path: Path) -> None:
    assert loaded(tmp_path / "a").of("login") != loaded(tmp_path / "b").of("login")


def test_nothing_before_the_key_is_there(tmp_path: Path) -> None:
    assert Fingerprints(tmp_path).of("login") is None


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert loaded(tmp_path / "file").of("login") is not None
