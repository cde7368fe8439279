"""Client keys and the policies that they build upon."""

from datetime import UTC
from datetime import datetime

import pytest
from pydantic import ValidationError

from switchyard.config.client_keys import ClientSettings
from switchyard.values.units import NANO_DOLLARS
from switchyard.values.units import Rate


def settings(**members: object) -> ClientSettings:
    return ClientSettings.model_validate(members)


def test_a_key_builds_upon_its_policy_and_the_defaults() -> None:
    clients = settings(
        **{
            "api-keys": [
                {"key": "k", "extends": "team", "limits": {"tokens": "5/m"}, "priority": 3}
            ],
            "policies": {"team": {"limits": {"requests": "9/m"}, "budgets": {"day": "1 USD"}}},
            "defaults": {
                "concurrency": 2,
                "priority": 1,
                "budgets": {"month": "9 USD"},
                "limits": {"requests": "1/m"},
            },
        }
    )
    key = clients.effective(clients.api_keys[0])
    assert key.limits.requests == (Rate(9, 60.0),)
    assert key.limits.tokens == (Rate(5, 60.0),)
    assert (key.concurrency, key.priority) == (2, 3)
    assert key.budgets.day == NANO_DOLLARS and key.budgets.month == 9 * NANO_DOLLARS


def test_the_former_rate_limit_counts_as_limits() -> None:
    clients = settings(**{"api-keys": [{"key": "k", "rate-limit": {"requests": "3/s"}}]})
    assert clients.effective(clients.api_keys[0]).limits.requests == (Rate(3, 1.0),)


def test_a_day_ends_with_its_last_second() -> None:
    clients = settings(**{"api-keys": [{"key": "k", "expires": "2027-01-31"}]})
    expires = clients.api_keys[0].expires
    assert expires is not None
    assert expires.replace(microsecond=0) == datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ({}, "has no key"),
        ({"key": "k", "key-hash": "sha256:" + "0" * 64}, "both key and key-hash"),
        ({"key": "k", "addresses": ["10.0.0"]}, "no address range"),
        ({"key": "k", "expires": "soon"}, "no date or time"),
        ({"key": "k", "budgets": {"day": "much"}}, "not an amount of money"),
        ({"key": "k", "limits": {"requests": "often"}}, "not a rate"),
        ({"key": "k", "role": "king"}, "client"),
        ({"key": "k", "concurrency": 0}, "1"),
    ],
)
def test_bad_values_are_told(key: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(**{"api-keys": [key]})


def test_time_zones_must_be_known() -> None:
    with pytest.raises(ValidationError, match="no time zone"):
        settings(timezone="Mars/Olympus")


def test_labels_never_show_a_secret() -> None:
    clients = settings(
        **{
            "api-keys": [
                {"key": "secret"},
                {"key-hash": "sha256:" + "a" * 64},
                {"key": "s", "id": "i"},
            ]
        }
    )
    labels = [key.label for key in clients.api_keys]
    assert labels == ["", "sha256:aaaaaaaa", "i"]
