import os
import subprocess
from pathlib import Path

import pytest

from switchyard.sync.errors import RemoteChanged
from switchyard.sync.errors import SyncError
from switchyard.sync.git_remote import GitRemote
from tests.support.devices import git_repository
from tests.support.sync_parcels import Parcels


def test_commits_are_pushed_and_only_forward(tmp_path: Path) -> None:
    url, parcels = git_repository(tmp_path / "r.git"), Parcels(tmp_path / "keys")
    one = GitRemote(url, tmp_path / "one", "router/mine", "laptop")
    other = GitRemote(url, tmp_path / "other", "router/mine", "desk")
    assert one.read() is None
    one.write(parcels.make(1), None)
    found = other.read()
    assert found is not None and found[0] == parcels.make(1)
    with pytest.raises(RemoteChanged):
        other.write(parcels.make(2), None)
    other.write(parcels.make(2), found[1])
    with pytest.raises(RemoteChanged):
        one.write(parcels.make(3), found[1])
    log = ["git", "-C", url, "log", "--format=%s by %an", "--name-only", "main"]
    assert subprocess.check_output(log, text=True).split("\n") == [
        "switchyard: push from desk by switchyard on desk",
        "",
        *(f"router/mine/{name}" for name in ("config.yaml", "secrets.age", "state.json")),
        "switchyard: push from laptop by switchyard on laptop",
        "",
        *(f"router/mine/{name}" for name in ("config.yaml", "secrets.age", "state.json")),
        "",
    ]


def test_errors_name_the_command_and_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = GitRemote(str(tmp_path / "nowhere.git"), tmp_path / "git")
    with pytest.raises(SyncError, match=r"git ls-remote failed: .*nowhere"):
        remote.read()
    closed = GitRemote("http://me:secret-token@127.0.0.1:1/r.git", tmp_path / "git")
    with pytest.raises(SyncError, match="git ls-remote failed") as error:
        closed.read()
    assert "secret-token" not in str(error.value)
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(SyncError, match="the command git is missing"):
        remote.read()
