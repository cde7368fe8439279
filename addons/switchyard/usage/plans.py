"""What subscriptions cost in the time of a report, beside the list price of what they covered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from datetime import datetime
from datetime import tzinfo
from decimal import Decimal
from typing import Literal

from switchyard.usage.reader import Line
from switchyard.usage.records import NANO

_DAYS = {
    "day": Decimal(1),
    "week": Decimal(7),
    "month": Decimal("30.4375"),
    "year": Decimal("365.25"),
}
"""Days of a period, on average."""

_PASSED_THROUGH = "passthrough:"
"""How the provider is named of what passes through; its host and port follow."""


@dataclass(frozen=True, slots=True)
class PaidPlan:
    """A subscription: whose it is, and its fee."""

    provider: str | None
    """A provider of the configuration."""
    host: str | None
    """The host of a login that passes through."""
    fee: Decimal
    currency: str
    every: Literal["day", "week", "month", "year"]

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.provider or self.host or ""

    def covers(self, provider: str | None) -> bool:
        """Whether requests that a provider answered are part of it."""
        if provider is None:
            return False
        host, passed, address = provider.partition(_PASSED_THROUGH)
        if passed and not host:
            return self.host is not None and _host_of(address) == self.host.lower()
        return provider == self.provider


@dataclass(frozen=True, slots=True)
class PlanCost:
    """A plan in the time of a report."""

    plan: PaidPlan
    days: int
    """Days of the report, or since the plan's first request where it has no first day."""
    covered: int
    """The list price of what it paid for, in nano-dollars."""
    uncovered: int
    """Requests that it paid for whose list price is not known."""

    @property
    def fee(self) -> Decimal:
        """The part of the fee that falls on these days, in the plan's currency."""
        return self.plan.fee * self.days / _DAYS[self.plan.every]


def plan_costs(
    plans: Sequence[PaidPlan],
    lines: Sequence[Line],
    zone: tzinfo,
    since: date | None,
    until: date | None,
    now: float,
) -> list[PlanCost]:
    """Set each plan's fee beside what it covered.

    `lines` are sums by provider over the days from `since` to `until`, both included; days to come
    cost nothing yet.
    """
    today = datetime.fromtimestamp(now, zone).date()
    last = today if until is None else min(until, today)
    costs: list[PlanCost] = []
    for plan in plans:
        mine = [line for line in lines if plan.covers(line.dimensions["provider"])]
        begun = min(
            (datetime.fromtimestamp(line.start, zone).date() for line in mine), default=None
        )
        first = since or begun
        days = 0 if first is None else max(0, (last - first).days + 1)
        covered, uncovered = (
            sum(line.sums[name] for line in mine) for name in ("covered", "uncovered")
        )
        costs.append(PlanCost(plan, days, covered, uncovered))
    return costs


def plan_members(cost: PlanCost) -> dict[str, object]:
    """Return a plan as the JSON of a report has it."""
    plan = cost.plan
    return {
        "provider": plan.provider,
        "host": plan.host,
        "fee": float(plan.fee),
        "currency": plan.currency,
        "every": plan.every,
        "days": cost.days,
        "feeForDays": round(float(cost.fee), 4),
        "coveredCost": cost.covered / NANO,
        "uncoveredRequests": cost.uncovered,
    }


def _host_of(address: str) -> str:
    """The host of an address with or without a port, IPv6 in brackets."""
    host, _, port = address.rpartition(":")
    return (host if host and port.isdigit() else address).strip("[]").lower()
