"""Cooldowns: what must cool down, until when, and which request probes it first.

A failure applies to what it speaks of (`Scope`): a target, a key, a model or an egress of a
provider. A target cools down while any of these does. When the cooldown is over, one real request
is the probe, and others see the target as cooling down meanwhile; its success ends the matter, its
failure doubles the cooldown. The ladder rises once per cooldown, however many fail in parallel.
"""

import random
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from switchyard.policy.failures import FailureClass
from switchyard.policy.failures import Scope
from switchyard.policy.failures import Verdict
from switchyard.policy.route import TargetKey

type TargetState = Literal["open", "trial", "probing", "cooling"]
"""`open`: nothing is known against it; `trial`: its cooldown is over, the next request is the
probe; `probing`: that request is on its way; `cooling`: not before its time."""

type Place = tuple[Scope, str, str, str]
"""What a failure can be held against: a scope and the names it has."""

_HIGHEST_STEP = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class CooldownSettings:
    """Times in seconds."""

    base: float = 1.0
    """The first cooldown where no term was named; each further one is twice as long."""
    cap: float = 300.0
    jitter: float = 0.2
    """A guessed cooldown is up to this part longer or shorter, so that not all return at once."""
    credential: float = 1800.0
    """Seconds for which a refused key cools down."""
    first_credential: float = 60.0
    """Seconds for a refused key that had worked before: single wrong 401s happen."""
    shut_refused_keys: bool = True
    """Whether a refused key that is the only one left is spared too, until its cooldown is over."""
    probe: float = 120.0
    """How long a probe that reports nothing keeps others away."""
    keep: float = 3600.0
    """How long what is over is remembered."""
    most: int = 10_000
    """Things remembered at most."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a target may be tried now."""

    state: TargetState = "open"
    until: float = 0.0
    """When its cooldown is over, or was."""
    shut_until: float = 0.0
    """The end of a term that the provider itself named and that is not over: it must not be tried
    before. 0 if there is none."""
    cls: FailureClass | None = None
    """Of the failure that holds longest."""
    guessed: bool = False
    """Whether `until` is the router's guess, and not a term that was named or set."""

    @property
    def usable(self) -> bool:
        """Whether it may be tried while other targets are left."""
        return self.state in ("open", "trial")

    @property
    def returns(self) -> float:
        """When it may be tried again, if no better target is left."""
        return self.shut_until or self.until


OPEN = Standing()
_RANK: dict[TargetState, int] = {"open": 0, "trial": 1, "probing": 2, "cooling": 3}


@dataclass(frozen=True, slots=True)
class CooldownChange:
    """A cooldown began, or is over since an attempt had success."""

    place: Place
    """What cools down, or did."""
    seconds: float | None
    """How long it lasts; None where it is over."""
    cls: FailureClass
    """Of the failure that it began with."""
    reason: str = ""
    """What was seen, in words that hold nothing a client wrote."""


@dataclass(slots=True)
class Outage:
    """What is known against one target, key, model or way out."""

    cls: FailureClass
    until: float = 0.0
    named_until: float = 0.0
    """The end of the longest term that was named for it."""
    shut_until: float = 0.0
    step: int = 0
    failed_at: float = 0.0
    probing_until: float = 0.0


class Cooldowns:
    """All outages. Not thread-safe; times are monotonic seconds."""

    def __init__(self, settings: CooldownSettings, rng: random.Random) -> None:
        self.settings = settings
        """May be set anew; cooldowns that have begun stay as they are."""
        self._rng = rng
        self._outages: dict[Place, Outage] = {}
        self.sharer: Callable[[Place, Outage | None], None] | None = None
        """Called with each cooldown that begins or becomes longer here, None for one that is over:
        other processes are to know."""

    def __len__(self) -> int:
        return len(self._outages)

    def state(self, key: TargetKey, now: float) -> Standing:
        """The standing of a target: the worst of all that is known against it."""
        if not self._outages:
            return OPEN
        state: TargetState = "open"
        until = shut_until = 0.0
        cls: FailureClass | None = None
        guessed = False
        for outage in self.of(key):
            if outage.until > now:
                seen: TargetState = "cooling"
            else:
                seen = "probing" if outage.probing_until > now else "trial"
            if (_RANK[seen], outage.until) > (_RANK[state], until) or cls is None:
                state, until, cls = seen, outage.until, outage.cls
                guessed = outage.until != outage.named_until
            if outage.shut_until > now:
                shut_until = max(shut_until, outage.shut_until)
        return OPEN if cls is None else Standing(state, until, shut_until, cls, guessed)

    def of(self, key: TargetKey) -> Iterator[Outage]:
        """The outages that concern a target."""
        for place in places(key):
            if (outage := self._outages.get(place)) is not None:
                yield outage

    def fail(
        self,
        key: TargetKey,
        verdict: Verdict,
        now: float,
        retry_after: float | None,
        started: float,
        worked: bool,
    ) -> CooldownChange | None:
        """Hold a failure against what it speaks of; return the cooldown that begins with it, if so.

        In: seconds the provider named, if any; when the attempt began; whether the key has worked
        before.
        """
        place = place_of(verdict.scope, key)
        if place is None:
            return None
        outage = self._outages.get(place)
        if outage is None:
            outage = self._outages[place] = Outage(verdict.cls)
        before = outage.until, outage.shut_until
        cooled = now < outage.until
        in_parallel = cooled or started < outage.failed_at
        if outage.step == 0 or not in_parallel:
            outage.step = min(outage.step + 1, _HIGHEST_STEP)
        term = self._named_term(outage, verdict, retry_after, worked)
        if term is not None:
            outage.named_until = max(outage.named_until, now + term)
            outage.until = outage.named_until
            if verdict.announced and (
                verdict.cls != "credential" or self.settings.shut_refused_keys
            ):
                outage.shut_until = max(outage.shut_until, now + term)
            outage.cls = verdict.cls
        elif outage.until <= now:
            outage.until = now + self._guessed_term(outage, verdict)
            outage.cls = verdict.cls
        outage.failed_at = now
        if self.sharer is not None and before != (outage.until, outage.shut_until):
            self.sharer(place, outage)
        if cooled or outage.until <= now:
            return None
        return CooldownChange(place, outage.until - now, outage.cls)

    def mend(self, key: TargetKey, started: float) -> tuple[CooldownChange, ...]:
        """Forget what failed before an attempt began that had success; return what is over."""
        if not self._outages:
            return ()
        over: list[CooldownChange] = []
        for place in places(key):
            outage = self._outages.get(place)
            # Of an outage that began meanwhile an older attempt proves nothing.
            if outage is not None and outage.failed_at <= started:
                del self._outages[place]
                over.append(CooldownChange(place, None, outage.cls))
                if self.sharer is not None:
                    self.sharer(place, None)
        return tuple(over)

    def forget(self, provider: str, credential: str | None = None) -> None:
        """Hold nothing against a provider, or one key of it, any more."""
        for place in list(self._outages):
            _, of_provider, of_credential, _ = place
            if of_provider == provider and credential in (None, of_credential):
                del self._outages[place]
                if self.sharer is not None:
                    self.sharer(place, None)

    def adopt(self, place: Place, outage: Outage | None) -> None:
        """Take over what another process knows; None: it is over there, and so it is here."""
        if outage is None:
            self._outages.pop(place, None)
            return
        known = self._outages.get(place)
        if known is None:
            self._outages[place] = outage
        elif outage.until > known.until:
            known.cls, known.until, known.named_until = outage.cls, outage.until, outage.named_until
            known.shut_until = max(known.shut_until, outage.shut_until)
            known.step = max(known.step, outage.step)
            known.failed_at = max(known.failed_at, outage.failed_at)

    def sweep(self, now: float) -> None:
        """Drop what is long over; of more than the most, what failed longest ago."""
        old = now - self.settings.keep
        for place, outage in list(self._outages.items()):
            if outage.until <= now and outage.failed_at <= old:
                del self._outages[place]
        surplus = max(0, len(self._outages) - self.settings.most)
        for place in sorted(self._outages, key=lambda at: self._outages[at].failed_at)[:surplus]:
            del self._outages[place]

    def _named_term(
        self, outage: Outage, verdict: Verdict, retry_after: float | None, worked: bool
    ) -> float | None:
        s = self.settings
        if verdict.cls == "credential":
            first = worked and outage.step == 1
            return min(s.first_credential, s.credential) if first else s.credential
        return retry_after if retry_after is not None and retry_after > 0 else None

    def _guessed_term(self, outage: Outage, verdict: Verdict) -> float:
        s = self.settings
        first = s.base if verdict.cooldown is None else verdict.cooldown
        term = first * 2.0 ** (outage.step - 1) * (1 + s.jitter * self._rng.uniform(-1, 1))
        return min(term, max(s.cap, first))


def places(key: TargetKey) -> tuple[Place, Place, Place, Place]:
    """All that a failure of this target may be held against."""
    provider, credential, model, via = key
    return (
        ("target", provider, credential, model),
        ("key", provider, credential, ""),
        ("model", provider, "", model),
        ("host", provider, "", via),
    )


def place_of(scope: Scope, key: TargetKey) -> Place | None:
    """What a failure of that scope is held against; None where against nothing."""
    return next((place for place in places(key) if place[0] == scope), None)
