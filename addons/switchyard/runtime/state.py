"""Keeps what the router remembers between requests, across configurations."""

import random
import time
from collections.abc import Collection
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from typing import Protocol

from switchyard.policy.cooldown import CooldownSettings
from switchyard.policy.health import Health
from switchyard.policy.quota import Quotas
from switchyard.policy.route import Route
from switchyard.policy.selection import Selector
from switchyard.policy.shared_turns import Claim
from switchyard.policy.shared_turns import NotYet
from switchyard.policy.shared_turns import SharedQuotas
from switchyard.policy.shared_turns import SharedTurns
from switchyard.policy.steering import Steering
from switchyard.policy.trail import RetryLimits
from switchyard.policy.trail import Trail
from switchyard.policy.turns_ahead import TurnsAhead
from switchyard.policy.warm_sessions import WarmSessions
from switchyard.state.conversations import Conversations
from switchyard.state.proofs import Proofs
from switchyard.state.shared.memory import MemoryState
from switchyard.state.shared.protocol import SharedState
from switchyard.state.thinking import ThinkingMemory
from switchyard.wire.operations.count_tokens import Calibration


def _unix_seconds() -> int:
    return int(time.time())


class SharedChoice(Protocol):
    """Gets what the choice of a target needs from other processes."""

    async def provide(self, trail: Trail, wanted: NotYet) -> None:
        """Get it, and hand it to the trail."""
        ...

    def settle_claim(self, claim: Claim, tokens: int) -> None:
        """Report what an attempt used of a key's quota."""
        ...

    def release_claim(self, claim: Claim) -> None:
        """Give back what no attempt made use of."""
        ...


@dataclass(slots=True)
class State:
    """The state that outlives configurations."""

    selector: Selector = field(default_factory=Selector)
    quotas: Quotas = field(default_factory=Quotas)
    health: Health = field(default_factory=Health)
    warm: WarmSessions = field(default_factory=WarmSessions)
    calibration: Calibration = field(default_factory=Calibration)
    conversations: Conversations = field(default_factory=Conversations)
    proofs: Proofs = field(default_factory=Proofs)
    thinking: ThinkingMemory = field(default_factory=ThinkingMemory)
    shared: SharedState = field(default_factory=MemoryState)
    """Where limits are counted."""
    choosing: "SharedChoice | None" = None
    """Set where turns and quotas are shared with other processes."""
    turns_ahead: TurnsAhead = field(default_factory=TurnsAhead)
    """Turns of shared rotations that came with admissions."""
    closed: dict[tuple[str, str], float] = field(default_factory=dict)
    """Keys whose shared quota is used up, and until when; monotonic seconds."""
    rng: random.Random = field(default_factory=random.Random)
    started: float = field(default_factory=time.monotonic)
    created: int = field(default_factory=_unix_seconds)
    """Unix seconds; what model lists give as the models' date."""
    draining: bool = False
    """Whether the router takes no new connections, and lets running requests finish."""

    def begin_trail(
        self,
        route: Route,
        limits: RetryLimits,
        session: str,
        steering: Steering | None = None,
        begins: bool = False,
    ) -> Trail:
        """Begins the trail of a new request; `steering` is wanted where windows steer.

        `begins`: whether the request begins its session, so that no target has its cache yet.
        """
        selector, quotas, choosing = self.selector, self.quotas, self.choosing
        if choosing is not None:
            selector = SharedTurns(selector)
            quotas = SharedQuotas(quotas, self.closed, choosing.settle_claim)
        return Trail(
            route,
            health=self.health,
            selector=selector,
            quotas=quotas,
            limits=limits,
            now=time.monotonic(),
            session=session,
            warm=self.warm.of(route, session, begins) if route.stays and session else None,
            rng=self.rng,
            steering=steering,
        )

    def renew(
        self,
        cooldown: CooldownSettings,
        credentials: Collection[tuple[str, str]],
        changed: Iterable[str],
    ) -> None:
        """Takes over the settings of another configuration.

        Learned state stays, except for removed credentials and for providers that `changed`: a
        refused key may have been replaced.
        """
        self.health.use(cooldown)
        self.quotas.retain(set(credentials))
        now = time.monotonic()
        for key in [key for key, until in self.closed.items() if until <= now]:
            del self.closed[key]
        for provider in changed:
            self.health.forget(provider)
