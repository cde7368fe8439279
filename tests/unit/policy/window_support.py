"""What the tests of steering by windows have in common."""

import random
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from dataclasses import field

from switchyard.policy.health import Health
from switchyard.policy.quota import Quotas
from switchyard.policy.route import Route
from switchyard.policy.selection import Selector
from switchyard.policy.steering import Steering
from switchyard.policy.trail import RetryLimits
from switchyard.policy.trail import Trail
from switchyard.policy.warm_sessions import WarmSessions

OFFSET = 1_764_000_000.0
"""Unix seconds minus seconds of the tests' clock."""


@dataclass(frozen=True)
class Figure:
    """A window's figure; moments on the tests' clock."""

    name: str
    used: float | None
    reset: float | None = None
    seen: float = 0.0
    span: float | None = 18_000.0
    scope: str = ""

    @property
    def resets_at(self) -> float | None:
        return None if self.reset is None else self.reset + OFFSET

    @property
    def seen_at(self) -> float:
        return self.seen + OFFSET


@dataclass
class WindowWorld:
    """Windows in memory, shared health and selection, and a clock."""

    now: float = 1000.0
    figures: dict[str, dict[str, Figure]] = field(default_factory=lambda: defaultdict(dict))

    def __post_init__(self) -> None:
        self.health = Health(rng=random.Random(3))
        self.selector = Selector()
        self.quotas = Quotas()
        self.warm = WarmSessions()

    def of(self, owner: str) -> Collection[Figure]:
        return self.figures[owner].values()

    def tell(self, owner: str, *figures: Figure) -> None:
        for figure in figures:
            self.figures[owner][figure.name] = figure

    def steering(self, client: str = "") -> Steering:
        return Steering(self, OFFSET, client, lambda provider: f"{provider} login")

    def trail(self, route: Route, client: str = "", session: str = "") -> Trail:
        return Trail(
            route,
            health=self.health,
            selector=self.selector,
            quotas=self.quotas,
            limits=RetryLimits(request_retry=0, deadline=0.0),
            session=session,
            now=self.now,
            rng=random.Random(7),
            steering=self.steering(client),
            warm=self.warm.of(route, session) if route.stays and session else None,
        )
