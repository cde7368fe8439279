from pathlib import Path

import pytest

from switchyard.sync.errors import RemoteChanged
from switchyard.sync.errors import SyncError
from switchyard.sync.folder_remote import FolderStorage
from switchyard.sync.parcel import digest_of


def test_files_of_a_folder(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "new" / "folder")
    assert storage.get("a") is None
    storage.put("a", b"one")
    assert storage.get("a") == (b"one", digest_of(b"one"))
    storage.remove("a")
    storage.remove("a")
    assert storage.get("a") is None


def test_only_what_is_known_is_replaced(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    storage.swap("a", b"one", None)
    for known in (None, digest_of(b"two")):
        with pytest.raises(RemoteChanged):
            storage.swap("a", b"three", known)
    storage.swap("a", b"two", digest_of(b"one"))
    assert storage.get("a") == (b"two", digest_of(b"two"))


def test_a_place_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    storage = FolderStorage(tmp_path / "file" / "folder")
    assert storage.get("a") is None
    with pytest.raises(SyncError, match="cannot be written"):
        storage.put("a", b"")
    with pytest.raises(SyncError, match="cannot be opened"):
        storage.swap("a", b"", None)
    (tmp_path / "state").mkdir()
    with pytest.raises(SyncError, match="cannot be read"):
        FolderStorage(tmp_path).get("state")
    with pytest.raises(SyncError, match="cannot be removed"):
        FolderStorage(tmp_path).remove("state")
