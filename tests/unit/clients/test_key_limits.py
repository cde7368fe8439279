"""Policies as limits of shared state."""

from switchyard.clients.key_limits import BudgetCalendar
from switchyard.clients.key_limits import limits_for
from switchyard.config.client_keys import Budgets
from switchyard.config.client_keys import ClientSettings
from switchyard.config.client_keys import KeyLimits
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import Sliding


def test_each_kind_and_period_is_a_limit() -> None:
    limits = KeyLimits.model_validate(
        {"requests": "5/s", "tokens": "1M/d", "input": "2k/5h", "output": "1k/w"}
    )
    budgets = Budgets.model_validate({"5h": 1, "day": 2, "week": 3, "month": 4, "total": 5})
    made = limits_for("ann", limits, budgets, BudgetCalendar("Europe/Berlin", 6), True, 4)
    assert [(one.kind, one.most, one.period) for one in made] == [
        ("slots", 4, None),
        ("requests", 5, Sliding(1)),
        ("tokens", 1_000_000, Sliding(86_400)),
        ("input", 2000, Sliding(18_000)),
        ("output", 1000, Sliding(604_800)),
        *(
            ("money", amount * 10**9, Calendar(name, "Europe/Berlin", 6))  # type: ignore
            for amount, name in enumerate(("5h", "day", "week", "month", "total"), 1)
        ),
    ]


def test_of_two_limits_for_the_same_time_the_lower_one_holds() -> None:
    limits = KeyLimits.model_validate({"requests": ["9/m", "5/m", "7/m"]})
    [one] = limits_for("ann", limits, Budgets(), BudgetCalendar())
    assert one.most == 5


def test_weeks_begin_as_configured() -> None:
    settings = ClientSettings.model_validate({"timezone": "Asia/Tokyo", "week-starts": "sunday"})
    assert BudgetCalendar.of(settings) == BudgetCalendar("Asia/Tokyo", 6)
