"""What clients are told when a request does not fit."""

from dataclasses import replace

import pytest

from switchyard.clients.key_rules import KeyRule
from switchyard.clients.limit_refusals import dollars
from switchyard.clients.limit_refusals import period_name
from switchyard.clients.limit_refusals import refusal_of
from switchyard.config.client_keys import ClientKey
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import Denied
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import LimitExceeded
from switchyard.state.shared.protocol import LimitStanding
from switchyard.state.shared.protocol import Sliding

NOON = 1_793_448_000.0
"""2026-10-31 12:00 UTC."""

BUDGET = Limit(key="ann", kind="money", most=10_000_000_000, period=Calendar("month"))
RATE = Limit(key="ann/*opus*", kind="tokens", most=1000, period=Sliding(300))
SLOTS = Limit(key="router", kind="slots", most=3)


def denied(limit: Limit, wanted: int, wait: int | None, used: int = 0, reserved: int = 0) -> Denied:
    standing = LimitStanding(limit, used, reserved, None if wait is None else float(wait))
    return Denied((LimitExceeded(standing, wanted, wait),), (standing,), wait)


def test_a_budget_says_what_is_spent_and_when_it_begins_anew() -> None:
    over = denied(BUDGET, 500_000_000, 43_200, 9_990_000_000, 1_990_000_000)
    refused = refusal_of(over, KeyRule((BUDGET,), None, "ann"), "anthropic", "ops", NOON)
    assert refused.error.message == (
        "Key 'ann' may spend 10.00 USD per month: 8.00 USD are spent, 1.99 USD reserved by "
        "requests under way, and this one may cost 0.50 USD. It begins anew at 2026-11-01 00:00 "
        "UTC. Ask ops."
    )
    assert refused.error.http_status == 402 and refused.error.retry_after is None
    assert refused.headers == {"x-should-retry": "false"}
    for status in (403, 429):
        rule = KeyRule((BUDGET,), None, "ann")
        other = refusal_of(over, rule, "anthropic", "ops", NOON, status)
        assert other.error.http_status == status and other.headers == refused.headers
    soon = refusal_of(denied(BUDGET, 1, 59), KeyRule((BUDGET,), None, "ann"), "x", "", NOON)
    assert soon.error.retry_after == 59 and soon.headers["x-should-retry"] == "false"


def test_a_rate_says_when_to_come_back() -> None:
    refused = refusal_of(denied(RATE, 10, 7, 995), KeyRule((RATE,), None, "a"), "x", "", NOON)
    assert refused.error.message == (
        "Key 'ann' (models *opus*) may use 1,000 tokens per 5 min, and 995 are used. "
        "Try again in 7 s."
    )
    assert (refused.error.http_status, refused.error.retry_after) == (429, 7)
    assert refused.headers["retry-after-ms"] == "7000"
    assert refused.headers["x-ratelimit-remaining-tokens"] == "5"


@pytest.mark.parametrize(("wait", "is_final"), [(61, False), (90, True), (86_400, True)])
def test_a_long_wait_is_for_the_user_to_decide(wait: int, is_final: bool) -> None:
    refused = refusal_of(denied(RATE, 10, wait, 995), KeyRule((RATE,), None, "a"), "x", "", NOON)
    assert refused.error.retry_after == wait
    assert (refused.headers.get("x-should-retry") == "false") is is_final


def test_a_budget_of_the_time_before_now_says_when_there_is_room() -> None:
    limit = Limit(key="ann", kind="money", most=10**9, period=Sliding(86_400))
    standing = LimitStanding(limit, 10**9, 0, 86_000.0)
    over = Denied((LimitExceeded(standing, 10**8, 3600),), (standing,), 3600)
    refused = refusal_of(over, KeyRule((limit,), None, "ann"), "x", "", NOON)
    assert refused.error.message.endswith("There is room again at 2026-10-31 13:00 UTC.")


def test_a_rate_decides_when_places_are_missing_too() -> None:
    """Leases run out in up to 30 seconds, and most requests end before."""
    rate = Limit(key="ann", kind="requests", most=1, period=Sliding(5))
    slots = Limit(key="ann", kind="slots", most=1)
    first, second = LimitStanding(slots, 1, 1, None), LimitStanding(rate, 1, 1, 1.0)
    over = Denied((LimitExceeded(first, 1, 30), LimitExceeded(second, 1, 1)), (first, second), 30)
    refused = refusal_of(over, KeyRule((slots, rate), None, "ann"), "x", "", NOON)
    assert refused.error.message == (
        "Key 'ann' may use 1 request per 5 s, and 1 is used. Try again in 2 s."
    )
    assert refused.headers["retry-after-ms"] == "2000" and refused.error.retry_after == 2


def test_a_key_is_called_by_its_name() -> None:
    key = ClientKey.model_validate({"key": "k-1", "id": "0a1b2c3d4e", "name": "team/ann"})
    for limit in (
        Limit(key="0a1b2c3d4e", kind="requests", most=2, period=Sliding(1)),
        Limit(key="0a1b2c3d4e/*opus*,o1", kind="requests", most=2, period=Sliding(1)),
    ):
        rule = KeyRule((limit,), key, "0a1b2c3d4e")
        told = refusal_of(denied(limit, 1, 1, 2), rule, "x", "", NOON).error.message
        models = " (models *opus*,o1)" if "/" in limit.key else ""
        assert told.startswith(f"Key 'team/ann'{models} may use 2 requests per s")


def test_what_never_fits_is_too_large() -> None:
    refused = refusal_of(denied(RATE, 1200, None), KeyRule((RATE,), None, "a"), "x", "", NOON)
    assert refused.error.http_status == 413 and refused.error.retry_after is None
    assert "about 1,200 tokens" in refused.error.message


def test_no_free_place_may_be_tried_again_soon() -> None:
    refused = refusal_of(denied(SLOTS, 1, 30), KeyRule((SLOTS,), None, "a"), "x", "", NOON)
    assert (refused.error.http_status, refused.error.retry_after) == (429, 2)
    assert refused.error.message == (
        "This router may have 3 requests under way at a time, and none ended within 10 s. "
        "Try again in 2 s."
    )
    key = ClientKey.model_validate({"key": "k-1", "name": "ann", "queue": 0})
    one = Limit(key="ann", kind="slots", most=1)
    at_once = refusal_of(denied(one, 1, 30), KeyRule((one,), key, "ann"), "x", "", NOON)
    assert at_once.error.message.startswith(
        "Key 'ann' may have 1 request under way at a time, and as many are. Try"
    )


def test_who_may_not_even_wait_is_told_how_many_do() -> None:
    full = replace(denied(SLOTS, 1, 30), in_line=1000)
    refused = refusal_of(full, KeyRule((SLOTS,), None, "a"), "x", "", NOON)
    assert refused.error.message == (
        "This router may have 3 requests under way at a time, and 1,000 more wait for their turn, "
        "the most that may. Try again in 2 s."
    )


def test_a_state_that_cannot_be_reached_is_no_fault_of_the_key() -> None:
    refused = refusal_of(Denied(retry_after=4), KeyRule((), None, "a"), "x", "", NOON)
    assert (refused.error.http_status, refused.error.retry_after) == (503, 4)


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (10_000_000_000, "10.00 USD"),
        (1_500_000, "0.0015 USD"),
        (0, "0.00 USD"),
        (7, "0.000000007 USD"),
    ],
)
def test_amounts_of_money(nano: int, text: str) -> None:
    assert dollars(nano) == text


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (BUDGET, "per month"),
        (Limit(key="k", kind="money", most=1, period=Calendar("total")), "in total"),
        (Limit(key="k", kind="money", most=1, period=Calendar("5h")), "per 5 h"),
        (Limit(key="k", kind="requests", most=1, period=Sliding(86_400)), "per d"),
        (Limit(key="k", kind="requests", most=1, period=Sliding(90)), "per 90 s"),
        (SLOTS, "at a time"),
    ],
)
def test_periods(limit: Limit, text: str) -> None:
    assert period_name(limit) == text
