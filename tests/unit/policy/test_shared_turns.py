"""Choices by turns and quotas that several processes share."""

from collections import Counter
from dataclasses import dataclass
from inspect import signature

import pytest

from switchyard.policy.health import Health
from switchyard.policy.quota import Quotas
from switchyard.policy.route import Credential
from switchyard.policy.route import Member
from switchyard.policy.route import QuotaLimit
from switchyard.policy.route import Route
from switchyard.policy.route import Strategy
from switchyard.policy.route import Target
from switchyard.policy.selection import Selector
from switchyard.policy.shared_turns import Claim
from switchyard.policy.shared_turns import QuotaNeeded
from switchyard.policy.shared_turns import SharedQuotas
from switchyard.policy.shared_turns import SharedTurns
from switchyard.policy.shared_turns import TurnNeeded
from switchyard.policy.trail import RetryLimits
from switchyard.policy.trail import Trail
from switchyard.policy.trail import Try

LIMIT = QuotaLimit("requests", 10, 60.0)


@dataclass(frozen=True)
class Opt:
    id: str
    weight: float = 1.0
    priority: int = 0


A, B, C = (Opt(name) for name in "abc")


def chosen(strategy: Strategy, options: list[Opt], numbers: range) -> Counter[str]:
    turns = SharedTurns(Selector())
    found: Counter[str] = Counter()
    for number in numbers:
        turns.provide("g", number)
        found[turns.pick("g", strategy, options).id] += 1
        turns.use_up()
    return found


def test_turns_are_even_wherever_they_are_taken() -> None:
    whole = chosen("round-robin", [A, B, C], range(300))
    assert whole == {"a": 100, "b": 100, "c": 100}
    parts = sum((chosen("round-robin", [A, B, C], range(at, 300, 4)) for at in range(4)), Counter())
    assert parts == whole


def test_weights_are_kept() -> None:
    found = chosen("weighted", [Opt("a", 3.0), Opt("b", 1.0), Opt("c", 0.0)], range(400))
    assert abs(found["a"] - 300) <= 2 and found["c"] == 0


def test_a_turn_is_asked_for_where_there_is_a_choice_alone() -> None:
    turns = SharedTurns(Selector())
    with pytest.raises(TurnNeeded) as caught:
        turns.pick("g", "round-robin", [A, B])
    assert caught.value.pool == "g"
    assert turns.pick("g", "round-robin", [A]) is A
    assert turns.pick("g", "round-robin", [A, Opt("b", priority=1)]).id == "b"
    assert turns.pick("g", "fill-first", [A, B]) is A
    assert turns.pick("g", "sticky", [A, B], "s") is turns.pick("g", "sticky", [A, B], "s")
    with pytest.raises(TurnNeeded):
        turns.pick("g", "sticky", [A, B])


def trail_of(turns: SharedTurns, quotas: Quotas, quota: tuple[QuotaLimit, ...] = ()) -> Trail:
    keys = tuple(Credential(id=f"p#{number}", quota=quota) for number in range(2))
    target = Target(provider="p", model="m", credentials=keys)
    route = Route(id="r", members=(Member(id="p/m", targets=(target,)),))
    limits = RetryLimits(request_retry=0)
    return Trail(route, health=Health(), selector=turns, quotas=quotas, limits=limits, now=0.0)


def test_a_choice_is_made_again_with_what_it_lacked() -> None:
    settled: list[tuple[Claim, int]] = []
    turns = SharedTurns(Selector())
    quotas = SharedQuotas(Quotas(), {}, lambda claim, tokens: settled.append((claim, tokens)))
    trail = trail_of(turns, quotas, (LIMIT,))
    with pytest.raises(TurnNeeded) as turn:
        trail.next(0.0)
    turns.provide(turn.value.pool, 1)
    with pytest.raises(QuotaNeeded) as quota:
        trail.next(0.0)
    assert (quota.value.credential, quota.value.limits) == ("p#1", (LIMIT,))
    quotas.provide("p", "p#1", "claim")
    chosen = trail.next(0.0)
    assert isinstance(chosen, Try) and chosen.credential.id == "p#1" and chosen.number == 1
    assert quotas.take_unused() == [] and settled == []
    trail.finished(chosen, 1.0, tokens=7)
    trail.finished(chosen, 1.0, tokens=7)
    assert settled == [("claim", 7)]


def test_a_key_without_a_place_is_left_out() -> None:
    closed = {("p", "p#1"): 30.0}
    turns = SharedTurns(Selector())
    quotas = SharedQuotas(Quotas(), closed, lambda claim, tokens: None)
    trail = trail_of(turns, quotas, (LIMIT,))
    quotas.provide("p", "p#0", "first")
    quotas.provide("p", "p#1", "not wanted")
    chosen = trail.next(0.0)
    assert isinstance(chosen, Try) and chosen.credential.id == "p#0"
    assert quotas.take_unused() == ["not wanted"]
    closed["p", "p#0"] = 20.0
    last = trail_of(turns, quotas, (LIMIT,)).next(0.0)
    assert isinstance(last, Try) and last.credential.id == "p#0", "of those the first to open"


def test_keys_without_quota_ask_for_nothing() -> None:
    quotas = SharedQuotas(Quotas(), {}, lambda claim, tokens: None)
    turns = SharedTurns(Selector())
    turns.provide("p/m#", 0)
    assert isinstance(trail_of(turns, quotas).next(0.0), Try)


def test_other_strategies_choose_as_they_do_in_one_process() -> None:
    turns = SharedTurns(Selector())
    assert turns.pick("g", "least-busy", [A, B], "s", lambda one: one.id == "a", None) is B
    assert turns.pick("g", "fill-first", [A, B], "s", None, lambda one: ()) is A
    assert turns.pick("g", "most-left", [A, B], "s", None, lambda one: ()) in (A, B)
    shared, local = (signature(one.pick).parameters for one in (SharedTurns, Selector))
    assert list(shared) == list(local)
