import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs
from urllib.parse import urlsplit

import pytest

from switchyard.accounts.store import AccountStore
from switchyard.config.account_flows import AccountFlow
from switchyard.management.logins import MOST_LOGINS
from switchyard.management.logins import Login
from switchyard.management.logins import Logins
from switchyard.management.logins import LoginsBusy
from tests.support.authority import Asked
from tests.support.authority import Authority
from tests.support.authority import Reply

TOKENS = {"access_token": "tok-1", "refresh_token": "ref-1", "expires_in": 3600}
WITHIN = 60.0


@pytest.fixture
def authority() -> Iterator[Authority]:
    with Authority() as authority:
        yield authority


@pytest.fixture
def store(tmp_path: Path) -> AccountStore:
    return AccountStore(tmp_path / "accounts")


def flow(authority: Authority, answer: Reply = (200, TOKENS)) -> AccountFlow:
    begun = {"device_code": "d-1", "user_code": "ABCD-EFGH", "interval": 1,
             "verification_uri": "https://p.example/device"}  # fmt: skip
    authority.paths |= {"/device": lambda asked: (200, begun), "/token": lambda asked: answer}
    return AccountFlow.model_validate(
        {
            "client-id": "c",
            "authorize": {"url": f"{authority.url}/authorize"},
            "device": {"url": f"{authority.url}/device"},
            "token": {"url": f"{authority.url}/token"},
        }
    )


def joined(login: Login) -> None:
    for thread in login_threads():
        thread.join(WITHIN)
    assert login.is_over


def login_threads() -> list[threading.Thread]:
    """Those that have not ended yet."""
    return [one for one in threading.enumerate() if one.name == "switchyard login"]


def test_a_code_is_shown_until_the_user_has_typed_it(
    authority: Authority, store: AccountStore
) -> None:
    login = Logins(lambda: store).begin("p/work", flow(authority), "device")
    login.wait_until_shown(WITHIN)
    assert (login.status.url, login.status.code) == ("https://p.example/device", "ABCD-EFGH")
    assert not login.paste("not asked for")
    joined(login)
    assert (login.status.state, login.status.error) == ("done", "")
    record = store.load("p/work")
    assert record is not None and record.access_token == "tok-1"
    assert "tok-1" not in repr(login.status)


def test_a_pasted_address_ends_a_login(authority: Authority, store: AccountStore) -> None:
    login = Logins(lambda: store).begin("p", flow(authority), "paste")
    login.wait_until_shown(WITHIN)
    query = parse_qs(urlsplit(login.status.url).query)
    assert login.status.asks and not login.status.code
    assert login.paste(f"{query['redirect_uri'][0]}?code=co-1&state={query['state'][0]}")
    joined(login)
    assert login.status.state == "done" and store.load("p") is not None


def test_a_refusal_says_why(authority: Authority, store: AccountStore) -> None:
    def refuse(asked: Asked) -> Reply:
        return 400, {"error": "access_denied"}

    wanted = flow(authority)
    authority.paths["/token"] = refuse
    login = Logins(lambda: store).begin("p", wanted, "device")
    joined(login)
    assert login.status.state == "failed" and "refused" in login.status.error


def test_a_login_can_be_given_up(authority: Authority, store: AccountStore) -> None:
    logins = Logins(lambda: store)
    login = logins.begin("p", flow(authority), "paste")
    login.wait_until_shown(WITHIN)
    assert logins.find(login.id) is login and logins.find("other") is None
    login.end()
    joined(login)
    assert login.status.state == "failed" and not login.status.asks
    assert store.load("p") is None


def test_there_are_only_so_many(authority: Authority, store: AccountStore) -> None:
    logins = Logins(lambda: store)
    begun = [logins.begin("p", flow(authority), "paste") for _ in range(MOST_LOGINS)]
    with pytest.raises(LoginsBusy):
        logins.begin("p", flow(authority), "paste")
    for one in begun:
        one.end()
    for thread in login_threads():
        thread.join(WITHIN)
    assert all(one.is_over for one in begun)
    last = logins.begin("p", flow(authority), "paste")
    last.end()
    joined(last)
