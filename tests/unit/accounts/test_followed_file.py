import json
import os
import time
from pathlib import Path

import pytest

from switchyard.accounts.followed_file import FollowedFile
from switchyard.accounts.token import SourceError
from switchyard.config.credentials import CredentialSource


def write(path: Path, token: str, expires: float | None = None) -> None:
    path.write_text(json.dumps({"access_token": token, "expires_at": expires}))


def following(path: Path, sleep=lambda seconds: None) -> FollowedFile:
    places = {"json": "$.access_token", "expires": "$.expires_at"}
    source = CredentialSource.model_validate({"file": str(path), **places})
    return FollowedFile(source, sleep)


def test_the_token_is_read_and_changes_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    write(path, "tok-1")
    file = following(path)
    assert file.has_changed()
    assert file.read("").secret.get_secret_value() == "tok-1"
    assert not file.has_changed()
    write(path, "token-2")
    assert file.has_changed()
    assert file.read("").secret.get_secret_value() == "token-2"


def test_a_file_that_is_being_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    path.write_text('{"access_to')
    file = following(path, lambda seconds: write(path, "tok-1"))
    assert file.read("").secret.get_secret_value() == "tok-1"


def test_a_refused_token_is_waited_out_while_the_owner_renews_it(tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    write(path, "tok-1")
    file = following(path, lambda seconds: write(path, "tok-2"))
    assert file.read("tok-1").secret.get_secret_value() == "tok-2"
    write(path, "tok-1")
    assert following(path).read("tok-1").secret.get_secret_value() == "tok-1"


def test_an_expired_token_is_the_owners_to_renew(tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    write(path, "tok-1", time.time() - 60)
    with pytest.raises(SourceError, match="Run the tool that owns it") as caught:
        following(path).read("")
    assert caught.value.lasting


@pytest.mark.parametrize("kind", ["none", "folder", "fifo", "bytes"])
def test_what_cannot_be_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "auth.json"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "bytes":
        path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError):
        following(path).read("")


def test_the_file_is_only_read(tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    write(path, "tok-1")
    before = path.stat()
    following(path).read("")
    after = path.stat()
    assert (before.st_mtime_ns, before.st_ctime_ns) == (after.st_mtime_ns, after.st_ctime_ns)
    assert os.listdir(tmp_path) == ["auth.json"]
