"""Chooses among the candidates of a route that may be tried, by the strategies of each level."""

from collections.abc import Iterable

from switchyard.policy.health import Health
from switchyard.policy.route import Credential
from switchyard.policy.route import Member
from switchyard.policy.route import Route
from switchyard.policy.route import Target
from switchyard.policy.route import TargetKey
from switchyard.policy.selection import Selector
from switchyard.policy.steering import NO_FIGURES
from switchyard.policy.steering import Room
from switchyard.policy.steering import Steering
from switchyard.values.records import record


@record()
class Candidate:
    """One target with one of its keys."""

    member: Member
    target: Target
    credential: Credential
    key: TargetKey


type FreeTargets = list[tuple[Target, list[Candidate]]]
"""Targets of a member, each with those of its candidates that may be tried."""


class Chooser:
    """Chooses for one request. `session` is empty where no strategy asks for it."""

    def __init__(
        self,
        route: Route,
        health: Health,
        selector: Selector,
        session: str,
        steering: Steering | None,
    ) -> None:
        self._route = route
        self._health = health
        self._selector = selector
        self._session = session
        self._steering = steering

    def choose(self, found: list[tuple[Member, FreeTargets]], now: float) -> Candidate:
        """Return one candidate of the members, of which each has at least one."""
        route = self._route
        member, targets = found[0]
        # Where there never is a choice, none is remembered either.
        if len(route.members) > 1:
            by_id = dict((member.id, (member, targets)) for member, targets in found)
            chosen = self._selector.pick(
                route.id,
                route.strategy,
                [member for member, _ in found],
                self._session,
                self._member_load,
                lambda one: self._rooms((f for _, free in by_id[one.id][1] for f in free), now),
            )
            member, targets = by_id[chosen.id]
        target, free = targets[0]
        if len(member.targets) > 1:
            by_target = {id(target): free for target, free in targets}
            target = self._selector.pick(
                f"{route.id}>{member.id}",
                member.strategy,
                [target for target, _ in targets],
                self._session,
                self._target_load,
                lambda one: self._rooms(by_target[id(one)], now),
            )
            free = by_target[id(target)]
        return self.choose_key(target, free, now)

    def choose_key(self, target: Target, free: list[Candidate], now: float) -> Candidate:
        """Return one of a target's candidates, of which there is at least one."""
        if len(target.credentials) == 1:
            return free[0]
        by_key = {candidate.credential.id: candidate for candidate in free}
        credential = self._selector.pick(
            f"{target.id}#",
            target.strategy,
            [candidate.credential for candidate in free],
            self._session,
            lambda one: self._health.in_flight(target.provider, one.id),
            lambda one: self._rooms((by_key[one.id],), now),
        )
        return by_key[credential.id]

    def _rooms(self, candidates: Iterable[Candidate], now: float) -> list[Room]:
        steering = self._steering
        if steering is None:
            return [NO_FIGURES]
        return [steering.room(one.target, one.credential, now) for one in candidates]

    def _target_load(self, target: Target) -> float:
        keys = (target.key(credential) for credential in target.credentials)
        return sum(self._health.target_in_flight(key) for key in keys)

    def _member_load(self, member: Member) -> float:
        return sum(self._target_load(target) for target in member.targets)
