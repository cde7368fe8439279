"""Where sessions' prompt caches are, and that requests go there."""

import pytest

from switchyard.policy.route import Returns
from switchyard.policy.route import Strategy
from switchyard.policy.route import TargetKey
from switchyard.policy.trail import Trail
from switchyard.policy.warm_sessions import WarmPlace
from switchyard.policy.warm_sessions import WarmSessions
from tests.unit.policy.trail_support import World
from tests.unit.policy.trail_support import route
from tests.unit.policy.trail_support import target

KEY = TargetKey("b", "b#0", "m")
LIFE = 300.0


class Sessions:
    """Requests of sessions on one route."""

    def __init__(self, returns: Returns, *, keys: int = 1, strategy: Strategy = "fill-first"):
        self.world = World()
        self.memory = WarmSessions()
        self.a, self.b = target("a"), target("b", keys)
        self.route = route(self.a, self.b, returns=returns, strategy=strategy)

    def begin(self, session: str = "s", begins: bool = False) -> Trail:
        warm = self.memory.of(self.route, session, begins) if self.route.stays else None
        return self.world.trail(self.route, session, warm=warm)

    def ask(self, session: str = "s", begins: bool = False, life: float = LIFE) -> str:
        """One request that is served; the key that served it."""
        trail = self.begin(session, begins)
        attempt = self.world.next_try(trail)
        self.world.succeed(trail, attempt)
        trail.cached(attempt, self.world.now, life)
        return attempt.key.credential

    def fail_over(self, session: str = "s", retry_after: float = 20.0) -> str:
        """One request that the first member refuses and the other serves."""
        trail = self.begin(session)
        self.world.fail(trail, self.world.next_try(trail), "quota", retry_after)
        attempt = self.world.next_try(trail)
        self.world.succeed(trail, attempt)
        trail.cached(attempt, self.world.now, LIFE)
        self.world.now += 2 * retry_after
        return attempt.key.credential


def test_a_session_stays_until_its_cache_is_cold() -> None:
    sessions = Sessions("when-cold")
    assert sessions.fail_over() == "b#0"
    assert sessions.ask() == "b#0"
    sessions.world.now += LIFE - 1
    assert sessions.ask() == "b#0", "every use keeps the cache alive"
    sessions.world.now += LIFE - 1
    assert sessions.ask() == "b#0"
    sessions.world.now += LIFE
    assert sessions.ask() == "a#0"
    assert sessions.ask() == "a#0"


def test_other_sessions_go_to_the_first_member() -> None:
    sessions = Sessions("when-cold")
    sessions.fail_over()
    assert sessions.ask("another") == "a#0"
    assert sessions.ask() == "b#0"


def test_a_cache_of_an_hour_keeps_the_session_for_an_hour() -> None:
    sessions = Sessions("when-cold")
    sessions.fail_over()
    assert sessions.ask(life=3600.0) == "b#0"
    sessions.world.now += 3500
    assert sessions.ask() == "b#0"
    sessions.world.now += LIFE + 1
    assert sessions.ask() == "a#0"


def test_at_once_returns_with_the_next_request() -> None:
    sessions = Sessions("at-once")
    assert sessions.fail_over() == "b#0"
    assert sessions.ask() == "a#0"


def test_never_stays_until_the_member_fails() -> None:
    sessions = Sessions("never")
    sessions.fail_over()
    sessions.world.now += 1e6
    assert sessions.ask() == "b#0"
    sessions.world.break_down(sessions.b, "quota", 60.0)
    assert sessions.ask() == "a#0"
    sessions.world.now += 120
    assert sessions.ask() == "a#0"


def test_a_warm_key_that_cools_leaves_nothing_to_stay_for() -> None:
    sessions = Sessions("when-cold", keys=2)
    assert sessions.fail_over() == "b#0"
    trail = sessions.world.trail(route(sessions.b))
    sessions.world.fail(trail, sessions.world.next_try(trail), "quota", 60.0)
    assert sessions.ask() == "b#0", "its own key, though another one's turn had come"
    sessions.world.break_down(target("b"), "quota", 60.0)
    assert sessions.ask() == "a#0"


def test_never_takes_another_key_of_the_same_member() -> None:
    sessions = Sessions("never", keys=2)
    assert sessions.fail_over() == "b#0"
    sessions.world.break_down(target("b"), "quota", 60.0)
    assert sessions.ask() == "b#1"


def test_what_the_warm_member_refuses_the_others_are_asked() -> None:
    sessions = Sessions("when-cold")
    sessions.fail_over()
    trail = sessions.begin()
    attempt = sessions.world.next_try(trail)
    assert attempt.key.credential == "b#0"
    sessions.world.fail(trail, attempt, "quota", 60.0)
    assert sessions.world.next_try(trail).key.credential == "a#0"


def test_a_hedge_goes_to_another_member() -> None:
    sessions = Sessions("when-cold")
    sessions.fail_over()
    trail = sessions.begin()
    assert sessions.world.next_try(trail).key.credential == "b#0"
    hedge = trail.hedge(sessions.world.now)
    assert hedge is not None and hedge.key.credential == "a#0"


def test_a_request_that_begins_a_session_goes_to_the_first_member() -> None:
    sessions = Sessions("when-cold")
    sessions.fail_over()
    assert sessions.ask(begins=True) == "a#0"


def test_sticky_sessions_come_back_when_their_cache_is_cold() -> None:
    sessions = Sessions("when-cold", strategy="sticky")
    name = next(n for n in map(str, range(100)) if sessions.ask(n) == "a#0")
    assert sessions.fail_over(name) == "b#0"
    assert sessions.ask(name) == "b#0"
    sessions.world.now += LIFE
    assert sessions.ask(name) == "a#0"


@pytest.mark.parametrize("strategy", ["round-robin", "least-busy", "weighted"])
def test_strategies_that_spread_requests_spread_sessions(strategy: Strategy) -> None:
    sessions = Sessions("when-cold", strategy=strategy)
    assert not sessions.route.stays
    assert {sessions.ask() for _ in range(4)} == {"a#0", "b#0"}


def test_a_route_with_one_member_remembers_nothing() -> None:
    assert not route(target("a"), returns="never").stays


def test_the_least_recently_used_session_is_forgotten_first() -> None:
    memory = WarmSessions(most=2)
    for name in ("one", "two", "one", "three"):
        memory.note(("r", name), WarmPlace("b", KEY, 10.0))
    assert len(memory) == 2
    assert memory.find(("r", "two"), 0.0) is None
    assert memory.find(("r", "one"), 9.9) == WarmPlace("b", KEY, 10.0)
    assert memory.find(("r", "one"), 10.0) is None
    assert len(memory) == 1
    assert memory.find(("other route", "three"), 0.0) is None
