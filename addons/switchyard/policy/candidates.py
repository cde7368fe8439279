"""Lists the targets and keys of a route that may be tried next."""

import math
from collections.abc import Iterator

from switchyard.policy.choosing import Candidate
from switchyard.policy.choosing import Chooser
from switchyard.policy.choosing import FreeTargets
from switchyard.policy.cooldown import Place
from switchyard.policy.cooldown import Standing
from switchyard.policy.cooldown import place_of
from switchyard.policy.cooldown import places
from switchyard.policy.failures import Verdict
from switchyard.policy.health import Health
from switchyard.policy.quota import Quotas
from switchyard.policy.route import Member
from switchyard.policy.route import Route
from switchyard.policy.route import Target
from switchyard.policy.route import TargetKey
from switchyard.policy.selection import Selector
from switchyard.policy.steering import Steering
from switchyard.policy.warm_sessions import WarmSession

_SOON = 30.0


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
        steering: Steering | None = None,
        warm: WarmSession | None = None,
    ) -> None:
        self._warm = warm
        self._route = route
        self._health = health
        self._quotas = quotas
        self._chooser = Chooser(route, health, selector, session, steering)
        self._steering = steering
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
        """Apply a failure; `again`: the candidate is asked once more, with another request."""
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
        if self._kept_until(candidate, now) is not None:
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

        Another key of the same target first, then the one with the session's prompt cache, else as
        the strategies choose. `besides`: ids of members to leave out.
        """
        if self._current and not besides:
            if free := self._free(*self._current, now):
                return self._chooser.choose_key(self._current[1], free, now)
        if self._warm is not None and (candidate := self._cached(self._warm, now, besides)):
            return candidate
        found: list[tuple[Member, FreeTargets]] = []
        for member in self._route.members:
            if member.id not in besides and (targets := self._free_of(member, now)):
                found.append((member, targets))
                if self._route.in_order:
                    break
        return self._chooser.choose(found, now) if found else None

    def least_bad(self, now: float, horizon: float = math.inf) -> Candidate | None:
        """Return the candidate of this round that recovers soonest, before the horizon.

        Candidates that their provider shut are not among them, nor what is kept for others.
        """
        best: Candidate | None = None
        best_rank = (math.inf, 1)
        self.full = False
        for candidate, standing in self._left(now):
            if standing.shut_until and candidate.target.spared:
                continue
            if self._kept_until(candidate, now) is not None:
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

        `shut_too`: also those that their provider shut, or whose rest is kept for others, at the
        end of the term.
        """
        found: list[float] = []
        for candidate, standing in self._all(now):
            kept = self._kept_until(candidate, now)
            if standing.shut_until or kept is not None:
                if not shut_too:
                    continue
                at = max(standing.shut_until, kept or now)
            else:
                at = self._returns(candidate, standing, now)
            if at < math.inf and not _is_among(candidate, self._excluded.barred):
                found.append(at)
        return min(found, default=None)

    def returns_at(self, now: float) -> float | None:
        """Return the time for the client's `Retry-After`.

        A guess of the router is reported no later than soon, since an earlier request will be tried
        if no better target is left.
        """
        found: list[float] = []
        for candidate, standing in self._all(now):
            if _is_among(candidate, self._excluded.barred):
                continue
            at = standing.shut_until or min(
                self._returns(candidate, standing, now),
                now + _SOON if standing.guessed else math.inf,
            )
            at = max(at, self._kept_until(candidate, now) or at)
            if at < math.inf:
                found.append(at)
        return min(found, default=None)

    def blocked(self, now: float) -> Iterator[tuple[Candidate, Standing]]:
        """All that cool and were not tried in this round."""
        for candidate, standing in self._all(now):
            if standing.state == "cooling" and places(candidate.key)[0] not in self._excluded.out:
                yield candidate, standing

    def _cached(self, warm: WarmSession, now: float, besides: frozenset[str]) -> Candidate | None:
        """Return the candidate with the session's prompt cache; None where none may be tried."""
        place = warm.place(now)
        member = self._route.member(place.member) if place is not None else None
        if place is None or member is None or member.id in besides:
            return None
        found = self._free_of(member, now)
        if (candidate := _with_key(found, place.key)) or not found or not warm.for_good:
            return candidate
        return self._chooser.choose([(member, found)], now)

    def kept(self, now: float) -> Iterator[tuple[Candidate, float]]:
        """All whose rest is kept for other clients, and until when."""
        if self._route.keeps:
            for candidate, _ in self._all(now):
                if (until := self._kept_until(candidate, now)) is not None:
                    yield candidate, until

    def _free_of(self, member: Member, now: float) -> FreeTargets:
        return [(one, free) for one in member.targets if (free := self._free(member, one, now))]

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
                and self._empty_until(candidate, now) <= now
                and self._kept_until(candidate, now) is None
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
        empty = self._empty_until(candidate, now)
        return max(cooled, self._quota_opens(candidate, now), empty if empty < math.inf else now)

    def _empty_until(self, candidate: Candidate, now: float) -> float:
        """When the windows of a candidate are no longer used up, where windows steer."""
        if self._steering is None or not self._route.by_windows:
            return -math.inf
        return self._steering.room(candidate.target, candidate.credential, now).empty_until

    def _kept_until(self, candidate: Candidate, now: float) -> float | None:
        if self._steering is None or candidate.credential.keep is None:
            return None
        return self._steering.kept_until(candidate.target, candidate.credential, now)

    def _has_place(self, candidate: Candidate) -> bool:
        most = candidate.credential.max_concurrency
        return (
            most is None
            or self._health.in_flight(candidate.key.provider, candidate.key.credential) < most
        )

    def _quota_opens(self, candidate: Candidate, now: float) -> float:
        key, limits = candidate.key, candidate.credential.quota
        return self._quotas.opens_at(key.provider, key.credential, limits, now)


def _with_key(found: FreeTargets, key: TargetKey) -> Candidate | None:
    return next((one for _, free in found for one in free if one.key == key), None)


def _is_among(candidate: Candidate, *among: set[Place]) -> bool:
    if not any(among):
        return False
    return any(place in each for place in places(candidate.key) for each in among)
