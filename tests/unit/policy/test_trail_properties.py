"""What must hold for every request, whatever fails when, on a fake clock."""

import random
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from switchyard.policy.cooldown import CooldownSettings
from switchyard.policy.failures import FailureClass
from switchyard.policy.failures import Scope
from switchyard.policy.failures import Seen
from switchyard.policy.failures import Verdict
from switchyard.policy.health import Health
from switchyard.policy.quota import Quotas
from switchyard.policy.route import Credential
from switchyard.policy.route import Member
from switchyard.policy.route import QuotaLimit
from switchyard.policy.route import Route
from switchyard.policy.route import Strategy
from switchyard.policy.route import Target
from switchyard.policy.route import TargetKey
from switchyard.policy.selection import Selector
from switchyard.policy.trail import Exhausted
from switchyard.policy.trail import RetryLimits
from switchyard.policy.trail import Trail
from switchyard.policy.trail import Try
from switchyard.policy.trail import WaitUntil

STRATEGIES: list[Strategy] = [
    "round-robin",
    "fill-first",
    "least-busy",
    "weighted",
    "sticky",
    "most-left",
    "drain-soonest",
    "pace",
]


@dataclass(frozen=True)
class Outcome:
    cls: FailureClass | None
    scope: Scope = "target"
    retry_after: float | None = None
    seconds: float = 0.1

    @property
    def verdict(self) -> Verdict:
        assert self.cls
        return Verdict(self.cls, self.scope, self.cls in ("credential", "quota"), "r")


outcomes = st.builds(
    Outcome,
    cls=st.sampled_from(
        [None, "overload", "quota", "credential", "model", "network", "empty", "request",
         "context-length"]
    ),
    scope=st.sampled_from(["target", "key", "model", "host", "none"]),
    retry_after=st.none() | st.sampled_from([0.0, 0.5, 5.0, 100.0]),
    seconds=st.sampled_from([0.0, 0.1, 3.0, 50.0]),
)  # fmt: skip


@st.composite
def credentials(draw: st.DrawFn, provider: str) -> tuple[Credential, ...]:
    return tuple(
        Credential(
            id=f"{provider}#{n}",
            weight=draw(st.sampled_from([0.5, 1.0, 3.0])),
            priority=draw(st.sampled_from([0, 0, 1])),
            max_concurrency=draw(st.sampled_from([None, None, 1, 2])),
            quota=draw(st.sampled_from([(), (), (QuotaLimit("requests", 3, 60.0),)])),
            via=draw(st.sampled_from(["", "", "proxy"])),
        )
        for n in range(draw(st.integers(1, 3)))
    )


@st.composite
def routes(draw: st.DrawFn) -> Route:
    keys = {provider: draw(credentials(provider)) for provider in "abc"}
    members: list[Member] = []
    for m in range(draw(st.integers(1, 3))):
        targets: list[Target] = []
        for _ in range(draw(st.integers(1, 2))):
            provider = draw(st.sampled_from("abc"))
            targets.append(
                Target(
                    provider=provider,
                    model=draw(st.sampled_from(["x", "y"])),
                    credentials=keys[provider],
                    strategy=draw(st.sampled_from(STRATEGIES)),
                    context_window=draw(st.sampled_from([None, 100, 200])),
                )
            )
        members.append(
            Member(id=f"m{m}", targets=tuple(targets), strategy=draw(st.sampled_from(STRATEGIES)))
        )
    return Route(id="r", members=tuple(members), strategy=draw(st.sampled_from(STRATEGIES)))


limits = st.builds(
    RetryLimits,
    request_retry=st.integers(0, 3),
    max_retry_credentials=st.integers(0, 2),
    max_retry_interval=st.sampled_from([0.0, 2.0, 30.0]),
    deadline=st.sampled_from([0.0, 60.0, 600.0]),
    wait_for_recovery=st.sampled_from([0.0, 20.0]),
)


@dataclass
class World:
    seed: int
    now: float = 1000.0
    selector: Selector = field(default_factory=Selector)
    quotas: Quotas = field(default_factory=Quotas)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.health = Health(CooldownSettings(cap=60.0, credential=300.0), self.rng)

    def trail(self, route: Route, limits: RetryLimits, session: str = "") -> Trail:
        return Trail(
            route,
            health=self.health,
            selector=self.selector,
            quotas=self.quotas,
            limits=limits,
            session=session,
            now=self.now,
            rng=self.rng,
        )

    def settle(self, trail: Trail, attempt: Try, outcome: Outcome) -> None:
        self.now += outcome.seconds
        if outcome.cls is None:
            trail.succeeded(attempt, self.now)
            trail.finished(attempt, self.now)
        else:
            seen = Seen(status=500, message="no")
            trail.failed(attempt, seen, outcome.verdict, self.now, outcome.retry_after)


def all_keys(route: Route) -> list[tuple[Target, Credential, TargetKey]]:
    return [
        (target, credential, target.key(credential))
        for member in route.members
        for target in member.targets
        for credential in target.credentials
    ]


def has_place(world: World, credential: Credential, key: TargetKey) -> bool:
    most = credential.max_concurrency
    return most is None or world.health.in_flight(key.provider, key.credential) < most


@settings(deadline=None)
@given(
    route=routes(),
    limits=limits,
    requests=st.lists(
        st.tuples(st.sampled_from([0.0, 0.3, 10.0]), st.lists(outcomes, min_size=1, max_size=8)),
        min_size=1,
        max_size=6,
    ),
    seed=st.integers(0, 99),
)
def test_every_request_ends_within_its_limits_and_tries_nothing_shut(
    route: Route, limits: RetryLimits, requests: list[tuple[float, list[Outcome]]], seed: int
):
    world = World(seed)
    for pause, script in requests:
        world.now += pause
        trail = world.trail(route, limits, session="s")
        began = world.now
        attempts = waited = 0
        recovery_rounds = int(limits.wait_for_recovery / 0.05) + 1
        most = len(all_keys(route)) * (1 + limits.request_retry + recovery_rounds)
        while True:
            step = trail.next(world.now)
            if isinstance(step, Exhausted):
                assert step.retry_at is None or step.retry_at >= began
                break
            if isinstance(step, WaitUntil):
                assert world.now < step.at
                longest = max(limits.max_retry_interval, limits.wait_for_recovery)
                assert step.at <= world.now + longest + 2.0
                waited += 1
                world.now = step.at
                assert waited < 2000
                continue
            attempts += 1
            assert attempts <= most
            assert not limits.deadline or step.started < began + limits.deadline
            # `begin` has made the attempt a probe, if anything; a shut term it cannot end.
            assert not world.health.state(step.key, world.now).shut_until
            outcome = script[(attempts - 1) % len(script)]
            world.settle(trail, step, outcome)
            if outcome.cls is None:
                break
            if outcome.cls == "request":
                assert trail.next(world.now) == Exhausted("stopped", None)
        assert len(trail.records) == attempts
        assert all(
            world.health.in_flight(key.provider, key.credential) == 0
            for _, _, key in all_keys(route)
        )


@settings(deadline=None)
@given(
    route=routes(),
    history=st.lists(
        st.tuples(st.integers(0, 20), outcomes, st.floats(0, 30)), min_size=1, max_size=12
    ),
    running=st.lists(st.integers(0, 20), max_size=4),
    seed=st.integers(0, 99),
)
def test_no_key_is_used_while_it_cools_if_a_healthy_one_is_to_be_had(
    route: Route,
    history: list[tuple[int, Outcome, float]],
    running: list[int],
    seed: int,
):
    world = World(seed)
    keys = all_keys(route)
    for index, outcome, pause in history:
        _, _, key = keys[index % len(keys)]
        lease = world.health.begin(key, world.now)
        world.now += outcome.seconds
        if outcome.cls is None:
            world.health.report_success(lease, world.now)
        else:
            world.health.report_failure(lease, outcome.verdict, world.now, outcome.retry_after)
        world.health.end(lease, world.now)
        world.now += pause
    for index in running:
        world.health.begin(keys[index % len(keys)][2], world.now)

    before = {key: world.health.state(key, world.now) for _, _, key in keys}
    places = {key: has_place(world, credential, key) for _, credential, key in keys}
    step = world.trail(route, RetryLimits(request_retry=0)).next(world.now)
    healthy = [key for key in before if before[key].usable and places[key]]
    if isinstance(step, Try):
        assert before[step.key].usable or not healthy
        assert not before[step.key].shut_until
        assert places[step.key]
    else:
        assert not healthy
        # A guess never makes the router refuse; only refusals and full keys do.
        open_to_us = [key for key in before if not before[key].shut_until]
        assert all(not places[key] for key in open_to_us)


@settings(deadline=None)
@given(
    cooled=st.sampled_from(["target", "key", "model", "host"]),
    keys=st.integers(1, 3),
    strategy=st.sampled_from(STRATEGIES),
    crowd=st.integers(2, 30),
    seed=st.integers(0, 9),
)
def test_probes_never_stampede(cooled: Scope, keys: int, strategy: Strategy, crowd: int, seed: int):
    """However many requests come at the end of a cooldown, one of them probes; the others go on
    elsewhere."""
    world = World(seed)
    sick = Target(
        provider="a",
        model="x",
        credentials=tuple(Credential(id=f"a#{n}") for n in range(keys)),
        strategy=strategy,
    )
    well = Target(provider="b", model="x", credentials=(Credential(id="b#0"),))
    pool = Route(id="r", members=(Member(id="m", targets=(sick, well), strategy="round-robin"),))
    for credential in sick.credentials:
        lease = world.health.begin(sick.key(credential), world.now)
        world.health.report_failure(lease, Verdict("overload", cooled, False, "r"), world.now)
        world.health.end(lease, world.now)
    world.now += 3.0
    tries = [world.trail(pool, RetryLimits()).next(world.now) for _ in range(crowd)]
    assert all(isinstance(one, Try) for one in tries)
    probed = [one.key for one in tries if isinstance(one, Try) and one.key.provider == "a"]
    assert len(probed) == len(set(probed))
    assert len(probed) <= (keys if cooled in ("target", "key") else 1)


@settings(deadline=None)
@given(
    strategy=st.sampled_from(["round-robin", "weighted", "least-busy"]),
    failing=st.sets(st.integers(0, 3), max_size=3),
    seed=st.integers(0, 99),
)
def test_no_healthy_target_starves(strategy: Strategy, failing: set[int], seed: int):
    world = World(seed)
    target = Target(
        provider="a",
        model="x",
        credentials=tuple(Credential(id=f"a#{n}", weight=n + 1) for n in range(4)),
        strategy=strategy,
    )
    route = Route(id="r", members=(Member(id="m", targets=(target,)),))
    counts = dict.fromkeys(range(4), 0)
    for _ in range(100):
        trail = world.trail(route, RetryLimits())
        while isinstance(step := trail.next(world.now), Try):
            number = int(step.key.credential[-1])
            sick = number in failing
            world.settle(trail, step, Outcome("overload" if sick else None, seconds=0.01))
            if not sick:
                counts[number] += 1
                break
    healthy = [n for n in counts if n not in failing]
    assert sum(counts.values()) == 100
    assert all(counts[n] >= 100 * (n + 1) / 10 / 2 for n in healthy)


@settings(deadline=None)
@given(
    cls=st.sampled_from(["overload", "network", "empty", "model", "quota"]),
    scope=st.sampled_from(["target", "key", "model", "host", "none"]),
    failures=st.integers(0, 15),
    retry=st.integers(0, 2),
    seed=st.integers(0, 9),
)
def test_a_lone_target_is_tried_at_least_once_unless_it_is_shut(
    cls: Any, scope: Scope, failures: int, retry: int, seed: int
):
    world = World(seed)
    lone = Target(provider="a", model="x", credentials=(Credential(id="a#0"),))
    route = Route(id="r", members=(Member(id="m", targets=(lone,)),))
    for _ in range(failures + 1):
        trail = world.trail(route, RetryLimits(request_retry=retry))
        step = trail.next(world.now)
        assert isinstance(step, Try)
        world.settle(trail, step, Outcome(cls, scope))


@settings(deadline=None)
@given(seconds=st.floats(0.01, 5000), requests=st.integers(1, 4), seed=st.integers(0, 9))
def test_retry_after_is_exact(seconds: float, requests: int, seed: int):
    """A target that said when to come back is not asked before, and is asked right then."""
    world = World(seed)
    lone = Target(provider="a", model="x", credentials=(Credential(id="a#0"),))
    route = Route(id="r", members=(Member(id="m", targets=(lone,)),))
    trail = world.trail(route, RetryLimits())
    step = trail.next(world.now)
    assert isinstance(step, Try)
    world.settle(trail, step, Outcome("quota", retry_after=seconds, seconds=0.0))
    opens = world.now + seconds
    for n in range(requests):
        now = world.now + seconds * n / requests
        other = world.trail(route, RetryLimits(deadline=0.0))
        assert other.next(now) == Exhausted("all-out", opens)
        assert other.earliest_return(now) == opens - now
    assert isinstance(world.trail(route, RetryLimits(deadline=0.0)).next(opens), Try)


@settings(deadline=None)
@given(sessions=st.lists(st.text(min_size=1), min_size=1, max_size=5), seed=st.integers(0, 99))
def test_a_session_keeps_its_key_while_it_is_healthy(sessions: list[str], seed: int):
    """It goes to the first of its own order of keys that is healthy, and so returns in the end."""
    world = World(seed)
    target = Target(
        provider="a",
        model="x",
        credentials=tuple(Credential(id=f"a#{n}") for n in range(5)),
        strategy="sticky",
    )
    route = Route(id="r", members=(Member(id="m", targets=(target,)),))
    for n in range(60):
        session = sessions[n % len(sessions)]
        trail = world.trail(route, RetryLimits(), session)
        expected = next(
            key for key in order_of(session, target) if world.health.state(key, world.now).usable
        )
        step = trail.next(world.now)
        assert isinstance(step, Try)
        assert step.key == expected
        fails = world.rng.random() < 0.2
        world.settle(trail, step, Outcome("quota" if fails else None, retry_after=0.4))


def order_of(session: str, target: Target) -> list[TargetKey]:
    left, order = list(target.credentials), []
    while left:
        picked = Selector().pick("any", "sticky", left, session)
        left.remove(picked)
        order.append(target.key(picked))
    return order
