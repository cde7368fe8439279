"""The values that state takes: bounds, names of counters, what fits together."""

import pytest

from switchyard.state.shared.protocol import MOST
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import Denied
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import LimitExceeded
from switchyard.state.shared.protocol import LimitStanding
from switchyard.state.shared.protocol import Period
from switchyard.state.shared.protocol import Sliding

SLOTS = Limit(key="a", kind="slots", most=1)
RATE = Limit(key="a", kind="requests", most=5, period=Sliding(60))


def test_amounts_stay_within_bounds() -> None:
    amounts = Amounts(tokens=-5, input=2**70, money=7)
    assert (amounts.tokens, amounts.input, amounts.money) == (0, MOST, 7)


@pytest.mark.parametrize(
    ("limit", "counter"),
    [
        (SLOTS, "a|slots"),
        (RATE, "a|requests|60s"),
        (Limit(key="b", kind="money", most=1, period=Calendar("day")), "b|money|day"),
        (
            Limit(key="b", kind="money", most=1, period=Calendar("day"), enforce=False),
            "b|money|day|shadow",
        ),
    ],
)
def test_counters_have_names_of_their_own(limit: Limit, counter: str) -> None:
    assert limit.counter == counter


@pytest.mark.parametrize(("most", "period"), [(-1, None), (2**53, None), (1, Sliding(60))])
def test_slots_that_make_no_sense(most: int, period: Period | None) -> None:
    with pytest.raises(ValueError):
        Limit(key="a", kind="slots", most=most, period=period)


def test_time_zones_must_be_known() -> None:
    with pytest.raises(ValueError, match="Europe/Berlin"):
        Calendar("day", "Mars/Olympus")


def test_waiting_helps_where_only_slots_are_missing() -> None:
    full = LimitExceeded(LimitStanding(SLOTS, 1, 1, None), 1, 30)
    over = LimitExceeded(LimitStanding(RATE, 5, 0, 60.0), 1, 60)
    assert Denied((full,)).only_slots
    assert not Denied((full, over)).only_slots
    assert not Denied().only_slots
    assert LimitStanding(RATE, 9, 0, None).left == 0
