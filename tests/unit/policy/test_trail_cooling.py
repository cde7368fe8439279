import pytest

from switchyard.policy.failures import FailureClass
from switchyard.policy.route import QuotaLimit
from switchyard.policy.trail import WaitUntil
from tests.unit.policy.trail_support import World
from tests.unit.policy.trail_support import route
from tests.unit.policy.trail_support import target


@pytest.fixture
def world() -> World:
    return World()


class TestCooling:
    def test_a_cooling_target_is_passed_over(self, world: World):
        a, b = target("a"), target("b")
        world.break_down(a, "overload")
        assert world.next_try(world.trail(route(a, b))).key.provider == "b"

    @pytest.mark.parametrize("cls", ["overload", "network", "empty", "model", "quota"])
    def test_a_guess_never_makes_a_lone_target_unreachable(self, world: World, cls: FailureClass):
        a = target("a")
        for _ in range(12):
            world.break_down(a, cls)
        assert world.next_try(world.trail(route(a))).key.provider == "a"

    def test_the_least_bad_is_tried_when_nothing_better_is_left(self, world: World):
        a, b, c = target("a"), target("b"), target("c")
        world.break_down(a, "overload", retry_after=60.0)
        world.break_down(b, "overload", retry_after=5.0)
        world.break_down(c, "quota", retry_after=1.0)
        trail = world.trail(route(a, b, c, target("d")))
        tried, over = world.run(trail, "overload")
        assert tried == ["d#0", "b#0", "a#0"]
        assert over.retry_at == 1001.0

    def test_a_long_guess_is_not_told_to_the_client(self, world: World):
        """Clients give up on long waits, and the target would be tried if they came sooner."""
        a = target("a")
        for _ in range(12):
            world.now = world.health.state(a.key(a.credentials[0]), world.now).until or world.now
            world.break_down(a, "overload")
        trail = world.trail(route(a))
        world.fail(trail, world.next_try(trail))
        assert trail.earliest_return(world.now) == 30.0
        named = world.trail(route(target("b")))
        world.fail(named, world.next_try(named), retry_after=120.0)
        assert named.earliest_return(world.now) == 120.0

    def test_one_probe_the_others_go_elsewhere(self, world: World):
        a, b = target("a"), target("b")
        world.break_down(a, "overload")
        world.now += 1.0
        attempts = [world.next_try(world.trail(route(a, b))) for _ in range(100)]
        assert [attempt.key.provider for attempt in attempts] == ["a"] + ["b"] * 99

    def test_a_successful_probe_opens_for_all(self, world: World):
        a, b = target("a"), target("b")
        world.break_down(a, "overload")
        world.now += 1.0
        probing = world.trail(route(a, b))
        world.succeed(probing, world.next_try(probing))
        assert world.next_try(world.trail(route(a, b))).key.provider == "a"

    def test_a_probe_whose_client_left_makes_room(self, world: World):
        a, b = target("a"), target("b")
        world.break_down(a, "overload")
        world.now += 1.0
        left = world.trail(route(a, b))
        left.finished(world.next_try(left), world.now)
        assert left.records == []
        assert world.next_try(world.trail(route(a, b))).key.provider == "a"


class TestSteering:
    def test_quotas_steer_but_do_not_refuse(self, world: World):
        one = route(target("a", 2, quota=(QuotaLimit("requests", 2, 60.0),)))
        keys: list[str] = []
        for _ in range(6):
            trail = world.trail(one)
            attempt = world.next_try(trail)
            keys.append(attempt.key.credential)
            world.succeed(trail, attempt)
        assert keys[:4] == ["a#0", "a#1", "a#0", "a#1"]
        assert len(keys) == 6

    def test_tokens_count_when_an_attempt_is_finished(self, world: World):
        spent = target("a", quota=(QuotaLimit("tokens", 100, 60.0),))
        one = route(spent, target("b"))
        trail = world.trail(one)
        trail.finished(world.next_try(trail), world.now, tokens=100)
        assert world.next_try(world.trail(one)).key.provider == "b"

    def test_a_full_key_is_passed_over(self, world: World):
        one = route(target("a", max_concurrency=2), target("b"))
        attempts = [world.next_try(world.trail(one)) for _ in range(4)]
        assert [attempt.key.provider for attempt in attempts] == ["a", "a", "b", "b"]

    def test_a_lone_full_key_is_waited_for(self, world: World):
        one = route(target("a", max_concurrency=1))
        first = world.trail(one)
        running = world.next_try(first)
        trail = world.trail(one)
        for _ in range(5):
            step = trail.next(world.now)
            assert isinstance(step, WaitUntil)
            assert step.reason == "busy"
            assert world.now < step.at <= world.now + 0.25
            world.now = step.at
        world.succeed(first, running)
        assert world.next_try(trail).key.credential == "a#0"

    def test_the_wait_for_a_place_ends(self, world: World):
        one = route(target("a", max_concurrency=1))
        world.next_try(world.trail(one))
        tried, over = world.run(world.trail(one, max_retry_interval=2.0), "overload")
        assert set(tried) == {"~"}
        assert over.reason == "busy"
        assert world.now <= 1002.0
