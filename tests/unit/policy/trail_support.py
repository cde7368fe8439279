"""What the tests of `trail` have in common."""

import random
from typing import Any

from switchyard.policy.cooldown import CooldownSettings
from switchyard.policy.failures import FailureClass
from switchyard.policy.failures import Scope
from switchyard.policy.failures import Seen
from switchyard.policy.failures import SeenKind
from switchyard.policy.failures import Verdict
from switchyard.policy.health import Health
from switchyard.policy.quota import Quotas
from switchyard.policy.route import Credential
from switchyard.policy.route import Member
from switchyard.policy.route import Route
from switchyard.policy.route import Target
from switchyard.policy.selection import Selector
from switchyard.policy.trail import Exhausted
from switchyard.policy.trail import RetryLimits
from switchyard.policy.trail import Trail
from switchyard.policy.trail import Try
from switchyard.policy.trail import WaitUntil
from switchyard.policy.warm_sessions import WarmSession

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


KIND_OF: dict[FailureClass, SeenKind] = {"network": "reset", "empty": "empty"}


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

    def trail(
        self, route: Route, session: str = "", warm: WarmSession | None = None, **limits: Any
    ) -> Trail:
        return Trail(
            route,
            health=self.health,
            selector=self.selector,
            quotas=self.quotas,
            limits=RetryLimits(**{"request_retry": 0, **limits}),
            session=session,
            warm=warm,
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
