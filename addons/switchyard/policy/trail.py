"""Keeps one request's attempts: what to try next, when to wait, when to give up.

In one round every key is tried at most once. `request-retry` is the number of further rounds; one
follows only where it can help, after a wait for the soonest recovery of at most
`max-retry-interval` (CLIProxyAPI's meaning of these words). Refusals that a provider announced are
never waited for, except as long as `wait-for-recovery` allows.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from itertools import islice
from typing import Literal

from switchyard.policy.candidates import Candidates
from switchyard.policy.choosing import Candidate
from switchyard.policy.failures import FailureClass
from switchyard.policy.failures import Seen
from switchyard.policy.failures import Verdict
from switchyard.policy.health import Health
from switchyard.policy.health import Lease
from switchyard.policy.quota import Quotas
from switchyard.policy.records import KEPT
from switchyard.policy.records import AttemptRecord
from switchyard.policy.records import brief_of
from switchyard.policy.records import most_telling
from switchyard.policy.records import reason_of
from switchyard.policy.route import Credential
from switchyard.policy.route import Route
from switchyard.policy.route import Target
from switchyard.policy.route import TargetKey
from switchyard.policy.selection import Selector
from switchyard.policy.shared_turns import SharedQuotas
from switchyard.policy.shared_turns import SharedTurns
from switchyard.policy.steering import Steering
from switchyard.policy.warm_sessions import WarmSession
from switchyard.values.records import altered
from switchyard.values.records import record

_LONGEST_JITTER = 2.0
_POLL = (0.05, 0.25)
"""Seconds between looks whether a busy key has a free place."""
_SHORTEST_WAIT = 0.05
_MOST_BLOCKED = 20


@record(kw_only=True)
class RetryLimits:
    """How long and how often to try. Times in seconds."""

    request_retry: int = 1
    """Further rounds over the keys."""
    max_retry_credentials: int = 0
    """Keys tried in one round at one member of the route; 0 is all."""
    max_retry_interval: float = 30.0
    """The longest wait before a further round, or for a free place at a busy key."""
    deadline: float = 600.0
    """No attempt begins later than this after the request; 0 is no deadline."""
    wait_for_recovery: float = 0.0
    """How long to wait altogether when all is out."""


@dataclass(slots=True)
class Try:
    """An attempt to be made, or being made."""

    number: int
    """Counts from 1."""
    candidate: Candidate
    lease: Lease
    record: int | None = field(default=None, repr=False)
    """Its place among the records, once it has one."""

    @property
    def target(self) -> Target:
        return self.candidate.target

    @property
    def credential(self) -> Credential:
        return self.candidate.credential

    @property
    def key(self) -> TargetKey:
        return self.candidate.key

    @property
    def started(self) -> float:
        return self.lease.started


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Ask again at that time (monotonic seconds); the client gets keep-alives."""

    at: float
    reason: Literal["recovery", "busy"]


@dataclass(frozen=True, slots=True)
class Exhausted:
    """Nothing more to try."""

    reason: Literal["stopped", "all-out", "busy", "deadline"]
    """`stopped`: the request itself is wrong; `busy`: every key that is left is at its limit of
    concurrent requests."""
    retry_at: float | None
    """When a target may be available again, in monotonic seconds; None if unknown."""


class Trail:
    """The bookkeeping of one request. `failed` or `finished` ends each `Try`."""

    def __init__(
        self,
        route: Route,
        *,
        health: Health,
        selector: Selector,
        quotas: Quotas,
        limits: RetryLimits,
        now: float,
        session: str = "",
        warm: WarmSession | None = None,
        rng: random.Random | None = None,
        steering: Steering | None = None,
    ) -> None:
        self._health = health
        self._quotas = quotas
        self._limits = limits
        self._started = now
        self._rng = rng or random.Random()
        self._candidates = Candidates(
            route, health, selector, quotas, session, limits.max_retry_credentials, steering, warm
        )
        self.warm = warm
        """The place of the session's prompt cache; None where it does not matter to the route."""
        self._running: list[Try] = []
        self._number = 0
        self._rounds_left = limits.request_retry
        self._first_round = True
        self._recovery_left = limits.wait_for_recovery
        self._busy_until: float | None = None
        self._wait: WaitUntil | None = None
        self._stopped = False
        self.turns: SharedTurns | None = selector if isinstance(selector, SharedTurns) else None
        self.shares: SharedQuotas | None = quotas if isinstance(quotas, SharedQuotas) else None
        self.records: list[AttemptRecord] = []
        """What came of the attempts, in the order in which it became known."""

    def next(self, now: float) -> Try | WaitUntil | Exhausted:
        """What to do now. Ask when there is no attempt yet, or none is running any more."""
        while True:
            if self._stopped:
                return Exhausted("stopped", None)
            if self._too_late(now):
                return Exhausted("deadline", self._candidates.returns_at(now))
            if self._wait is not None:
                if now < self._wait.at:
                    return self._wait
                self._wait = None
            horizon = float("inf") if self._first_round else now + self._limits.max_retry_interval
            candidate = (
                self._candidates.once_more(now)
                or self._candidates.best(now)
                or self._candidates.least_bad(now, horizon)
            )
            if candidate is not None:
                return self._begin(candidate, now)
            over = self._over(now)
            if over is not None:
                return over

    def has_another(self, attempt: Try, now: float) -> bool:
        """Whether a member besides an attempt's own may be tried after it."""
        return self._candidates.has_besides(attempt.candidate, now)

    def hedge(self, now: float) -> Try | None:
        """Return an attempt at another member, beside those that run.

        None if no member without a cooldown is left.
        """
        if self._stopped or self._too_late(now):
            return None
        running = frozenset(attempt.candidate.member.id for attempt in self._running)
        candidate = self._candidates.best(now, besides=running)
        return None if candidate is None else self._begin(candidate, now)

    def failed(
        self,
        attempt: Try,
        seen: Seen,
        verdict: Verdict,
        now: float,
        retry_after: float | None = None,
        again: bool = False,
    ) -> None:
        """Record that an attempt failed.

        In: seconds named by the provider; whether the same target is asked once more at once, with
        another request or another token. Nothing is held against it then.
        """
        if attempt.lease.over:
            return
        if not again and verdict.cls not in ("request", "context-length", "history"):
            self._health.report_failure(
                attempt.lease, verdict, now, retry_after, brief_of(seen), seen.status
            )
        self._end(attempt, now)
        self._record(attempt, _failure(attempt, seen, verdict, now, retry_after))
        self._candidates.failed(attempt.candidate, verdict, again)
        if verdict.cls == "request":
            self._stopped = True

    def succeeded(self, attempt: Try, now: float, status: int | None = 200) -> None:
        """Real output came. The attempt goes on until `finished` or, broken off, `failed`."""
        if attempt.lease.over or attempt.record is not None:
            return
        self._health.report_success(attempt.lease, now)
        seconds = now - attempt.started
        self._record(attempt, _record(attempt, cls=None, status=status, seconds=seconds))

    def cached(self, attempt: Try, now: float, life: float) -> None:
        """Record that the target has the session's prompt cache, for `life` seconds without use."""
        if self.warm is not None:
            self.warm.note(attempt.candidate.member.id, attempt.key, now + life)

    def finished(self, attempt: Try, now: float, tokens: int = 0) -> None:
        """Record that an attempt is over without a failure.

        Its response is complete, or it was given up without a verdict, as when the client left.
        `tokens`: what it used, for the key's quota.
        """
        key, limits = attempt.key, attempt.credential.quota
        self._quotas.note(key.provider, key.credential, limits, now, tokens=tokens)
        self._end(attempt, now)

    def abandon(self, now: float) -> None:
        """End all that still runs without a verdict: the client no longer waits."""
        for attempt in list(self._running):
            self.finished(attempt, now)

    @property
    def waits(self) -> WaitUntil | None:
        """What it waits for, and until when; None while an attempt runs."""
        return None if self._running else self._wait

    def most_telling(self) -> AttemptRecord | None:
        """Return the failure most relevant to the client; None if nothing was tried."""
        return most_telling(self.records)

    def blocked(self, now: float) -> list[AttemptRecord]:
        """The targets that were not tried, with the last failure of those that cool."""
        return list(islice(self._blocked(now), _MOST_BLOCKED))

    def earliest_return(self, now: float) -> float | None:
        """Return seconds until a target may be available again; None if unknown."""
        at = self._candidates.returns_at(now)
        return None if at is None else max(0.0, at - now)

    def _begin(self, candidate: Candidate, now: float) -> Try:
        key = candidate.key
        self._quotas.claim(key.provider, key.credential, candidate.credential.quota, now)
        self._number += 1
        self._busy_until = None
        attempt = Try(self._number, candidate, self._health.begin(key, now))
        limits = candidate.credential.quota
        self._quotas.note(key.provider, key.credential, limits, now, requests=1)
        self._candidates.begun(candidate)
        self._running.append(attempt)
        return attempt

    def _end(self, attempt: Try, now: float) -> None:
        self._health.end(attempt.lease, now)
        if attempt in self._running:
            self._running.remove(attempt)

    def _over(self, now: float) -> WaitUntil | Exhausted | None:
        """The round is over: wait, give up, or (None) go on with the next round at once."""
        if self._candidates.full:
            return self._wait_for_a_place(now)
        limit = self._limits.max_retry_interval
        soonest = self._candidates.soonest(now, shut_too=False)
        if self._rounds_left > 0 and soonest is not None and soonest - now <= limit:
            self._rounds_left -= 1
            return self._next_round(soonest, now)
        soonest = self._candidates.soonest(now, shut_too=True)
        if soonest is not None and 0 < max(soonest - now, _SHORTEST_WAIT) <= self._recovery_left:
            soonest = max(soonest, now + _SHORTEST_WAIT)
            self._recovery_left -= soonest - now
            return self._next_round(soonest, now)
        return Exhausted("all-out", self._candidates.returns_at(now))

    def _next_round(self, at: float, now: float) -> WaitUntil | Exhausted | None:
        wait = max(0.0, at - now)
        if self._too_late(now + wait):
            return Exhausted("deadline", self._candidates.returns_at(now))
        self._candidates.next_round()
        self._first_round = False
        if wait <= 0:
            return None
        # Requests that wait for the same recovery come back one after the other.
        jitter = min(wait / 4, _LONGEST_JITTER) * self._rng.random()
        late = self._too_late(now + wait + jitter)
        self._wait = WaitUntil(now + wait + (0.0 if late else jitter), "recovery")
        return self._wait

    def _wait_for_a_place(self, now: float) -> WaitUntil | Exhausted:
        if self._busy_until is None:
            self._busy_until = now + self._limits.max_retry_interval
        at = now + self._rng.uniform(*_POLL)
        if at > self._busy_until or self._too_late(at):
            return Exhausted("busy", now + 1.0)
        self._wait = WaitUntil(at, "busy")
        return self._wait

    def _too_late(self, now: float) -> bool:
        deadline = self._limits.deadline
        return deadline > 0 and now - self._started >= deadline

    def _blocked(self, now: float) -> Iterator[AttemptRecord]:
        for candidate, standing in self._candidates.blocked(now):
            status, reason = self._health.last_failure(candidate.key)
            yield AttemptRecord(
                provider=candidate.key.provider,
                model=candidate.key.model,
                credential=candidate.key.credential,
                cls=standing.cls,
                status=status,
                reason=reason,
                retry_at=standing.shut_until or None,
                tried=False,
            )
        for candidate, until in self._candidates.kept(now):
            yield AttemptRecord(
                provider=candidate.key.provider,
                model=candidate.key.model,
                credential=candidate.key.credential,
                cls="quota",
                reason=KEPT,
                retry_at=until if until < math.inf else None,
                tried=False,
            )

    def _record(self, attempt: Try, record: AttemptRecord) -> None:
        if attempt.record is None:
            attempt.record = len(self.records)
            self.records.append(record)
        else:
            self.records[attempt.record] = altered(record, after_output=True)


def _failure(
    attempt: Try, seen: Seen, verdict: Verdict, now: float, retry_after: float | None
) -> AttemptRecord:
    record = _record(
        attempt,
        cls=verdict.cls,
        status=seen.told_status or seen.status,
        seconds=now - attempt.started,
    )
    retry_at = now + retry_after if retry_after else None
    return altered(
        record,
        reason=reason_of(seen),
        retry_at=retry_at,
        of_model=verdict.scope in ("target", "model"),
        after_output=seen.after_output,
    )


def _record(
    attempt: Try, *, cls: FailureClass | None, status: int | None, seconds: float
) -> AttemptRecord:
    key = attempt.key
    return AttemptRecord(
        provider=key.provider,
        model=key.model,
        credential=key.credential,
        cls=cls,
        status=status,
        seconds=seconds,
    )
