"""Knows every target: its cooldown, attempts in flight, and their outcome."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field

from switchyard.policy.cooldown import CooldownChange
from switchyard.policy.cooldown import Cooldowns
from switchyard.policy.cooldown import CooldownSettings
from switchyard.policy.cooldown import Outage
from switchyard.policy.cooldown import Standing
from switchyard.policy.failures import FailureClass
from switchyard.policy.failures import Verdict
from switchyard.policy.refused_wishes import RefusedWishes
from switchyard.policy.route import TargetKey
from switchyard.redaction.text import redact
from switchyard.values.records import altered

_SWEEP_EVERY = 1024
_WORKED_LATELY = 300.0
"""Seconds for which a success counts against what a request alone may have caused."""


@dataclass(slots=True)
class Lease:
    """One running attempt, from `Health.begin` to `Health.end`."""

    key: TargetKey
    started: float
    probes: list[tuple[Outage, float]] = field(default_factory=list)
    """The outages it is the probe of, and until when."""
    over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRow:
    """One target, for people."""

    key: TargetKey
    standing: Standing
    in_flight: int
    successes: int
    failures: int
    last_error: str
    """Status and code, nothing of the text; empty if there was none."""
    last_class: FailureClass | None
    last_status: int | None
    last_failed_at: float | None


@dataclass(slots=True)
class _Tally:
    in_flight: int = 0
    successes: int = 0
    failures: int = 0
    last_error: str = ""
    last_class: FailureClass | None = None
    last_status: int | None = None
    last_failed_at: float | None = None
    worked_at: float = float("-inf")
    touched: float = 0.0


class Health:
    """The one place that knows all targets. Not thread-safe; monotonic seconds.

    Memory is bounded: targets that are no longer asked for are forgotten.
    """

    def __init__(
        self, settings: CooldownSettings | None = None, rng: random.Random | None = None
    ) -> None:
        self._cooldowns = Cooldowns(settings or CooldownSettings(), rng or random.Random())
        self._tallies: dict[TargetKey, _Tally] = {}
        self._in_flight: dict[tuple[str, str], int] = {}
        self._worked: dict[tuple[str, str], float] = {}
        self._until_sweep = _SWEEP_EVERY
        self.refused_wishes = RefusedWishes()
        """Models that are asked for no thinking."""
        self.watcher: Callable[[CooldownChange], None] | None = None
        """Called when a cooldown begins, and when it is over."""

    def __len__(self) -> int:
        return len(self._cooldowns) + len(self._tallies) + len(self._worked)

    @property
    def settings(self) -> CooldownSettings:
        return self._cooldowns.settings

    @property
    def cooldowns(self) -> Cooldowns:
        """What must cool down, for those who share it with other processes."""
        return self._cooldowns

    def use(self, settings: CooldownSettings) -> None:
        """Settings for what begins from now on."""
        self._cooldowns.settings = settings

    def state(self, key: TargetKey, now: float) -> Standing:
        """Whether the target may be tried now."""
        return self._cooldowns.state(key, now)

    def in_flight(self, provider: str, credential: str) -> int:
        """Attempts that are running with a key, whatever the model."""
        return self._in_flight.get((provider, credential), 0)

    def target_in_flight(self, key: TargetKey) -> int:
        """Attempts that are running with a key and a model."""
        tally = self._tallies.get(key)
        return tally.in_flight if tally else 0

    def begin(self, key: TargetKey, now: float) -> Lease:
        """Begin an attempt; it probes every outage of its target that has no probe."""
        self._sweep_sometimes(now)
        self._tally(key, now).in_flight += 1
        busy = (key.provider, key.credential)
        self._in_flight[busy] = self._in_flight.get(busy, 0) + 1
        lease = Lease(key, now)
        for outage in self._cooldowns.of(key):
            if outage.probing_until <= now:
                outage.probing_until = now + self.settings.probe
                lease.probes.append((outage, outage.probing_until))
        return lease

    def report_success(self, lease: Lease, now: float) -> None:
        """Real output came; the attempt goes on until `end`."""
        key = lease.key
        tally = self._tally(key, now)
        tally.successes += 1
        tally.worked_at = now
        self._worked[key.provider, key.credential] = now
        over = self._cooldowns.mend(key, lease.started)
        if over and self.watcher is not None:
            for change in over:
                self.watcher(change)

    def report_failure(
        self,
        lease: Lease,
        verdict: Verdict,
        now: float,
        retry_after: float | None = None,
        message: str = "",
        status: int | None = None,
    ) -> None:
        """Report an attempt's failure.

        `retry_after`: seconds until another attempt makes sense, as the provider named them; None
        or 0 if it did not. The message is for all clients: it contains nothing that one client may
        have written (`records.brief_of`).
        """
        tally = self._tally(lease.key, now)
        tally.failures += 1
        tally.last_class, tally.last_status, tally.last_failed_at = verdict.cls, status, now
        tally.last_error = redact(message)
        if verdict.unsure and now - tally.worked_at < _WORKED_LATELY:
            # What works is not refused because of one request.
            verdict = altered(verdict, scope="none")
        worked = (lease.key.provider, lease.key.credential) in self._worked
        begun = self._cooldowns.fail(lease.key, verdict, now, retry_after, lease.started, worked)
        if begun is not None and self.watcher is not None:
            self.watcher(altered(begun, reason=tally.last_error))

    def end(self, lease: Lease, now: float) -> None:
        """End an attempt in any case; a second call has no effect.

        A probe that reported nothing makes room for the next.
        """
        if lease.over:
            return
        lease.over = True
        for outage, until in lease.probes:
            if outage.probing_until == until:
                outage.probing_until = 0.0
        busy = (lease.key.provider, lease.key.credential)
        if (left := self._in_flight[busy] - 1) > 0:
            self._in_flight[busy] = left
        else:
            del self._in_flight[busy]
        self._tally(lease.key, now).in_flight -= 1

    def forget(self, provider: str, credential: str | None = None) -> None:
        """Forget all failures of a provider, or of one key of it: its settings changed."""
        self._cooldowns.forget(provider, credential)
        if credential is None:
            self.refused_wishes.forget(provider)

    def last_failure(self, key: TargetKey) -> tuple[int | None, str]:
        """The status of a target's last failure, and what was seen in few words."""
        tally = self._tallies.get(key)
        return (tally.last_status, tally.last_error) if tally else (None, "")

    def snapshot(self, now: float) -> list[HealthRow]:
        """Every target that was tried lately, by name."""
        return [
            HealthRow(
                key=key,
                standing=self.state(key, now),
                in_flight=tally.in_flight,
                successes=tally.successes,
                failures=tally.failures,
                last_error=tally.last_error,
                last_class=tally.last_class,
                last_status=tally.last_status,
                last_failed_at=tally.last_failed_at,
            )
            for key, tally in sorted(self._tallies.items())
        ]

    def _tally(self, key: TargetKey, now: float) -> _Tally:
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = _Tally()
        tally.touched = now
        return tally

    def _sweep_sometimes(self, now: float) -> None:
        self._until_sweep -= 1
        if self._until_sweep > 0:
            return
        self._until_sweep = _SWEEP_EVERY
        self._cooldowns.sweep(now)
        old = now - self.settings.keep
        kept = [(at, key) for key, at in self._worked.items() if at > old]
        self._worked = {key: at for at, key in _newest(kept, self.settings.most)}
        busy = {key: tally for key, tally in self._tallies.items() if tally.in_flight}
        idle = [
            (tally.touched, key)
            for key, tally in self._tallies.items()
            if not tally.in_flight and tally.touched > old
        ]
        newest = _newest(idle, self.settings.most)
        self._tallies = busy | {key: self._tallies[key] for _, key in newest}


def _newest[K](dated: list[tuple[float, K]], most: int) -> list[tuple[float, K]]:
    if len(dated) <= most:
        return dated
    return sorted(dated, key=lambda one: one[0])[-most:]
