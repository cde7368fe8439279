"""A target that could not read a conversation is asked once more, then the next member is."""

import pytest

from switchyard.policy.failures import Seen
from switchyard.policy.failures import Verdict
from switchyard.policy.trail import Exhausted
from switchyard.policy.trail import Try
from tests.unit.policy.trail_support import World
from tests.unit.policy.trail_support import route
from tests.unit.policy.trail_support import target
from tests.unit.policy.trail_support import verdict

HISTORY = Verdict("history", "none", False, "history", remedy="proofs")
REFUSED = Seen(status=400, message="Invalid signature")


@pytest.fixture
def world() -> World:
    return World()


def test_the_same_key_comes_first_and_then_the_next_member(world: World):
    trail = world.trail(route(target("a", 2), target("b")))
    first = world.next_try(trail)
    trail.failed(first, REFUSED, HISTORY, world.now, again=True)
    second = world.next_try(trail)
    assert (second.key, second.number) == (first.key, 2)
    trail.failed(second, REFUSED, HISTORY, world.now)
    third = world.next_try(trail)
    assert third.key.provider == "b"
    trail.failed(third, REFUSED, HISTORY, world.now)
    end = trail.next(world.now)
    assert isinstance(end, Exhausted) and end.reason == "all-out"
    assert [record.cls for record in trail.records] == ["history"] * 3


def test_nothing_cools_and_no_place_stays_taken(world: World):
    trail = world.trail(route(target("a"), target("b")))
    attempt = world.next_try(trail)
    trail.failed(attempt, REFUSED, HISTORY, world.now, again=True)
    trail.failed(world.next_try(trail), REFUSED, HISTORY, world.now)
    assert world.health.state(attempt.key, world.now).state == "open"
    assert world.health.in_flight("a", "a#0") == 0
    assert world.next_try(world.trail(route(target("a"), target("b")))).key.provider == "a"


def test_a_target_that_cools_meanwhile_is_not_asked_again(world: World):
    trail = world.trail(route(target("a"), target("b")))
    attempt = world.next_try(trail)
    other = world.next_try(world.trail(route(target("a"))))
    trail.failed(attempt, REFUSED, HISTORY, world.now, again=True)
    world.health.report_failure(other.lease, verdict("quota"), world.now, 60.0)
    assert world.next_try(trail).key.provider == "b"


def test_whether_another_member_is_left(world: World):
    trail = world.trail(route(target("a", 2), target("b")))
    first = world.next_try(trail)
    assert trail.has_another(first, world.now)
    trail.failed(first, Seen(status=404), verdict("model"), world.now)
    last = world.next_try(trail)
    assert isinstance(last, Try) and last.key.provider == "b"
    assert not trail.has_another(last, world.now)
