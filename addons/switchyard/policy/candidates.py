"""Lists the targets and keys of a route that may be tried next."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from switchyard.policy.cooldown import Place
from switchyard.policy.cooldown import Standing
from switchyard.policy.cooldown import place_of
from switchyard.policy.cooldown import places
from switchyard.policy.failures import Verdict
from switchyard.policy.health import Health
from switchyard.policy.quota import Quotas
from switchyard.policy.route import Credential
from switchyard.policy.route import Member
from switchyard.policy.route import Route
from switchyard.policy.route import Target
from switchyard.policy.route import TargetKey
from switchyard.policy.selection import Selector

_SOON = 30.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One target with one of its keys."""

    member: Member
    target: Target
    credential: Credential
    key: TargetKey


class _Excluded:
    """What is not tried: places of cooldowns that hold candidates."""

    __slots__ = ("barred", "later", "out")

    def __init__(self) -> None:
        self.out: set[Place] = set()
        """Not again in this round."""
        self.later: set[Place] = set()
        """In this round only when nothing else is left."""
        self.barred: set[Place] = set()
        """Not again for this request."""

    def failed(self, key: TargetKey, verdict: Verdict) -> None:
        """Apply a failure."""
        place = place_of(verdict.scope, key)
        if place is not None:
            self.out.add(place)
        match verdict.cls:
            case "credential" | "model":
                # Of what a model cannot do, no key of it can do more.
                bars = place_of("model", key) if verdict.scope == "none" else place
                self.barred.add(bars or places(key)[0])
            case "quota" if verdict.scope == "none":
                self.barred.add(places(key)[0])
            case "network":
                self.later.add(("host", key.provider, "", key.via))
            case "context-length" | "history":
                # What one key of a model cannot read, no other can.
                self.barred.add(("model", key.provider, "", key.model))
            case _:
                pass


type _Free = list[tuple[Target, list[Candidate]]]
"""Targets of a member, each with those of its candidates that may be tried."""


class Candidates:
    """The candidates of one request, without those out for the round or for good."""

    def __init__(
        self,
        route: Route,
        health: Health,
        selector: Selector,
        quotas: Quotas,
        session: str,
        most_credentials: int,
    ) -> None:
        self._route = route
        self._health = health
        self._selector = selector
        self._quotas = quotas
        self._session = session
        self._most_credentials = most_credentials
        self._excluded = _Excluded()
        self._counts: dict[str, int] = {}
        self._current: tuple[Member, Target] | None = None
        self._again: Candidate | None = None
        """Asked once more, with another request, before any other."""
        self._window: float = -1.0
        """Only targets with a larger context window are left."""
        self.full = False
        """Whether the last search for anything left found only keys with no free place."""

    def begun(self, candidate: Candidate) -> None:
        """It is being tried."""
        self._excluded.out.add(places(candidate.key)[0])
        self._counts[candidate.member.id] = self._counts.get(candidate.member.id, 0) + 1
        self._current = candidate.member, candidate.target

    def failed(self, candidate: Candidate, verdict: Verdict, again: bool = False) -> None:
        """Apply what a candidate's failure means for the others.

        `again`: it is asked once more, with another request.
        """
        if again:
            self._again = candidate
            return
        self._excluded.failed(candidate.key, verdict)
        if verdict.cls == "context-length":
            self._window = max(self._window, candidate.target.context_window or 0)

    def next_round(self) -> None:
        """All that is not barred may be tried once more."""
        self._excluded.out.clear()
        self._excluded.later.clear()
        self._counts.clear()
        self._current = None

    def once_more(self, now: float) -> Candidate | None:
        """Return the candidate that is asked once more, if it may still be tried."""
        candidate, self._again = self._again, None
        if candidate is None or self._health.state(candidate.key, now).state == "cooling":
            return None
        return candidate if self._has_place(candidate) else None

    def has_besides(self, candidate: Candidate, now: float) -> bool:
        """Whether a member without a cooldown is left besides a candidate's own."""
        return any(
            bool(self._free(member, target, now))
            for member in self._route.members
            if member.id != candidate.member.id
            for target in member.targets
        )

    def best(self, now: float, besides: frozenset[str] = frozenset()) -> Candidate | None:
        """Return the next candidate without a cooldown.

        Another key of the same target first, else as the strategies choose. `besides`: ids of
        members to leave out.
        """
        if self._current and not besides:
            member, target = self._current
            if free := self._free(member, target, now):
                return self._pick_key(member, target, free)
        found: list[tuple[Member, _Free]] = []
        for member in self._route.members:
            if member.id in besides:
                continue
            targets = [
                (target, free)
                for target in member.targets
                if (free := self._free(member, target, now))
            ]
            if targets:
                found.append((member, targets))
                if self._route.in_order:
                    break
        return self._pick(found) if found else None

    def least_bad(self, now: float, horizon: float = math.inf) -> Candidate | None:
        """Return the candidate of this round that recovers soonest, before the horizon.

        Candidates that their provider shut are not among them.
        """
        best: Candidate | None = None
        best_rank = (math.inf, 1)
        self.full = False
        for candidate, standing in self._left(now):
            if standing.shut_until and candidate.target.spared:
                continue
            returns = self._returns(candidate, standing, now)
            if returns > horizon:
                continue
            if not self._has_place(candidate):
                self.full = True
                continue
            rank = (returns, 0 if standing.usable else 1)
            if best is None or rank < best_rank:
                best, best_rank = candidate, rank
        if best is not None:
            self.full = False
        return best

    def soonest(self, now: float, shut_too: bool) -> float | None:
        """Return when the first candidate may be tried again in any round; None if none.

        `shut_too`: also those that their provider shut, at the end of the term.
        """
        found = [
            standing.shut_until or self._returns(candidate, standing, now)
            for candidate, standing in self._all(now)
            if (shut_too or not standing.shut_until)
            and not _is_among(candidate, self._excluded.barred)
        ]
        return min(found, default=None)

    def returns_at(self, now: float) -> float | None:
        """Return the time for the client's `Retry-After`.

        A guess of the router is reported no later than soon, since an earlier request will be tried
        if no better target is left.
        """
        found = [
            standing.shut_until
            or min(
                self._returns(candidate, standing, now),
                now + _SOON if standing.guessed else math.inf,
            )
            for candidate, standing in self._all(now)
            if not _is_among(candidate, self._excluded.barred)
        ]
        return min(found, default=None)

    def blocked(self, now: float) -> Iterator[tuple[Candidate, Standing]]:
        """All that cool and were not tried in this round."""
        for candidate, standing in self._all(now):
            if standing.state == "cooling" and places(candidate.key)[0] not in self._excluded.out:
                yield candidate, standing

    def _pick(self, found: list[tuple[Member, _Free]]) -> Candidate:
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
        return self._pick_key(member, target, free)

    def _pick_key(self, member: Member, target: Target, free: list[Candidate]) -> Candidate:
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

    def _free(self, member: Member, target: Target, now: float) -> list[Candidate]:
        """Yield the target with each of its keys that may be tried without a cooldown."""
        if not self._may(member, target):
            return []
        found: list[Candidate] = []
        excluded = self._excluded
        for credential in target.credentials:
            candidate = Candidate(member, target, credential, target.key(credential))
            if (
                not _is_among(candidate, excluded.out, excluded.later, excluded.barred)
                and self._health.state(candidate.key, now).usable
                and self._has_place(candidate)
                and self._quota_opens(candidate, now) <= now
            ):
                found.append(candidate)
        return found

    def _may(self, member: Member, target: Target) -> bool:
        most = self._most_credentials
        if most and self._counts.get(member.id, 0) >= most:
            return False
        return self._window < 0 or (target.context_window or 0) > self._window

    def _left(self, now: float) -> Iterator[tuple[Candidate, Standing]]:
        """What was not tried in this round."""
        for candidate, standing in self._all(now):
            if self._may(candidate.member, candidate.target) and not _is_among(
                candidate, self._excluded.out, self._excluded.barred
            ):
                yield candidate, standing

    def _all(self, now: float) -> Iterator[tuple[Candidate, Standing]]:
        for member in self._route.members:
            for target in member.targets:
                if self._window >= 0 and (target.context_window or 0) <= self._window:
                    continue
                for credential in target.credentials:
                    key = target.key(credential)
                    candidate = Candidate(member, target, credential, key)
                    yield candidate, self._health.state(key, now)

    def _returns(self, candidate: Candidate, standing: Standing, now: float) -> float:
        cooled = standing.until if standing.state == "cooling" else now
        return max(cooled, self._quota_opens(candidate, now))

    def _has_place(self, candidate: Candidate) -> bool:
        most = candidate.credential.max_concurrency
        if most is None:
            return True
        return self._health.in_flight(candidate.key.provider, candidate.key.credential) < most

    def _quota_opens(self, candidate: Candidate, now: float) -> float:
        key, limits = candidate.key, candidate.credential.quota
        return self._quotas.opens_at(key.provider, key.credential, limits, now)

    def _target_load(self, target: Target) -> float:
        keys = (target.key(credential) for credential in target.credentials)
        return sum(self._health.target_in_flight(key) for key in keys)

    def _member_load(self, member: Member) -> float:
        return sum(self._target_load(target) for target in member.targets)


def _is_among(candidate: Candidate, *among: set[Place]) -> bool:
    if not any(among):
        return False
    return any(place in each for place in places(candidate.key) for each in among)
