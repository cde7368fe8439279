import pytest

from switchyard.policy.route import Credential
from switchyard.policy.route import Route
from switchyard.policy.route import Target
from tests.unit.policy.trail_support import World
from tests.unit.policy.trail_support import member
from tests.unit.policy.trail_support import route
from tests.unit.policy.trail_support import target


@pytest.fixture
def world() -> World:
    return World()


class TestStrategies:
    def test_keys_rotate_over_requests(self, world: World):
        one = route(target("a", 3))
        keys = [world.next_try(world.trail(one)).key.credential for _ in range(6)]
        assert keys == ["a#0", "a#1", "a#2"] * 2

    def test_targets_of_a_pool_share_the_load_and_stand_in_for_each_other(self, world: World):
        pool = Route(id="r", members=(member(target("a"), target("b")),))
        first = world.trail(pool)
        attempt = world.next_try(first)
        assert attempt.key.provider == "a"
        assert world.next_try(world.trail(pool)).key.provider == "b"
        world.fail(first, attempt)
        assert world.next_try(first).key.provider == "b"

    def test_a_combo_can_go_round(self, world: World):
        one = route(target("a"), target("b"), strategy="round-robin")
        providers = [world.next_try(world.trail(one)).key.provider for _ in range(4)]
        assert providers == ["a", "b", "a", "b"]

    def test_a_combo_can_go_by_what_is_in_flight(self, world: World):
        one = route(target("a"), target("b"), strategy="least-busy")
        first = world.trail(one)
        attempt = world.next_try(first)
        assert attempt.key.provider == "a"
        world.next_try(world.trail(one))
        world.succeed(first, attempt)
        assert world.next_try(world.trail(one)).key.provider == "a"

    def test_members_with_higher_priority_go_first(self, world: World):
        one = Route(id="r", members=(member(target("a")), member(target("b"), priority=1)))
        tried, _ = world.run(world.trail(one), "overload")
        assert tried == ["b#0", "a#0"]

    def test_a_session_keeps_its_key_while_it_is_healthy(self, world: World):
        a = Target(
            provider="a",
            model="m",
            credentials=tuple(Credential(id=f"a#{n}") for n in range(4)),
            strategy="sticky",
        )
        home = world.next_try(world.trail(route(a), "s")).key.credential
        for _ in range(5):
            world.next_try(world.trail(route(a), "other"))
            assert world.next_try(world.trail(route(a), "s")).key.credential == home
        trail = world.trail(route(a), "s")
        world.fail(trail, world.next_try(trail), "quota", retry_after=10.0)
        second = world.next_try(trail).key.credential
        assert second != home
        assert world.next_try(world.trail(route(a), "s")).key.credential == second
        world.now += 11.0
        assert world.next_try(world.trail(route(a), "s")).key.credential == home


class TestHedging:
    def test_a_hedge_goes_to_another_member_that_is_well(self, world: World):
        trail = world.trail(route(target("a", 2), target("b"), target("c")))
        first = world.next_try(trail)
        world.break_down(target("b"), "overload")
        second = trail.hedge(world.now)
        assert second
        assert (first.key.provider, second.key.provider) == ("a", "c")
        assert trail.hedge(world.now) is None
        trail.succeeded(second, world.now)
        trail.finished(first, world.now)
        trail.finished(second, world.now)
        assert world.health.in_flight("a", "a#0") == 0
        assert [record.provider for record in trail.records] == ["c"]

    def test_no_hedge_without_another_member(self, world: World):
        trail = world.trail(route(target("a", 3)))
        world.next_try(trail)
        assert trail.hedge(world.now) is None


class TestRecords:
    def test_each_attempt_is_recorded_once(self, world: World):
        trail = world.trail(route(target("a"), target("b")))
        attempt = world.next_try(trail)
        world.now += 1.5
        world.fail(trail, attempt, "quota", retry_after=9.0, status=429)
        world.fail(trail, attempt, "request")
        second = world.next_try(trail)
        trail.succeeded(second, world.now)
        trail.succeeded(second, world.now)
        failed, done = trail.records
        assert (failed.provider, failed.status, failed.cls) == ("a", 429, "quota")
        assert (failed.seconds, failed.retry_at) == (1.5, world.now + 9.0)
        assert failed.reason == "quota it is"
        assert (done.provider, done.cls) == ("b", None)

    def test_a_failure_after_output_takes_the_place_of_the_success(self, world: World):
        a = target("a")
        trail = world.trail(route(a))
        attempt = world.next_try(trail)
        trail.succeeded(attempt, world.now)
        world.now += 3.0
        world.fail(trail, attempt, "network", after_output=True)
        [record] = trail.records
        assert (record.cls, record.after_output) == ("network", True)
        assert world.health.state(a.key(a.credentials[0]), world.now).state == "cooling"
        assert world.health.in_flight("a", "a#0") == 0

    def test_the_most_telling_is_not_the_last(self, world: World):
        trail = world.trail(route(target("a"), target("b"), target("c")))
        for cls in ("overload", "quota", "network"):
            world.fail(trail, world.next_try(trail), cls)
        told = trail.most_telling()
        assert told
        assert told.provider == "b"
