"""Requests over windows: where they go, what they never touch, when they come back."""

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from switchyard.policy.records import KEPT
from switchyard.policy.route import Credential
from switchyard.policy.route import KeptShare
from switchyard.policy.route import Member
from switchyard.policy.route import Route
from switchyard.policy.route import Strategy
from switchyard.policy.route import Target
from switchyard.policy.trail import Exhausted
from switchyard.policy.trail import Try
from tests.unit.policy.window_support import Figure
from tests.unit.policy.window_support import WindowWorld

STRATEGIES: list[Strategy] = ["most-left", "drain-soonest", "pace"]
TEN = KeptShare(share=0.1, clients=frozenset({"ann"}))


def keys_of(count: int, strategy: Strategy, keep: KeptShare | None = None) -> Route:
    credentials = tuple(Credential(id=f"a#{n}", keep=keep) for n in range(count))
    target = Target(provider="a", model="m", credentials=credentials, strategy=strategy)
    return Route(id="r", members=(Member(id="a", targets=(target,)),), returns="when-cold")


def members_of(*names: str, strategy: Strategy, keep: KeptShare | None = None) -> Route:
    def member(name: str) -> Member:
        keys = (Credential(id=f"{name}#0", keep=keep),)
        return Member(id=name, targets=(Target(provider=name, model="m", credentials=keys),))

    members = tuple(map(member, names))
    return Route(id="r", members=members, strategy=strategy, returns="when-cold")


def served(world: WindowWorld, route: Route, client: str = "", session: str = "") -> str:
    trail = world.trail(route, client, session)
    step = trail.next(world.now)
    assert isinstance(step, Try), step
    trail.succeeded(step, world.now)
    trail.cached(step, world.now, 300.0)
    trail.finished(step, world.now)
    return step.key.credential


def test_each_key_is_asked_once_and_then_the_one_with_most_left() -> None:
    world, route = WindowWorld(), keys_of(3, "most-left")
    assert {served(world, route) for _ in range(3)} == {"a#0", "a#1", "a#2"}
    for n, used in enumerate((0.5, 0.2, 0.8)):
        world.tell(f"a#{n}", Figure("5h", used, 9000.0))
    assert {served(world, route) for _ in range(5)} == {"a#1"}


def test_the_member_whose_window_resets_first_is_used_first() -> None:
    world, route = WindowWorld(), members_of("a", "b", strategy="drain-soonest")
    world.tell("a#0", Figure("7d", 0.1, 90_000.0))
    world.tell("b#0", Figure("7d", 0.6, 20_000.0))
    assert served(world, route) == "b#0"
    world.tell("b#0", Figure("7d", 1.0, 20_000.0))
    assert served(world, route) == "a#0"
    world.now = 20_001.0
    world.tell("a#0", Figure("7d", 0.1, 90_000.0))
    assert served(world, route) == "a#0"  # when b's window resets again is not known


def test_pace_spends_elsewhere_while_use_is_ahead_of_time() -> None:
    world, route = WindowWorld(), members_of("plan", "paid", strategy="pace")
    world.tell("plan#0", Figure("5h", 0.5, world.now + 9000.0))
    assert [served(world, route) for _ in range(3)] == ["paid#0", "plan#0", "plan#0"]
    world.tell("plan#0", Figure("5h", 0.8, world.now + 9000.0))
    assert served(world, route) == "paid#0"
    world.now += 8900.0
    assert served(world, route) == "plan#0"


def test_a_session_stays_while_its_cache_is_warm() -> None:
    world, route = WindowWorld(), keys_of(2, "most-left")
    world.tell("a#0", Figure("5h", 0.1, 90_000.0))
    world.tell("a#1", Figure("5h", 0.2, 90_000.0))
    assert served(world, route, session="s") == "a#0"
    world.tell("a#0", Figure("5h", 0.7, 90_000.0))
    for _ in range(5):
        world.now += 200.0
        assert served(world, route, session="s") == "a#0"
    assert served(world, route, session="t") == "a#1"
    world.now += 301.0
    assert served(world, route, session="s") == "a#1"
    world.tell("a#1", Figure("5h", 1.0, 90_000.0))
    assert served(world, route, session="s") == "a#0"


def test_a_warm_cache_is_left_for_the_kept_share() -> None:
    world, route = WindowWorld(), members_of("a", "b", strategy="drain-soonest", keep=TEN)
    world.tell("a#0", Figure("5h", 0.5, 9000.0))
    world.tell("b#0", Figure("5h", 0.5, 90_000.0))
    assert served(world, route, "ben", session="s") == "a#0"
    world.tell("a#0", Figure("5h", 0.95, 9000.0))
    assert served(world, route, "ben", session="s") == "b#0"
    assert served(world, route, "ann", session="t") == "a#0"


def test_a_used_up_window_is_tried_when_nothing_else_is_left() -> None:
    world, route = WindowWorld(), keys_of(1, "most-left")
    world.tell("a#0", Figure("5h", 1.0, 5000.0))
    assert served(world, route) == "a#0"


def test_the_kept_share_goes_to_named_clients_alone() -> None:
    world, route = WindowWorld(), keys_of(1, "round-robin", TEN)
    world.tell("a#0", Figure("5h", 0.91, 5000.0))
    assert served(world, route, "ann") == "a#0"
    trail = world.trail(route, "ben")
    assert trail.next(world.now) == Exhausted("all-out", 5000.0)
    (record,) = trail.blocked(world.now)
    assert (record.cls, record.reason, record.retry_at) == ("quota", KEPT, 5000.0)
    world.now = 5000.0
    assert served(world, route, "ben") == "a#0"


def test_others_get_the_next_member() -> None:
    world = WindowWorld()
    route = members_of("a", "b", strategy="fill-first", keep=TEN)
    world.tell("a#0", Figure("5h", 0.95, 5000.0))
    assert served(world, route, "ben") == "b#0"
    assert served(world, route, "ann") == "a#0"


def test_no_reset_no_promise() -> None:
    world, route = WindowWorld(), keys_of(1, "fill-first", TEN)
    world.tell("a#0", Figure("5h", 0.95, None, seen=world.now))
    assert world.trail(route, "ben").next(world.now) == Exhausted("all-out", None)


figures = st.builds(
    Figure,
    name=st.sampled_from(["5h", "7d"]),
    used=st.sampled_from([None, 0.0, 0.3, 0.5, 0.89, 0.9, 0.95, 1.0, 1.1]),
    reset=st.none() | st.sampled_from([500.0, 1500.0, 4000.0, 50_000.0]),
    seen=st.sampled_from([100.0, 1000.0]),
)
steps = st.tuples(
    st.sampled_from([0.0, 1.0, 400.0, 3000.0]),
    st.integers(0, 3),
    figures,
    st.sampled_from(["ann", "ben", ""]),
    st.sampled_from(["", "s", "t"]),
)


def known(world: WindowWorld, key: str) -> list[Figure]:
    """The figures that still say something, as the page on quotas promises."""
    found = []
    for figure in world.figures[key].values():
        if figure.used is None:
            continue
        if figure.reset is None:
            if world.now - figure.seen < 900.0:
                found.append(figure)
        elif figure.reset > world.now:
            found.append(figure)
        else:
            found.append(replace(figure, used=0.0, reset=None))
    return found


def spent(world: WindowWorld, key: str, share: float) -> list[float]:
    """When each window resets of which no more than a share is left."""
    return [
        math.inf if figure.reset is None else figure.reset
        for figure in known(world, key)
        if figure.used is not None and figure.used >= 1 - share - 1e-9
    ]


@settings(deadline=None)
@given(
    strategy=st.sampled_from([*STRATEGIES, "round-robin", "fill-first"]),
    by_key=st.booleans(),
    keeps=st.booleans(),
    schedule=st.lists(steps, min_size=1, max_size=25),
)
def test_any_schedule_of_requests_and_windows(
    strategy: Strategy,
    by_key: bool,
    keeps: bool,
    schedule: list[tuple[float, int, Figure, str, str]],
) -> None:
    """No client that is not named gets the kept share, no used-up window is chosen while another
    has room, and a request is refused only while all that is left is kept, until exactly then."""
    world, keep = WindowWorld(), TEN if keeps else None
    if by_key:
        route, keys = keys_of(4, strategy, keep), [f"a#{n}" for n in range(4)]
    else:
        route = members_of("a", "b", "c", "d", strategy=strategy, keep=keep)
        keys = ["a#0", "b#0", "c#0", "d#0"]
    for pause, told, figure, client, session in schedule:
        world.now += pause
        world.tell(keys[told], figure)
        spares = keeps and client != "ann"
        at_end = {key: spent(world, key, 0.1) for key in keys if spares}
        shut = {key: max(resets) for key, resets in at_end.items() if resets}
        trail = world.trail(route, client, session)
        step = trail.next(world.now)
        if isinstance(step, Try):
            assert step.key.credential not in shut
            full = [key for key in keys if key not in shut and not spent(world, key, 0.0)]
            if strategy in STRATEGIES and full:
                assert step.key.credential in full
            trail.succeeded(step, world.now)
            trail.cached(step, world.now, 300.0)
            trail.finished(step, world.now)
        else:
            assert set(shut) == set(keys)
            soonest = min(shut.values())
            assert step == Exhausted("all-out", None if math.isinf(soonest) else soonest)


@settings(deadline=None)
@given(
    strategy=st.sampled_from(STRATEGIES),
    told=st.lists(st.booleans(), min_size=2, max_size=6),
    costs=st.lists(st.sampled_from([0.01, 0.03, 0.1]), min_size=6, max_size=6),
)
def test_no_key_starves(strategy: Strategy, told: list[bool], costs: list[float]) -> None:
    """Keys whose providers tell their windows are used until they are empty, the others in turn;
    what one request takes moves the figures."""
    world, route = WindowWorld(), keys_of(len(told), strategy)
    used = dict.fromkeys((f"a#{n}" for n in range(len(told))), 0.0)
    counts = dict.fromkeys(used, 0)
    for _ in range(600):
        world.now += 15.0
        key = served(world, route)
        counts[key] += 1
        number = int(key[-1])
        used[key] += costs[number]
        if told[number]:
            world.tell(key, Figure("5h", used[key], 19_000.0))
    silent = [key for key in used if not told[int(key[-1])]]
    enough = 0.45 if strategy == "pace" else 1.0  # half of the window's time is over
    assert all(used[key] >= enough for key in used if told[int(key[-1])])
    if silent:
        most, least = (pick(counts[key] for key in silent) for pick in (max, min))
        assert least > 0 and most - least <= 1
