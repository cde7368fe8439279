"""What every login does, whoever its provider: failures, replacing an account, pasted answers."""

import pytest

from switchyard.accounts.login import LoginError
from switchyard.accounts.login import read_pasted
from tests.support.authority import Reply
from tests.unit.accounts.login_support import PENDING
from tests.unit.accounts.login_support import Provider
from tests.unit.accounts.login_support import tokens

DEVICE: Reply = (200, {"device_code": "d", "user_code": "u", "expires_in": 30, "interval": 5})


@pytest.mark.parametrize(
    ("answers", "cause"),
    [
        ([(403, {"error": "access_denied"})], "refused the login"),
        ([(400, {"error": "expired_token"})], "the code has expired"),
        ([PENDING], "the code has expired"),
        ([(400, {"error": "slow_down"})], "the code has expired"),
        ([(401, {"error": "invalid_client"})], "refused the login"),
        ([(502, "<html>")], "refused the login"),
        ([(200, {"token_type": "bearer"})], "gave no token"),
    ],
)
def test_a_device_login_that_fails(provider: Provider, answers: list[Reply], cause: str) -> None:
    flow = {
        "client-id": "c",
        "device": {"url": provider.on("/device", DEVICE)},
        "token": {"url": provider.on("/token", *answers)},
    }
    with pytest.raises(LoginError, match=cause):
        provider.log_in(flow)
    assert provider.store.refs() == []


def test_passing_failures_do_not_end_a_device_login(provider: Provider) -> None:
    flow = {
        "client-id": "c",
        "device": {"url": provider.on("/device", DEVICE)},
        "token": {"url": provider.on("/token", (502, "<html>"), PENDING, (503, ""), tokens(1))},
    }
    assert provider.log_in(flow).access_token == "tok-1"


def test_a_new_login_replaces_the_whole_account(provider: Provider) -> None:
    flow = {
        "client-id": "c",
        "device": {"url": provider.on("/device", DEVICE)},
        "token": {"url": provider.on("/token", tokens(1), (200, {"access_token": "tok-2"}))},
    }
    provider.log_in(flow)
    assert provider.log_in(flow).refresh_token == ""


def test_a_way_that_a_provider_does_not_have(provider: Provider) -> None:
    flow = {
        "client-id": "c",
        "device": {"url": f"{provider.url}/device"},
        "token": {"url": f"{provider.url}/token"},
    }
    with pytest.raises(LoginError, match="Use --device"):
        provider.log_in(flow, by="paste")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("http://127.0.0.1:8400/callback?code=co-1&state=st-1&scope=x", "co-1"),
        ("?code=co-1&state=st-1", "co-1"),
        ("co-1#st-1", "co-1"),
        (" co-1\n", "co-1"),
    ],
)
def test_what_a_user_pastes(text: str, code: str) -> None:
    assert read_pasted(text, "st-1") == {"code": code}


@pytest.mark.parametrize(
    "text", ["", "http://127.0.0.1/callback?state=st-1", "co-1#other", "?code=c&state=other",
             "?code=a&code=b&state=st-1"]
)  # fmt: skip
def test_what_a_user_pastes_wrongly(text: str) -> None:
    with pytest.raises(LoginError):
        read_pasted(text, "st-1")
