import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from switchyard.accounts.oauth_account import OAuthAccount
from switchyard.accounts.record import AccountRecord
from switchyard.accounts.store import AccountStore
from switchyard.accounts.store import AccountStoreError
from switchyard.accounts.token import SourceError
from switchyard.accounts.token import Token
from switchyard.config.account_flows import AccountFlow
from tests.support.authority import Asked
from tests.support.authority import Authority
from tests.support.authority import Reply
from tests.support.ports import free_port


class Rotating:
    """A token endpoint whose refresh tokens work once; reuse is punished."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.number = 1
        self.refreshes = 0
        self.answers: list[Reply] = []
        """What is answered first, instead of tokens."""
        self.rotates = True
        self.life = 3600
        """Seconds that a token lives."""
        authority.paths["/token"] = self

    def __call__(self, asked: Asked) -> Reply:
        with self.authority.lock:
            if self.answers:
                return self.answers.pop(0)
            if asked.body.get("refresh_token") != f"ref-{self.number}":
                return 400, {"error": "invalid_grant"}
            self.refreshes += 1
            self.number += self.rotates
            token = f"tok-{self.refreshes + 1}"
            self.authority.valid = {token}
            rotated = {"refresh_token": f"ref-{self.number}"} if self.rotates else {}
            return 200, {"access_token": token, "expires_in": self.life, **rotated}


class Scene:
    def __init__(self, authority: Authority, folder: Path) -> None:
        self.authority, self.folder = authority, folder
        self.server = Rotating(authority)
        self.store = AccountStore(folder)
        self.learned: list[str] = []
        self.flow = self.flow_with()
        self.account = self.another()

    def flow_with(self, **settings: Any) -> AccountFlow:
        token = {"url": f"{self.authority.url}/token"}
        return AccountFlow.model_validate(
            {"client-id": "c", "device": token, "token": token, **settings}
        )

    def another(self, **settings: Any) -> OAuthAccount:
        """A reader of its own, as another process has it."""
        flow = self.flow_with(**settings)
        return OAuthAccount("corp", flow, AccountStore(self.folder), self.learned.append)

    def log_in(self, life: float = 3600.0, **members: Any) -> None:
        now = time.time()
        record = AccountRecord(
            name="corp", access_token="tok-1", refresh_token="ref-1",
            expires_at=now + life, obtained_at=now - 3600,
        )  # fmt: skip
        self.store.save(replace(record, **members))

    @property
    def record(self) -> AccountRecord:
        found = self.store.load("corp")
        assert found is not None
        return found


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with Authority() as authority:
        yield Scene(authority, tmp_path / "accounts")


def text(token: Token) -> str:
    return token.secret.get_secret_value()


def failure(account: OAuthAccount, refused: str = "") -> SourceError:
    with pytest.raises(SourceError) as caught:
        account.read(refused)
    return caught.value


def test_a_valid_token_is_not_refreshed(scene: Scene) -> None:
    scene.log_in()
    token = scene.account.read("")
    assert text(token) == "tok-1" and not scene.authority.asked
    assert token.renew_at == pytest.approx(token.expires_at - 300)


@pytest.mark.parametrize("life", [-10.0, 5.0, 200.0])
def test_a_token_is_refreshed_ahead_and_saved_before_it_is_used(scene: Scene, life: float) -> None:
    scene.log_in(life)
    assert text(scene.account.read("")) == "tok-2"
    record = scene.record
    assert (record.state, record.access_token, record.refresh_token) == ("ok", "tok-2", "ref-2")
    assert {"tok-1", "ref-1", "tok-2", "ref-2"} <= set(scene.learned)


def test_a_token_that_lives_for_seconds_lives_when_it_is_given(scene: Scene) -> None:
    scene.log_in(-10.0)
    scene.server.life = 3
    token = scene.account.read("")
    assert text(token) == "tok-2" and not token.is_expired(token.renew_at)


def test_what_another_process_refreshed_is_taken_over(scene: Scene) -> None:
    scene.log_in(-10.0)
    other = scene.another()
    scene.account.read("")
    assert scene.account.has_changed() is False
    assert text(other.read("")) == "tok-2" and scene.server.refreshes == 1


def test_a_refused_token_is_refreshed_once_for_all(scene: Scene) -> None:
    scene.log_in()
    other = scene.another()
    assert text(scene.account.read("tok-1")) == "tok-2"
    assert text(other.read("tok-1")) == "tok-2"
    assert scene.server.refreshes == 1


def test_a_refresh_token_that_is_not_renewed_stays(scene: Scene) -> None:
    scene.server.rotates = False
    scene.log_in(-10.0)
    scene.account.read("")
    assert scene.record.refresh_token == "ref-1"
    assert text(scene.account.read("tok-2")) == "tok-3"


@pytest.mark.parametrize(
    "answer",
    [
        (500, {"error": "server_error"}),
        (503, "<html>busy</html>"),
        (429, {"error": "rate_limit"}, {"retry-after": "1"}),
        (200, "<html>log in to this network</html>"),
        (403, {"error": "something_new"}),
    ],
)
def test_a_passing_failure_loses_no_token(scene: Scene, answer: Reply) -> None:
    scene.log_in(100.0)
    scene.server.answers = [answer, answer]
    assert text(scene.account.read("")) == "tok-1", "it is still valid"
    assert not failure(scene.account, "tok-1").lasting
    assert scene.record.refresh_token == "ref-1" and scene.record.state == "ok"
    assert text(scene.account.read("")) == "tok-2"
    assert scene.record.error == ""


def test_no_connection_loses_no_token(scene: Scene) -> None:
    scene.log_in(-10.0)
    nowhere = {"url": f"http://127.0.0.1:{free_port()}/token"}
    error = failure(scene.another(token=nowhere))
    assert "no connection" in str(error) and scene.record.state == "ok"
    assert text(scene.account.read("")) == "tok-2"


@pytest.mark.parametrize("error", ["invalid_grant", "refresh_token_reused", "token_expired"])
def test_a_dead_login_says_what_to_do(scene: Scene, error: str) -> None:
    scene.log_in(-10.0)
    scene.server.answers = [(400, {"error": error})]
    first = failure(scene.account)
    assert first.lasting and "Run scripts/login corp" in str(first)
    assert scene.record.state == "log-in-again"
    asked = len(scene.authority.asked)
    assert str(failure(scene.another())) == str(first)
    assert len(scene.authority.asked) == asked, "a dead login is not tried again"
    scene.log_in()
    assert scene.account.has_changed()
    assert text(scene.account.read("")) == "tok-1"


def test_a_wrong_client_is_the_configurations_fault(scene: Scene) -> None:
    scene.log_in(-10.0)
    scene.server.answers = [(401, {"error": "invalid_client"})]
    assert "Check its client-id" in str(failure(scene.account))
    assert scene.record.state == "ok"
    assert text(scene.account.read("")) == "tok-2"


def test_a_suspended_account_is_left_alone(scene: Scene) -> None:
    scene.log_in(-10.0)
    scene.server.answers = [(403, {"error": "TEMPORARILY_SUSPENDED"})]
    account = scene.another(suspended=["TEMPORARILY_SUSPENDED"])
    assert "suspended" in str(failure(account))
    assert scene.record.state == "suspended"
    failure(account)
    assert len(scene.authority.asked) == 1


def test_an_account_that_the_api_calls_suspended_is_left_alone(scene: Scene) -> None:
    scene.log_in()
    scene.account.suspend("tok-of-another-login", "TEMPORARILY_SUSPENDED")
    assert scene.record.state == "ok"
    scene.account.suspend("tok-1", "TEMPORARILY_SUSPENDED")
    assert (scene.record.state, scene.record.error) == ("suspended", "TEMPORARILY_SUSPENDED")
    assert not scene.account.has_changed()
    assert "once it is not, run scripts/login corp" in str(failure(scene.account))
    assert not scene.authority.asked
    scene.log_in()
    assert text(scene.account.read("")) == "tok-1"


def test_a_token_without_a_refresh_ends_with_a_login(scene: Scene) -> None:
    scene.log_in(refresh_token="")
    assert text(scene.account.read("")) == "tok-1"
    assert "must log in again (its token ended)" in str(failure(scene.account, "tok-1"))


def test_an_account_that_never_logged_in(scene: Scene) -> None:
    assert "is not logged in. Run scripts/login corp" in str(failure(scene.account))


def test_client_credentials_need_no_login(scene: Scene) -> None:
    bodies: list[dict[str, Any]] = []

    def token(asked: Asked) -> Reply:
        bodies.append(asked.body)
        return 200, {"access_token": f"app-{len(bodies)}", "expires_in": 3600}

    scene.authority.paths["/client"] = token
    step = {"url": f"{scene.authority.url}/client"}
    settings = {"client-secret": "s3cret", "scopes": ["a", "b"], "client-credentials": step}
    account = scene.another(device=None, token=None, **settings)
    assert text(account.read("")) == "app-1"
    assert bodies == [
        {"grant_type": "client_credentials", "client_id": "c", "client_secret": "s3cret",
         "scope": "a b"}
    ]  # fmt: skip
    assert text(account.read("app-1")) == "app-2"


def test_a_disk_that_is_full_loses_no_token(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.log_in(-10.0)
    saves = 0

    def save(self: AccountStore, record: AccountRecord) -> None:
        nonlocal saves
        saves += 1
        if saves in (2, 3):
            raise AccountStoreError("cannot be saved: No space left on device")
        whole(self, record)

    whole = AccountStore.save
    monkeypatch.setattr(AccountStore, "save", save)
    assert "No space left" in str(failure(scene.account))
    assert "No space left" in str(failure(scene.account)), "it is saved before it is used"
    assert text(scene.account.read("")) == "tok-2"
    assert scene.record.refresh_token == "ref-2" and scene.server.refreshes == 1


@pytest.mark.parametrize("state", ["refreshing", "uncertain"])
@pytest.mark.parametrize("spent", [False, True])
def test_a_refresh_that_did_not_finish_is_tried_once_more(
    scene: Scene, state: Any, spent: bool
) -> None:
    scene.log_in(-10.0, state=state)
    scene.server.number = 2 if spent else 1
    if spent:
        assert "must log in again" in str(failure(scene.account))
        assert scene.record.state == "log-in-again"
    else:
        assert text(scene.account.read("")) == "tok-2"
        assert scene.record.state == "ok"
