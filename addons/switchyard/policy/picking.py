"""Chooses among what may be tried, as the strategies of route, member and target say."""

from dataclasses import dataclass

from switchyard.policy.health import Health
from switchyard.policy.route import Credential
from switchyard.policy.route import Member
from switchyard.policy.route import Route
from switchyard.policy.route import Target
from switchyard.policy.route import TargetKey
from switchyard.policy.selection import Selector


@dataclass(frozen=True, slots=True)
class Candidate:
    """One target with one of its keys."""

    member: Member
    target: Target
    credential: Credential
    key: TargetKey


type FreeTargets = list[tuple[Target, list[Candidate]]]
"""Targets of a member, each with those of its candidates that may be tried."""


class Picker:
    """Chooses for one request."""

    def __init__(self, route: Route, health: Health, selector: Selector, session: str) -> None:
        self._route = route
        self._health = health
        self._selector = selector
        self._session = session

    def member(self, found: list[tuple[Member, FreeTargets]]) -> Candidate:
        """Return a candidate of the member, target and key that the strategies choose."""
        route = self._route
        member, targets = found[0]
        # Where there never is a choice, none is remembered either.
        if len(route.members) > 1:
            by_id = dict((member.id, (member, targets)) for member, targets in found)
            members = [member for member, _ in found]
            chosen = self._selector.pick(
                route.id, route.strategy, members, self._session, self._member_load
            )
            member, targets = by_id[chosen.id]
        target, free = targets[0]
        if len(member.targets) > 1:
            chosen = self._selector.pick(
                f"{route.id}>{member.id}",
                member.strategy,
                [target for target, _ in targets],
                self._session,
                self._target_load,
            )
            target, free = next(one for one in targets if one[0] is chosen)
        return self.key(member, target, free)

    def key(self, member: Member, target: Target, free: list[Candidate]) -> Candidate:
        """Return the one of a target's free candidates whose key its strategy chooses."""
        if len(target.credentials) == 1:
            return free[0]
        credential = self._selector.pick(
            f"{target.id}#",
            target.strategy,
            [candidate.credential for candidate in free],
            self._session,
            lambda one: self._health.in_flight(target.provider, one.id),
        )
        return next(one for one in free if one.credential is credential)

    def _target_load(self, target: Target) -> float:
        keys = (target.key(credential) for credential in target.credentials)
        return sum(self._health.target_in_flight(key) for key in keys)

    def _member_load(self, member: Member) -> float:
        return sum(self._target_load(target) for target in member.targets)
