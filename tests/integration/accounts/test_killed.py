"""A process that is killed at any point of a refresh loses no account silently."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from switchyard.accounts.oauth_account import OAuthAccount
from switchyard.accounts.record import AccountRecord
from switchyard.accounts.store import AccountStore
from switchyard.accounts.token import SourceError
from switchyard.config.account_flows import AccountFlow
from tests.support.authority import Asked
from tests.support.authority import Authority
from tests.support.authority import Reply
from tests.support.router import ROOT
from tests.support.signals import PATIENCE

REFRESHER = """
import os, sys, time
from pathlib import Path
from switchyard.accounts import oauth_account, store
from switchyard.config.account_flows import AccountFlow

folder, flow, point = sys.argv[1:]
saves = 0


def here(name):
    if name == point:
        print("here", flush=True)
        time.sleep(1000)


save, replace, send = store.AccountStore.save, os.replace, oauth_account.send_step


def saving(self, record):
    global saves
    saves += 1
    here(f"before-save-{saves}")
    save(self, record)
    here(f"after-save-{saves}")


def replacing(old, new):
    here(f"before-replace-{saves}")
    replace(old, new)
    here(f"after-replace-{saves}")


def sending(*arguments):
    answer = send(*arguments)
    here("answered")
    return answer


store.AccountStore.save, store.os.replace = saving, replacing
oauth_account.send_step = sending
account = oauth_account.OAuthAccount(
    "corp", AccountFlow.model_validate_json(flow), store.AccountStore(Path(folder)), lambda x: None
)
account.read("")
here("read")
"""

POINTS = {
    "before-save-1": False,
    "before-replace-1": False,
    "after-replace-1": False,
    "after-save-1": False,
    "asked": False,
    "spent": True,
    "answered": True,
    "before-save-2": True,
    "before-replace-2": True,
    "after-replace-2": False,
    "after-save-2": False,
    "read": False,
}
"""Where the process is killed, and whether the refresh token is spent by then and its successor
nowhere on disk."""


class Server:
    """Refresh tokens that work once. May hold an answer back, before or after it is spent."""

    def __init__(self, authority: Authority, holds: str, forgives: bool) -> None:
        self.number, self.holds, self.forgives = 1, holds, forgives
        self.authority = authority
        self.came = False
        self.killed = threading.Event()
        """Whoever asked first is there no more."""
        read, write = os.pipe()
        self.reached, self._reached = read, write
        authority.paths["/token"] = self

    def __call__(self, asked: Asked) -> Reply:
        first, self.came = not self.came, True
        if first and self.holds == "asked":
            os.write(self._reached, b"x")
            return 503, ""
        given = asked.body["refresh_token"]
        spent = f"ref-{self.number - 1}"
        if given != f"ref-{self.number}" and not (self.forgives and given == spent):
            return 400, {"error": "invalid_grant"}
        self.number += 1
        if first and self.holds == "spent":
            os.write(self._reached, b"x")
            self.killed.wait(PATIENCE)
        token = f"tok-{self.number}"
        return 200, {"access_token": token, "refresh_token": f"ref-{self.number}",
                     "expires_in": 3600}  # fmt: skip

    def close(self) -> None:
        os.close(self.reached)
        os.close(self._reached)


@pytest.fixture
def authority() -> Iterator[Authority]:
    with Authority() as made:
        yield made


@pytest.mark.parametrize("forgives", [False, True], ids=["strict", "forgiving"])
@pytest.mark.parametrize("point", POINTS)
def test_killed_at(authority: Authority, tmp_path: Path, point: str, forgives: bool) -> None:
    server = Server(authority, point, forgives)
    step = {"url": f"{authority.url}/token"}
    settings = {"client-id": "c", "device": step, "token": step}
    store = AccountStore(tmp_path / "accounts")
    now = time.time()
    record = AccountRecord(
        name="corp", access_token="tok-1", refresh_token="ref-1",
        expires_at=now - 5, obtained_at=now - 3600,
    )  # fmt: skip
    store.save(record)
    command = [sys.executable, "-c", REFRESHER, str(tmp_path / "accounts"), json.dumps(settings)]
    with subprocess.Popen(
        [*command, point], cwd=ROOT / "addons", stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        if point in ("asked", "spent"):
            os.read(server.reached, 1)
        else:
            assert process.stdout.readline() == b"here\n"
        process.kill()
        process.wait()
        server.killed.set()
    server.close()
    flow = AccountFlow.model_validate(settings)
    account = OAuthAccount("corp", flow, store, lambda secret: None)
    lost = POINTS[point] and not forgives
    if lost:
        with pytest.raises(SourceError, match="must log in again") as caught:
            account.read("")
        assert caught.value.lasting
    else:
        assert account.read("").secret.get_secret_value().startswith("tok-")
    left = store.load("corp")
    assert left is not None and left.state == ("log-in-again" if lost else "ok")
    if not lost:
        assert left.refresh_token == f"ref-{server.number}"
