"""Fees of subscriptions beside what they covered."""

from datetime import UTC
from datetime import date
from decimal import Decimal

import pytest

from switchyard.usage.plans import PaidPlan
from switchyard.usage.plans import plan_costs
from switchyard.usage.plans import plan_members
from switchyard.usage.reader import UsageReader
from switchyard.usage.reports import report_plans
from tests.unit.usage.support import at

NOW = at("2026-12-01T12:00")


def plan(provider: str | None = None, host: str | None = None, **changes: object) -> PaidPlan:
    facts: dict[str, object] = {"fee": Decimal(10), "currency": "USD", "every": "day"}
    return PaidPlan(provider, host, **facts | changes)  # pyright: ignore[reportArgumentType]


def test_a_plan_beside_what_it_covered(reader: UsageReader) -> None:
    (cost,) = report_plans(reader, [plan("anthropic")], UTC, None, None, NOW)
    assert (cost.days, cost.fee, cost.covered) == (31, 310, 2_000_000_000)
    days = date(2026, 11, 2), date(2026, 11, 8)
    (cost,) = report_plans(reader, [plan("anthropic", every="week")], UTC, *days, NOW)
    assert (cost.days, cost.fee, cost.covered) == (7, 10, 2_000_000_000)
    (cost,) = report_plans(reader, [plan("anthropic")], UTC, date(2026, 11, 3), None, NOW)
    assert (cost.days, cost.covered) == (29, 0)
    assert report_plans(reader, [], UTC, None, None, NOW) == []


@pytest.mark.parametrize(("every", "fee"), [("month", "2.30"), ("year", "0.19"), ("week", "10.00")])
def test_the_part_of_a_fee(every: str, fee: str) -> None:
    days = date(2026, 11, 2), date(2026, 11, 8)
    (cost,) = plan_costs([plan("p", every=every)], [], UTC, *days, NOW)
    assert f"{cost.fee:.2f}" == fee


def test_days_to_come_cost_nothing_yet() -> None:
    (cost,) = plan_costs([plan("p")], [], UTC, date(2026, 11, 30), date(2026, 12, 31), NOW)
    assert cost.days == 2
    (cost,) = plan_costs([plan("p")], [], UTC, date(2027, 1, 1), None, NOW)
    assert cost.days == 0 and cost.fee == 0


def test_a_plan_without_requests_has_no_days() -> None:
    (cost,) = plan_costs([plan("p")], [], UTC, None, None, NOW)
    assert (cost.days, cost.covered) == (0, 0)


@pytest.mark.parametrize(
    ("one", "provider", "covered"),
    [
        (plan("glm"), "glm", True),
        (plan("glm"), "glm2", False),
        (plan("glm"), None, False),
        (plan(host="api.anthropic.com"), "passthrough:api.anthropic.com", True),
        (plan(host="API.anthropic.com"), "passthrough:api.anthropic.com:443", True),
        (plan(host="api.anthropic.com"), "passthrough:evil-api.anthropic.com", False),
        (plan(host="api.anthropic.com"), "api.anthropic.com", False),
        (plan(host="::1"), "passthrough:[::1]:8443", True),
    ],
)
def test_whose_requests_a_plan_covers(one: PaidPlan, provider: str | None, covered: bool) -> None:
    assert one.covers(provider) is covered


def test_members() -> None:
    (cost,) = plan_costs(
        [plan(host="a.example", fee=Decimal("20"), every="month")],
        [],
        UTC,
        date(2026, 11, 1),
        date(2026, 11, 30),
        NOW,
    )
    assert plan_members(cost) == {
        "provider": None, "host": "a.example", "fee": 20.0, "currency": "USD", "every": "month",
        "days": 30, "feeForDays": 19.7125, "coveredCost": 0.0,
        "uncoveredRequests": 0,
    }  # fmt: skip
