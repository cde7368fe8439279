"""A configuration file is whole at every moment, and its versions are kept."""

import os
from pathlib import Path

import pytest

from switchyard.config.editing import config_file
from switchyard.config.editing.config_file import ConfigFile
from switchyard.config.editing.config_file import ReadOnly
from switchyard.config.editing.config_file import Stale
from switchyard.config.editing.config_file import etag_of
from tests.support.disks import full_disk


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"one\n")
    return path


def test_mode_and_links_stay(path: Path, tmp_path: Path) -> None:
    path.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    ConfigFile(link).write(b"two\n", etag_of(b"one\n"))
    assert link.is_symlink()
    assert path.read_bytes() == b"two\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".config")] == []


def test_another_content_is_not_overwritten(path: Path) -> None:
    with pytest.raises(Stale):
        ConfigFile(path).write(b"two\n", etag_of(b"other\n"))
    assert path.read_bytes() == b"one\n"
    ConfigFile(path).write(b"two\n", None)
    assert path.read_bytes() == b"two\n"


def test_versions_are_kept_and_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_file, "MOST_VERSIONS", 4)
    file = ConfigFile(path)
    for number in range(8):
        file.write(b"%d\n" % number, None)
    versions = file.versions()
    contents = [file.version(one.id) for one in versions]
    assert contents[:3] == [b"7\n", b"6\n", b"5\n"]
    assert len(versions) <= 5
    assert file.version("../../config") is None
    assert file.version("0000000000000-0000000000000000") is None


@pytest.mark.parametrize("step", ["fsync", "rename", "fchmod"])
def test_a_crash_on_the_way_leaves_the_old_file(
    path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, step, crash)
    with pytest.raises(ReadOnly):
        ConfigFile(path).write(b"two\n", None)
    assert path.read_bytes() == b"one\n"


def test_a_new_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.yaml"
    ConfigFile(path).write(b"one\n", etag_of(b""))
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ReadOnly, match="cannot be"):
        ConfigFile(tmp_path / "file" / "config.yaml").write(b"one\n", None)


def test_half_a_version_is_not_kept(path: Path) -> None:
    path.write_bytes(b"x" * 100)
    file = ConfigFile(path)
    with full_disk(64), pytest.raises(OSError):
        file.write(b"two\n", None)
    assert path.read_bytes() == b"x" * 100
    assert file.versions() == []


def test_a_change_that_is_made_does_not_fail_by_its_version(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, keep = ConfigFile(path), ConfigFile._keep

    def keep_one(self: ConfigFile, content: bytes) -> None:
        if content == b"two\n":
            raise OSError(28, "No space left on device")
        keep(self, content)

    monkeypatch.setattr(ConfigFile, "_keep", keep_one)
    file.write(b"two\n", None)
    assert path.read_bytes() == b"two\n"
    assert [file.version(one.id) for one in file.versions()] == [b"one\n"]
