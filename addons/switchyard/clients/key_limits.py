"""Turns policies of client keys into the limits that shared state counts.

Three scopes: a key, a key with some models, and the whole router.
"""

import re
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from switchyard.config.client_keys import Budgets
from switchyard.config.client_keys import ClientSettings
from switchyard.config.client_keys import KeyLimits
from switchyard.state.shared.protocol import AmountKind
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import Period
from switchyard.state.shared.protocol import PeriodName
from switchyard.state.shared.protocol import Sliding
from switchyard.values.units import Rate

ROUTER = "router"
"""The owner of the whole router's limits."""

_MARKS = re.compile(r"[%/|#]")
"""What stands between the parts of a counter's name."""

_DAY = 86_400
_ROLLING: dict[PeriodName, int] = {
    "5h": 5 * 3600,
    "day": _DAY,
    "week": 7 * _DAY,
    "month": 30 * _DAY,
}
"""Seconds of the periods that may be the time before now."""


@dataclass(frozen=True, slots=True)
class BudgetCalendar:
    """Where days and weeks of budgets begin."""

    timezone: str = "UTC"
    week_starts: int = 0
    """0 is Monday."""

    @classmethod
    def of(cls, settings: ClientSettings) -> "BudgetCalendar":
        """Returns the calendar of a configuration."""
        return cls(settings.timezone, 6 if settings.week_starts == "sunday" else 0)

    def period(self, name: PeriodName, rolling: bool) -> Period:
        """Returns a budget's period; a total one never begins anew."""
        if rolling and name in _ROLLING:
            return Sliding(_ROLLING[name])
        return Calendar(name, self.timezone, self.week_starts)


def owner_for(name: str) -> str:
    """Returns what the limits of a key with this name are counted by; no other name leads to it."""
    return _MARKS.sub(lambda mark: f"%{ord(mark[0]):02X}", name)


def scope_of(owner: str, models: Sequence[str]) -> str:
    """Returns what the limits of an owner's requests for some models are counted by."""
    return f"{owner}/{','.join(models)}"


def parts_of(scope: str) -> tuple[str, str]:
    """Returns the name in a scope, and its models with commas between them; "" for any model."""
    owner, _, models = scope.partition("/")
    return unquote(owner), models


def limits_for(
    owner: str,
    limits: KeyLimits,
    budgets: Budgets,
    calendar: BudgetCalendar,
    enforce: bool = True,
    concurrency: int | None = None,
) -> tuple[Limit, ...]:
    """Returns the limits of one scope, each with a counter of its own.

    Of two for the same kind and period the lower one holds.
    """
    found: dict[str, Limit] = {}
    if concurrency is not None:
        slots = Limit(key=owner, kind="slots", most=concurrency, enforce=enforce)
        found[slots.counter] = slots
    for kind, rates in _rates(limits):
        for rate in rates:
            period = Sliding(max(1, round(rate.window)))
            limit = Limit(key=owner, kind=kind, most=rate.amount, period=period, enforce=enforce)
            _keep_lower(found, limit)
    for name, money in _money(budgets):
        period = calendar.period(name, budgets.rolling)
        _keep_lower(
            found, Limit(key=owner, kind="money", most=money, period=period, enforce=enforce)
        )
    return tuple(found.values())


def _rates(limits: KeyLimits) -> Iterator[tuple[AmountKind, Sequence[Rate]]]:
    yield "requests", limits.requests
    yield "tokens", limits.tokens
    yield "input", limits.input
    yield "output", limits.output


def _money(budgets: Budgets) -> Iterator[tuple[PeriodName, int]]:
    named: tuple[tuple[PeriodName, int | None], ...] = (
        ("5h", budgets.five_hours),
        ("day", budgets.day),
        ("week", budgets.week),
        ("month", budgets.month),
        ("total", budgets.total),
    )
    for name, money in named:
        if money is not None:
            yield name, money


def _keep_lower(found: dict[str, Limit], limit: Limit) -> None:
    known = found.get(limit.counter)
    if known is None or limit.most < known.most:
        found[limit.counter] = limit
