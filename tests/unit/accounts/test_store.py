import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from switchyard.accounts.record import AccountRecord
from switchyard.accounts.store import AccountStore
from switchyard.accounts.store import AccountStoreError
from switchyard.accounts.store import accounts_folder
from switchyard.accounts.store import split_ref
from tests.support.router import ROOT

RECORD = AccountRecord(name="kimi", label="work", access_token="tok-1")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_an_account_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "accounts"
    folder.mkdir(mode=0o755)
    store = AccountStore(folder)
    before = store.look("kimi/work")
    store.save(RECORD)
    assert store.load("kimi/work") == RECORD
    assert mode(folder) == 0o700 and mode(store.path("kimi/work")) == 0o600
    assert os.listdir(folder) == ["kimi@work.json"]
    assert store.look("kimi/work") != before
    assert store.refs() == ["kimi/work"]
    assert store.delete("kimi/work") and not store.delete("kimi/work")
    assert store.load("kimi/work") is None


def test_a_file_that_holds_no_account_is_named(tmp_path: Path) -> None:
    store = AccountStore(tmp_path)
    store.path("kimi").write_text("{")
    with pytest.raises(AccountStoreError, match=r"kimi\.json: it holds no account"):
        store.load("kimi")


def test_a_folder_that_takes_nothing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = AccountStore(tmp_path / "file")
    with pytest.raises(AccountStoreError, match="cannot be saved"):
        store.save(RECORD)
    with pytest.raises(AccountStoreError, match="cannot be locked"), store.lock("kimi"):
        pass


def test_threads_hold_the_lock_one_after_another(tmp_path: Path) -> None:
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        with AccountStore(tmp_path).lock("kimi"):
            inside += 1
            most = max(most, inside)
            inside -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_lock_that_another_holds_is_waited_for_and_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from switchyard.accounts.store import AccountStore\n"
        "with AccountStore(Path(sys.argv[1])).lock('kimi'):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT / "addons",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        store = AccountStore(tmp_path)
        with pytest.raises(AccountStoreError, match="by another process"), store.lock("kimi", 0.0):
            pass
        with store.lock("other"):
            pass
        holder.kill()
        with store.lock("kimi"):
            pass


@pytest.mark.parametrize(
    ("ref", "parts"), [("kimi", ("kimi", "")), ("kimi/work", ("kimi", "work"))]
)
def test_an_account_has_a_name_and_a_label(ref: str, parts: tuple[str, str]) -> None:
    assert split_ref(ref) == parts


@pytest.mark.parametrize("ref", ["", "/", "a/", "a/b/c", "../x", "a b", ".hidden", "a@b"])
def test_what_names_no_account(ref: str) -> None:
    with pytest.raises(ValueError, match="NAME/LABEL"):
        split_ref(ref)


def test_the_folder_may_be_named(tmp_path: Path) -> None:
    assert accounts_folder({"SWITCHYARD_ACCOUNTS_DIR": "/x"}) == Path("/x")
    assert accounts_folder({}).parts[-2:] == ("switchyard", "accounts")
