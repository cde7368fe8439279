"""One request over its attempts, on a fake clock."""

import pytest

from switchyard.policy.failures import FailureClass
from switchyard.policy.route import Credential
from switchyard.policy.route import Target
from switchyard.policy.trail import Exhausted
from tests.unit.policy.trail_support import World
from tests.unit.policy.trail_support import route
from tests.unit.policy.trail_support import target


@pytest.fixture
def world() -> World:
    return World()


def test_success_at_once(world: World):
    trail = world.trail(route(target("a")))
    attempt = world.next_try(trail)
    assert (attempt.number, attempt.key.provider, attempt.started) == (1, "a", 1000.0)
    assert world.health.in_flight("a", "a#0") == 1
    world.now += 2
    trail.succeeded(attempt, world.now)
    world.now += 5
    trail.finished(attempt, world.now)
    trail.finished(attempt, world.now)
    assert world.health.in_flight("a", "a#0") == 0
    [record] = trail.records
    assert (record.cls, record.status, record.seconds) == (None, 200, 2.0)
    assert trail.most_telling() is None


@pytest.mark.parametrize("cls", ["credential", "quota", "overload", "empty"])
def test_next_key_then_next_member(world: World, cls: FailureClass):
    trail = world.trail(route(target("a", 2), target("b")))
    tried, over = world.run(trail, cls)
    assert tried == ["a#0", "a#1", "b#0"]
    assert over.reason == "all-out"


def test_a_missing_model_goes_to_the_next_member(world: World):
    trail = world.trail(route(target("a", 3), target("b")))
    tried, _ = world.run(trail, "model")
    assert tried == ["a#0", "b#0"]


def test_a_model_that_one_key_may_not_use_goes_to_the_next_key(world: World):
    trail = world.trail(route(target("a", 2), target("b")))
    tried, _ = world.run(trail, "model", scope="target")
    assert tried == ["a#0", "a#1", "b#0"]


def test_what_a_model_cannot_do_goes_to_the_next_member_and_locks_nothing(world: World):
    a, b = target("a", 2), target("b")
    tried, _ = world.run(world.trail(route(a, b), request_retry=2), "model", scope="none")
    assert tried == ["a#0", "b#0"]
    assert world.next_try(world.trail(route(a, b))).key.provider == "a"


def test_a_broken_connection_goes_to_the_next_member_and_to_other_keys_at_last(world: World):
    trail = world.trail(route(target("a", 2), target("b")))
    tried, _ = world.run(trail, "network")
    assert tried == ["a#0", "b#0", "a#1"]


def test_keys_by_another_proxy_are_another_way(world: World):
    a = Target(
        provider="a",
        model="m",
        credentials=(Credential(id="a#0"), Credential(id="a#1", via="px"), Credential(id="a#2")),
    )
    tried, _ = world.run(world.trail(route(a, target("b"))), "network", scope="host")
    assert tried == ["a#0", "a#1", "b#0"]


def test_a_dead_host_costs_one_connection_not_one_a_key(world: World):
    a = target("a", 5)
    tried, _ = world.run(world.trail(route(a)), "network", scope="host")
    assert tried == ["a#0"]
    assert len(world.run(world.trail(route(a)), "network", scope="host")[0]) == 1


def test_a_wrong_request_stops_at_once_and_locks_nothing(world: World):
    one = route(target("a", 2), target("b"))
    trail = world.trail(one, request_retry=3)
    tried, over = world.run(trail, "request", status=400)
    assert tried == ["a#0"]
    assert over == Exhausted("stopped", None)
    assert world.health.state(one.members[0].targets[0].key(Credential(id="a#0")), 0).usable
    assert world.health.snapshot(world.now)[0].failures == 0
