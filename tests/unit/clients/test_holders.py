"""Whether the holder of a key may call at all."""

from datetime import UTC
from datetime import datetime
from datetime import timedelta

import pytest
from mitmproxy.test import tflow

from switchyard.clients.holders import KeyExpired
from switchyard.clients.holders import check_holder
from switchyard.clients.holders import is_among
from switchyard.clients.holders import may_use
from switchyard.config.client_keys import ClientKey
from switchyard.exchange.guard import Refused


def key(**members: object) -> ClientKey:
    return ClientKey.model_validate({"key": "k-e-y-1", "name": "ann", **members})


def client(address: str | None) -> object:
    flow = tflow.tflow()
    flow.client_conn.peername = (address, 1234) if address else None  # type: ignore
    return flow.client_conn


def test_an_expired_key_is_told_when_it_ended() -> None:
    past, peer = datetime(2026, 1, 31, 12, tzinfo=UTC), client("127.0.0.1")
    with pytest.raises(KeyExpired) as raised:
        check_holder(key(expires=past), peer, "ops@example.com")  # type: ignore
    error = raised.value.error
    assert error.message == "The key 'ann' expired on 2026-01-31 12:00 (UTC). Ask ops@example.com."
    assert error.http_status == 401 and raised.value.headers["x-should-retry"] == "false"
    later = datetime.now(UTC) + timedelta(hours=1)
    check_holder(key(expires=later), peer)  # type: ignore


def test_a_blocked_key_is_refused() -> None:
    with pytest.raises(Refused) as raised:
        check_holder(key(blocked=True), client("127.0.0.1"))  # type: ignore
    assert raised.value.error.http_status == 403
    assert not may_use(key(blocked=True), client("127.0.0.1"))  # type: ignore
    assert may_use(key(), client(None))  # type: ignore


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("fe80::7%eth0", True),
        ("11.1.2.3", False),
        ("fd00::1", False),
        ("", False),
        ("a-socket", False),
    ],
)
def test_a_key_may_be_bound_to_addresses(address: str, allowed: bool) -> None:
    bound = key(addresses=["10.0.0.0/8", "fe80::/10"])
    assert is_among(client(address), bound) is allowed  # type: ignore
    assert may_use(bound, client(address)) is allowed  # type: ignore
