import pytest

from switchyard.policy.failures import FailureClass
from switchyard.policy.trail import Exhausted
from switchyard.policy.trail import Try
from switchyard.policy.trail import WaitUntil
from tests.unit.policy.trail_support import World
from tests.unit.policy.trail_support import route
from tests.unit.policy.trail_support import target


@pytest.fixture
def world() -> World:
    return World()


class TestContextLength:
    def test_goes_to_a_larger_window_only(self, world: World):
        trail = world.trail(
            route(
                target("a", 2, window=1000),
                target("same", window=1000),
                target("unknown"),
                target("larger", window=2000),
            )
        )
        tried, over = world.run(trail, "context-length", status=400)
        assert tried == ["a#0", "larger#0"]
        assert over.reason == "all-out"
        told = trail.most_telling()
        assert told
        assert told.cls == "context-length"

    def test_from_an_unknown_window_to_a_known_one(self, world: World):
        trail = world.trail(route(target("a"), target("b"), target("c", window=10)))
        tried, _ = world.run(trail, "context-length")
        assert tried == ["a#0", "c#0"]

    def test_stops_where_there_is_none(self, world: World):
        trail = world.trail(route(target("a", 2, window=9), target("b", window=8)), request_retry=5)
        tried, over = world.run(trail, "context-length")
        assert tried == ["a#0"]
        assert over == Exhausted("all-out", None)

    def test_locks_nothing(self, world: World):
        one = route(target("a", window=1))
        world.run(world.trail(one), "context-length")
        assert world.next_try(world.trail(one)).key.provider == "a"


class TestRounds:
    @pytest.mark.parametrize("cls", ["overload", "network", "empty", "quota"])
    def test_a_lone_target_gets_further_rounds(self, world: World, cls: FailureClass):
        tried, over = world.run(world.trail(route(target("a")), request_retry=2), cls)
        assert tried == ["a#0", "~", "a#0", "~", "a#0"]
        assert over.retry_at == pytest.approx(world.now + 4, abs=0.1)

    @pytest.mark.parametrize("cls", ["credential", "model"])
    def test_what_trying_again_cannot_help_gets_none(self, world: World, cls: FailureClass):
        tried, _ = world.run(world.trail(route(target("a")), request_retry=5), cls)
        assert tried == ["a#0"]

    def test_the_wait_is_for_the_soonest_recovery_with_little_jitter(self, world: World):
        trail = world.trail(route(target("a", 2)), request_retry=1)
        world.fail(trail, world.next_try(trail), retry_after=20.0)
        world.fail(trail, world.next_try(trail), retry_after=8.0)
        step = trail.next(world.now)
        assert isinstance(step, WaitUntil)
        assert 1008.0 < step.at <= 1010.0
        assert trail.next(world.now + 1) == step
        world.now = step.at
        assert world.next_try(trail).key.credential == "a#1"

    def test_no_wait_is_longer_than_the_interval(self, world: World):
        trail = world.trail(route(target("a")), request_retry=5, max_retry_interval=10.0)
        world.fail(trail, world.next_try(trail), retry_after=11.0)
        assert trail.next(world.now) == Exhausted("all-out", 1011.0)

    def test_an_interval_of_zero_never_waits(self, world: World):
        trail = world.trail(route(target("a")), request_retry=5, max_retry_interval=0.0)
        tried, _ = world.run(trail, "overload")
        assert tried == ["a#0"]

    def test_announced_refusals_are_not_waited_for(self, world: World):
        trail = world.trail(route(target("a")), request_retry=5)
        world.fail(trail, world.next_try(trail), "quota", retry_after=3.0)
        assert trail.next(world.now) == Exhausted("all-out", 1003.0)

    def test_only_those_that_can_be_helped_are_tried_again(self, world: World):
        trail = world.trail(route(target("bad"), target("gone"), target("busy")), request_retry=1)
        for cls in ("credential", "model", "overload"):
            world.fail(trail, world.next_try(trail), cls)
        step = trail.next(world.now)
        assert isinstance(step, WaitUntil)
        world.now = step.at
        assert world.next_try(trail).key.provider == "busy"

    def test_a_further_round_begins_where_the_first_did(self, world: World):
        trail = world.trail(route(target("a"), target("b")), request_retry=1)
        tried: list[str] = []
        for cls in ("network", "overload", "network", "overload"):
            step = trail.next(world.now)
            if isinstance(step, WaitUntil):
                world.now = step.at
                step = trail.next(world.now)
            assert isinstance(step, Try)
            tried.append(step.key.provider)
            world.fail(trail, step, cls)
        assert tried == ["a", "b", "a", "b"]

    def test_a_further_round_leaves_out_what_is_far_from_recovery(self, world: World):
        trail = world.trail(route(target("a"), target("b")), request_retry=1)
        world.fail(trail, world.next_try(trail))
        world.fail(trail, world.next_try(trail), retry_after=200.0)
        tried, _ = world.run(trail, "overload")
        assert tried == ["~", "a#0"]

    def test_what_locked_nothing_is_tried_again_at_once(self, world: World):
        trail = world.trail(route(target("a")), request_retry=1)
        tried, _ = world.run(trail, "empty", scope="none")
        assert tried == ["a#0", "a#0"]

    def test_credentials_a_round_are_counted_for_each_member(self, world: World):
        trail = world.trail(
            route(target("a", 5), target("b", 5)), max_retry_credentials=2, request_retry=1
        )
        tried, _ = world.run(trail, "overload")
        assert tried == ["a#0", "a#1", "b#0", "b#1", "a#2", "a#3", "b#2", "b#3"]


class TestTime:
    def test_no_attempt_begins_after_the_deadline(self, world: World):
        trail = world.trail(route(target("a", 9)), deadline=10.0)
        for _ in range(2):
            attempt = world.next_try(trail)
            world.now += 5.0
            world.fail(trail, attempt)
        over = trail.next(world.now)
        assert isinstance(over, Exhausted)
        assert over.reason == "deadline"
        assert trail.hedge(world.now) is None

    def test_no_wait_goes_past_the_deadline(self, world: World):
        trail = world.trail(route(target("a")), request_retry=1, deadline=5.0)
        world.fail(trail, world.next_try(trail), retry_after=4.9)
        step = trail.next(world.now)
        assert isinstance(step, WaitUntil)
        assert step.at < 1005.0
        other = world.trail(route(target("b")), request_retry=1, deadline=5.0)
        world.fail(other, world.next_try(other), retry_after=5.0)
        assert other.next(world.now) == Exhausted("deadline", 1005.0)


class TestShut:
    def test_a_shut_target_is_never_tried_before_its_term(self, world: World):
        a = target("a")
        world.break_down(a, "quota", retry_after=30.0)
        trail = world.trail(route(a))
        assert trail.next(world.now) == Exhausted("all-out", 1030.0)
        assert trail.earliest_return(world.now) == 30.0
        assert trail.most_telling() is None
        [blocked] = trail.blocked(world.now)
        assert (blocked.cls, blocked.reason) == ("quota", "HTTP status None")
        assert (blocked.retry_at, blocked.tried) == (1030.0, False)
        world.now += 30.0
        assert world.next_try(world.trail(route(a))).key.provider == "a"

    def test_the_earliest_of_all_returns_is_told(self, world: World):
        a, b = target("a"), target("b")
        world.break_down(a, "quota", retry_after=30.0)
        trail = world.trail(route(a, b))
        world.fail(trail, world.next_try(trail), "quota", retry_after=12.0)
        assert trail.next(world.now) == Exhausted("all-out", 1012.0)

    def test_recovery_is_waited_for_where_it_is_wished_and_fits(self, world: World):
        a = target("a")
        world.break_down(a, "quota", retry_after=15.0)
        trail = world.trail(route(a), wait_for_recovery=20.0)
        step = trail.next(world.now)
        assert isinstance(step, WaitUntil)
        assert 1015.0 <= step.at <= 1017.0
        world.now = step.at
        world.fail(trail, world.next_try(trail), "quota", retry_after=15.0)
        assert isinstance(trail.next(world.now), Exhausted)
        world.break_down(target("b"), "quota", retry_after=21.0)
        short = world.trail(route(target("b")), wait_for_recovery=20.0)
        assert isinstance(short.next(world.now), Exhausted)
