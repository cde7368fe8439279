"""Quotas over sliding windows, against an exact count."""

from hypothesis import given
from hypothesis import strategies as st

from switchyard.policy.quota import Quotas
from switchyard.policy.quota import SlidingCount
from switchyard.policy.route import QuotaLimit

PER_MINUTE = QuotaLimit("requests", 3, 60.0)
PER_DAY = QuotaLimit("tokens", 1000, 86_400.0)


def test_a_key_is_spared_when_its_quota_is_used():
    quotas = Quotas()
    limits = (PER_MINUTE,)
    for now in (0.0, 1.0):
        quotas.note("p", "k", limits, now, requests=1)
        assert quotas.opens_at("p", "k", limits, now) == now
    quotas.note("p", "k", limits, 2.0, requests=1)
    assert quotas.used("p", "k", PER_MINUTE, 2.0) == 3
    opens = quotas.opens_at("p", "k", limits, 2.0)
    assert 60.0 <= opens <= 63.0
    assert quotas.opens_at("p", "k", limits, opens) == opens
    assert quotas.opens_at("p", "other", limits, 2.0) == 2.0
    assert quotas.used("p", "k", PER_MINUTE, 200.0) == 0
    assert quotas.used("p", "other", PER_MINUTE, 2.0) == 0


def test_every_limit_must_have_something_left():
    quotas = Quotas()
    limits = (PER_MINUTE, PER_DAY)
    quotas.note("p", "k", limits, 0.0, requests=1)
    quotas.note("p", "k", limits, 5.0, tokens=1500)
    assert quotas.used("p", "k", PER_DAY, 5.0) == 1500
    opens = quotas.opens_at("p", "k", limits, 5.0)
    assert 86_400.0 <= opens <= 1.06 * 86_400


def test_keys_without_limits_are_not_counted():
    quotas = Quotas()
    quotas.note("p", "k", (), 0.0, requests=1)
    assert quotas.opens_at("p", "k", (), 0.0) == 0.0
    quotas.note("p", "k", (PER_DAY,), 0.0, tokens=2000)
    quotas.retain(set())
    assert quotas.opens_at("p", "k", (PER_DAY,), 0.0) == 0.0


@given(
    window=st.sampled_from([1.0, 60.0, 3600.0, 86_400.0, 604_800.0]),
    steps=st.lists(st.tuples(st.floats(0, 0.4), st.integers(1, 9)), max_size=60),
)
def test_the_count_is_never_less_than_the_true_one_and_soon_right(
    window: float, steps: list[tuple[float, int]]
):
    count = SlidingCount(window)
    noted: list[tuple[float, int]] = []
    now = 0.0
    for part, amount in steps:
        now += part * window
        count.add(amount, now)
        noted.append((now, amount))
        within = sum(n for at, n in noted if at > now - window)
        within_a_little_more = sum(n for at, n in noted if at >= now - 1.06 * window)
        assert within <= count.total <= within_a_little_more
        assert len(count._buckets) <= 21
        wanted = amount + 3
        opens = count.below_at(wanted, now)
        assert opens == now if count.total < wanted else now < opens <= now + 1.06 * window


@given(amounts=st.lists(st.integers(1, 5), min_size=1, max_size=30))
def test_when_it_opens_it_is_open(amounts: list[int]):
    count = SlidingCount(60.0)
    now = 0.0
    for amount in amounts:
        count.add(amount, now)
        now += 2.5
        opens = count.below_at(4, now)
        count.expire(opens)
        assert count.total < 4
        now = opens
