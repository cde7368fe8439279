"""Counts what keys used lately, to spare a key before its provider refuses.

Windows slide in steps of a twentieth of their length, and a step counts until all of it is out of
the window: the count is never less than the provider's own in a window of that length.
"""

from collections import deque

from switchyard.policy.route import QuotaLimit

_STEPS = 20


class SlidingCount:
    """A sum over the last `window` seconds, in bounded memory."""

    __slots__ = ("_buckets", "_step", "total")

    def __init__(self, window: float) -> None:
        self._step = window / _STEPS
        self._buckets: deque[tuple[int, int]] = deque()
        """Step numbers and what was counted in each, oldest first."""
        self.total = 0

    def add(self, amount: int, now: float) -> None:
        """Count an amount; one of an earlier step than the last counts in the last."""
        self.expire(now)
        number = int(now // self._step)
        if self._buckets and self._buckets[-1][0] >= number:
            last, counted = self._buckets.pop()
            self._buckets.append((last, counted + amount))
        else:
            self._buckets.append((number, amount))
        self.total += amount

    def expire(self, now: float) -> None:
        """Let go of what left the window."""
        oldest = int(now // self._step) - _STEPS
        while self._buckets and self._buckets[0][0] < oldest:
            self.total -= self._buckets.popleft()[1]

    def below_at(self, amount: int, now: float) -> float:
        """Return when the sum falls below the amount without additions; `now` if it has."""
        self.expire(now)
        left = self.total
        for number, counted in self._buckets:
            if left < amount:
                break
            left -= counted
            if left < amount:
                return (number + _STEPS + 1) * self._step
        return now


class Quotas:
    """What went through each key. Not thread-safe; times are monotonic seconds.

    Only keys with limits are counted, so memory is bounded by the configuration.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], dict[QuotaLimit, SlidingCount]] = {}

    def opens_at(
        self, provider: str, credential: str, limits: tuple[QuotaLimit, ...], now: float
    ) -> float:
        """When the key has something left of each of its limits: `now` if it has already."""
        counts = self._counts.get((provider, credential)) if limits else None
        if counts is None:
            return now
        return max(
            (counts[limit].below_at(limit.amount, now) for limit in limits if limit in counts),
            default=now,
        )

    def claim(
        self, provider: str, credential: str, limits: tuple[QuotaLimit, ...], now: float
    ) -> None:
        """Take a place for an attempt that is about to begin; here there always is one."""

    def note(
        self,
        provider: str,
        credential: str,
        limits: tuple[QuotaLimit, ...],
        now: float,
        requests: int = 0,
        tokens: int = 0,
    ) -> None:
        """Requests were sent, or tokens used, with a key."""
        if not limits:
            return
        counts = self._counts.setdefault((provider, credential), {})
        for limit in limits:
            amount = requests if limit.unit == "requests" else tokens
            if amount > 0:
                count = counts.get(limit)
                if count is None:
                    count = counts[limit] = SlidingCount(limit.window)
                count.add(amount, now)

    def used(self, provider: str, credential: str, limit: QuotaLimit, now: float) -> int:
        """How much of a limit is used."""
        count = self._counts.get((provider, credential), {}).get(limit)
        if count is None:
            return 0
        count.expire(now)
        return count.total

    def retain(self, keys: set[tuple[str, str]]) -> None:
        """Forget all keys (provider, credential) but these: the configuration changed."""
        self._counts = {key: counts for key, counts in self._counts.items() if key in keys}
