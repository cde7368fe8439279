"""When others are not asked any more, and when to try again.

Pure; times are monotonic seconds.
"""

import random
from collections import deque

FAILURES = 3
WITHIN = 1.0
"""Seconds within which that many failures open the breaker; a single slow reply does not."""

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
JITTER = 0.2


class Breaker:
    """Opens after failures; closes when a probe succeeds."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._failures: deque[float] = deque(maxlen=FAILURES)
        self._pause = FIRST_PAUSE
        self.is_open = False
        self.probe_at = 0.0
        """When to try again, while it is open."""

    def fail(self, now: float) -> bool:
        """Note a failure; return whether it opened the breaker."""
        if self.is_open:
            return False
        self._failures.append(now)
        if len(self._failures) < FAILURES or now - self._failures[0] > WITHIN:
            return False
        self.is_open = True
        self._schedule(now)
        return True

    def fail_probe(self, now: float) -> None:
        """Note that the probe failed: the next one comes after twice the pause."""
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        self._schedule(now)

    def close(self) -> bool:
        """Note that the probe succeeded; return whether the breaker was open."""
        was_open, self.is_open = self.is_open, False
        if was_open:
            self._pause = FIRST_PAUSE
            self._failures.clear()
        return was_open

    def _schedule(self, now: float) -> None:
        self.probe_at = now + self._pause * (1 + JITTER * self._rng.uniform(-1, 1))
