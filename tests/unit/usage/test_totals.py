"""What finished requests add to the totals."""

from switchyard.usage.records import Tokens
from switchyard.usage.totals import bucket_of
from switchyard.usage.totals import day_of_month
from switchyard.usage.totals import month_of_day
from switchyard.usage.totals import rollups_of
from switchyard.usage.totals import totals_of
from tests.unit.usage.support import NOON
from tests.unit.usage.support import record


def test_requests_of_one_hour_and_key_share_a_total() -> None:
    tables = totals_of([record(), record(started=NOON + 60), record(started=NOON + 3600)])
    assert [total.sums["requests"] for total in tables["hourly"].values()] == [2, 1]
    assert [total.sums["requests"] for total in tables["daily"].values()] == [3]
    (session,) = tables["sessions"].values()
    assert (session.first, session.last) == (NOON, NOON + 3600)


def test_unknown_costs_are_counted_apart() -> None:
    free = record(cost=0, list_cost=0)
    unknown = record(cost=None, list_cost=None)
    without_tokens = record(cost=None, list_cost=None, tokens=Tokens())
    (total,) = totals_of([free, unknown, without_tokens])["daily"].values()
    assert total.sums["unpriced"] == total.sums["unlisted"] == 1 and total.sums["cost"] == 0
    assert total.sums["uncovered"] == 0


def test_what_a_plan_covers_is_its_list_price() -> None:
    plan = record(billing="plan", cost=0, list_cost=7)
    paid = record(cost=5, list_cost=5)
    found = [total.sums["covered"] for total in totals_of([plan, paid])["daily"].values()]
    assert sorted(found) == [0, 7]


def test_unknown_list_prices_are_counted_apart() -> None:
    told = record(cost=5, list_cost=None)
    (total,) = totals_of([told, record()])["daily"].values()
    assert (total.sums["unlisted"], total.sums["uncovered"], total.sums["unpriced"]) == (1, 0, 0)
    plan = [record(billing="plan", cost=0, list_cost=cost) for cost in (7, 0, None)]
    (total,) = totals_of([*plan, record(billing="plan", cost=0, list_cost=None, tokens=Tokens())])[
        "daily"
    ].values()
    assert (total.sums["unlisted"], total.sums["uncovered"]) == (1, 1)


def test_no_session_no_total_of_it() -> None:
    assert "sessions" not in totals_of([record(session=None)])


def test_buckets_count_from_the_epoch() -> None:
    assert bucket_of(7200.5, "hourly") == 2 and bucket_of(86_399.9, "daily") == 0


def test_rollups_sum_up_days_hours_and_sessions() -> None:
    later = record(started=NOON + 2 * 86_400, client_key="bob", model="other")
    rollups = rollups_of(totals_of([record(), record(started=NOON + 60, client_key="bob"), later]))
    assert [total.sums["requests"] for total in rollups["model_hours"].values()] == [2, 1]
    assert [total.sums["requests"] for total in rollups["monthly"].values()] == [1, 1, 1]
    (session,) = rollups["whole_sessions"].values()
    assert session.sums["requests"] == 3 and session.last == NOON + 2 * 86_400


def test_months_begin_with_their_first_day() -> None:
    first = day_of_month(2026 * 12 + 10)
    assert bucket_of(NOON, "daily") - first == 27
    assert month_of_day(first) == 2026 * 12 + 10 == month_of_day(first - 1) + 1
