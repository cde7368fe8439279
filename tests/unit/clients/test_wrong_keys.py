import pytest
from mitmproxy.test import tflow

from switchyard.clients.wrong_keys import LONGEST_DELAY
from switchyard.clients.wrong_keys import LONGEST_WAIT
from switchyard.clients.wrong_keys import MOST_ADDRESSES
from switchyard.clients.wrong_keys import WrongKeys


def test_refusals_come_slower_and_slower() -> None:
    keys = WrongKeys()
    delays = [keys.count("203.0.113.9", 4.0 * number) for number in range(8)]
    assert delays[:5] == [0.1, 0.2, 0.4, 0.8, 1.6]
    assert delays[5:] == [LONGEST_DELAY] * 3
    assert keys.count("203.0.113.10", 32.0) == 0.1, "another address"
    assert keys.count("203.0.113.9", 60.0) == 0.1, "a minute later"


def test_tries_at_once_are_refused_one_after_another() -> None:
    keys = WrongKeys()
    waits = [keys.count("203.0.113.9", 0.0) for _ in range(100)]
    assert waits[:4] == pytest.approx([0.1, 0.3, 0.7, 1.5])
    assert waits == sorted(waits) and waits[-1] == LONGEST_WAIT
    assert keys.count("203.0.113.9", 60.0) == 0.1


def test_the_log_names_an_address_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    keys = WrongKeys()
    for second in (0.0, 1.0, 59.0, 61.0, 62.0, 63.0):
        keys.count("203.0.113.9", second)
    first, later = caplog.messages
    assert "a wrong client key from 203.0.113.9 (1 since" in first
    assert "wrong client keys from 203.0.113.9 (3 since" in later


def test_requests_without_a_key_are_told_apart_and_do_not_wait(
    caplog: pytest.LogCaptureFixture,
) -> None:
    keys = WrongKeys()
    for second in (0.0, 1.0, 2.0):
        keys.count_missing("203.0.113.9", second)
    assert keys.count("203.0.113.9", 3.0) == 0.1, "the first wrong one"
    keys.count_missing("203.0.113.9", 61.0)
    first, wrong, missing = caplog.messages
    assert "refused 1 request without a client key from 203.0.113.9." in first
    assert "a wrong client key from 203.0.113.9 (1 since" in wrong
    assert "refused 3 requests without a client key from 203.0.113.9." in missing


def test_wrong_management_keys_are_named_as_such(caplog: pytest.LogCaptureFixture) -> None:
    keys = WrongKeys()
    assert keys.count("203.0.113.9", 0.0, "management") == 0.1
    assert keys.count("203.0.113.9", 1.0) == 0.2, "one delay for all keys of an address"
    keys.count("203.0.113.9", 61.0, "management")
    first, client, manager = caplog.messages
    assert "a wrong management key from" in first and "management.key" in first
    assert "a wrong client key from" in client and "clients.api-keys" in client
    assert "a wrong management key from" in manager


def test_few_addresses_are_kept() -> None:
    keys = WrongKeys()
    for number in range(3 * MOST_ADDRESSES):
        keys.count(f"2001:db8::{number:x}", 0.0)
    assert len(keys._tries) == MOST_ADDRESSES


def test_a_network_that_one_machine_has_alone_counts_as_one() -> None:
    keys, client = WrongKeys(), tflow.tclient_conn()
    delays = []
    for last in ("1", "2", "ffff:1"):
        client.peername = (f"2001:db8::{last}", 50000)
        delays.append(keys.slow_down(client))
    assert delays == pytest.approx([0.1, 0.3, 0.7], abs=0.2)
    assert delays == sorted(delays)
