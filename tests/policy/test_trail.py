"""One request over its attempts, on a fake clock."""

import random
from typing import Any

import pytest

from addons.policy.cooldown import CooldownSettings
from addons.policy.failures import FailureClass
from addons.policy.failures import Kind
from addons.policy.failures import Scope
from addons.policy.failures import Seen
from addons.policy.failures import Verdict
from addons.policy.health import Health
from addons.policy.quota import Quotas
from addons.policy.route import Credential
from addons.policy.route import Member
from addons.policy.route import QuotaLimit
from addons.policy.route import Route
from addons.policy.route import Target
from addons.policy.selection import Selector
from addons.policy.trail import Exhausted
from addons.policy.trail import Limits
from addons.policy.trail import Trail
from addons.policy.trail import Try
from addons.policy.trail import WaitUntil

SCOPES: dict[FailureClass, Scope] = {
    "request": "none",
    "context-length": "none",
    "credential": "key",
    "quota": "target",
    "overload": "target",
    "model": "model",
    "network": "target",
    "empty": "target",
}
KIND_OF: dict[FailureClass, Kind] = {"network": "reset", "empty": "empty"}


def verdict(cls: FailureClass, scope: Scope | None = None) -> Verdict:
    return Verdict(cls, scope or SCOPES[cls], cls in ("credential", "quota"), "rule")


def target(
    provider: str, keys: int = 1, model: str = "m", window: int | None = None, **more: Any
) -> Target:
    credentials = tuple(Credential(id=f"{provider}#{n}", **more) for n in range(keys))
    return Target(provider=provider, model=model, credentials=credentials, context_window=window)


def member(*targets: Target, **more: Any) -> Member:
    return Member(id="+".join(t.id for t in targets), targets=targets, **more)


def route(*targets: Target, **more: Any) -> Route:
    return Route(id="r", members=tuple(member(one) for one in targets), **more)


class World:
    """Shared health and selection, and a clock."""

    def __init__(self, jitter: float = 0.0) -> None:
        self.now = 1000.0
        self.health = Health(CooldownSettings(jitter=jitter), random.Random(3))
        self.selector = Selector()
        self.quotas = Quotas()

    def trail(self, route: Route, session: str = "", **limits: Any) -> Trail:
        return Trail(
            route,
            health=self.health,
            selector=self.selector,
            quotas=self.quotas,
            limits=Limits(**{"request_retry": 0, **limits}),
            session=session,
            now=self.now,
            rng=random.Random(7),
        )

    def fail(
        self,
        trail: Trail,
        attempt: Try,
        cls: FailureClass = "overload",
        retry_after: float | None = None,
        scope: Scope | None = None,
        status: int | None = None,
        after_output: bool = False,
    ) -> None:
        seen = Seen(
            kind=KIND_OF.get(cls, "status"),
            status=status,
            message=f"{cls} it is",
            after_output=after_output,
        )
        trail.failed(attempt, seen, verdict(cls, scope), self.now, retry_after)

    def succeed(self, trail: Trail, attempt: Try) -> None:
        trail.succeeded(attempt, self.now)
        trail.finished(attempt, self.now)

    def next_try(self, trail: Trail) -> Try:
        step = trail.next(self.now)
        assert isinstance(step, Try), step
        return step

    def break_down(self, one: Target, cls: FailureClass, retry_after: float | None = None) -> None:
        """Another request failed there just now."""
        trail = self.trail(route(one))
        for _ in one.credentials:
            self.fail(trail, self.next_try(trail), cls, retry_after)

    def run(self, trail: Trail, cls: FailureClass, **more: Any) -> tuple[list[str], Exhausted]:
        """Fail every attempt; the keys tried, with `~` for each wait in between."""
        tried: list[str] = []
        while True:
            step = trail.next(self.now)
            match step:
                case Try():
                    tried.append(step.key.credential)
                    self.now += 0.01
                    self.fail(trail, step, cls, **more)
                case WaitUntil():
                    assert step.at > self.now
                    tried.append("~")
                    self.now = step.at
                case Exhausted():
                    return tried, step


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
