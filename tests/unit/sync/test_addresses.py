from pathlib import Path

import pytest

from switchyard.sync.addresses import absolute_address
from switchyard.sync.addresses import remote_of
from switchyard.sync.addresses import shown_address
from switchyard.sync.errors import SyncError
from switchyard.sync.git_remote import GitRemote
from switchyard.sync.object_remote import ObjectRemote


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("/srv/shared", ObjectRemote),
        ("git@host.example:me/router.git", GitRemote),
        ("ssh://host.example/me/router", GitRemote),
        ("git+https://host.example/me/router#folder", GitRemote),
        ("https://host.example/me/router.git", GitRemote),
        ("git+/srv/router", GitRemote),
    ],
)
def test_addresses(address: str, kind: type, tmp_path: Path) -> None:
    assert absolute_address(f" {address} ") == address
    assert isinstance(remote_of(address, tmp_path, "laptop", {}), kind)


def test_paths_are_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    assert absolute_address("shared") == str(tmp_path / "shared")
    assert absolute_address("~/shared") == "/home/me/shared"
    assert absolute_address("r.git#a/b") == f"git+{tmp_path}/r.git#a/b"
    assert absolute_address("git+r") == f"git+{tmp_path}/r"


@pytest.mark.parametrize("address", ["", " ", "--upload-pack=x", "-"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(SyncError, match="name a folder"):
        absolute_address(address)


def test_unknown_kinds(tmp_path: Path) -> None:
    with pytest.raises(SyncError, match=r"unknown: ftp://\*\*\*@host/x"):
        remote_of("ftp://me:secret@host/x", tmp_path, "", {})


def test_passwords_are_not_shown() -> None:
    assert shown_address("https://me:secret@host/x") == "https://***@host/x"
