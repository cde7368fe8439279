"""How a window moves: when it began anew, and when it will be empty at its present pace."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from typing import Literal

from switchyard.usage.windows import Window

JITTER = 60.0
"""Seconds by which a reset may move without being another one: providers round it anew in each
response (of 1,564 changes seen in 48 h, 1,554 were below 2 s: better-ccflare, usage-fetcher)."""

_DROP = 0.05
"""A share that falls by more than this is a reset, or a refund; less is rounding."""

_SNAPSHOT_EVERY = 60.0
"""Seconds between snapshots that are kept while a window moves."""

_CONFIRMED_EVERY = 5 * 60.0
"""Seconds within which a figure that stays is kept once more, so that it does not look old."""

_MOST_SNAPSHOTS = 512

_SURE_AFTER = 15 * 60.0
"""Seconds of snapshots from which on a pace is more than a guess."""

_OLD_AFTER = 15 * 60.0
"""Seconds after which a figure is shown as old."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Where a window is heading."""

    kind: Literal["empty", "lasts", "exhausted", "unknown"]
    """`empty`: used up before it resets, at the present pace."""
    empty_at: float | None = None
    """Unix seconds."""
    sure: bool = False
    """Whether the snapshots cover enough time to rely on."""


@dataclass(slots=True)
class Track:
    """The course of one window since it last began anew."""

    window: Window
    snapshots: deque[tuple[float, float]] = field(
        default_factory=lambda: deque(maxlen=_MOST_SNAPSHOTS)
    )
    """Moments (Unix seconds) and shares used."""
    resets: int = 0
    kept_status: str | None = field(default=None, repr=False)
    """The status that was kept last of a window without a share."""

    def update(self, window: Window) -> bool:
        """Take a newer figure in; return whether a snapshot of it is to be kept.

        Figures that arrive out of order are ignored: several responses are under way at once.
        """
        if window.seen_at < self.window.seen_at:
            return False
        if self._begins_anew(window):
            self.resets += 1
            self.snapshots.clear()
        self.window = window
        if window.used is None:
            changed = window.status != self.kept_status
            self.kept_status = window.status
            return changed
        if self.snapshots:
            moment, used = self.snapshots[-1]
            if window.seen_at - moment < _SNAPSHOT_EVERY or used == window.used:
                return False
        self.snapshots.append((window.seen_at, window.used))
        return True

    @property
    def is_kept(self) -> bool:
        """Whether the last figure is among the snapshots, or is one that has none."""
        used = self.window.used
        return used is None or (self.window.seen_at, used) == self.snapshots[-1]

    @property
    def kept_within(self) -> float:
        """The seconds for which the last figure may wait to be kept."""
        is_same = self.snapshots[-1][1] == self.window.used
        return _CONFIRMED_EVERY if is_same else _SNAPSHOT_EVERY

    def is_over(self, now: float) -> bool:
        """Return whether the term that the window's last figure belongs to has ended."""
        return self.window.resets_at is not None and now >= self.window.resets_at

    def is_old(self, now: float) -> bool:
        """Return whether the figure is too old to be shown as present."""
        return self.is_over(now) or now - self.window.seen_at > _OLD_AFTER

    def forecast(self, now: float) -> Forecast:
        """Say whether the window lasts until its reset at the pace of its snapshots."""
        used = self.window.used
        if used is None or self.is_over(now):
            return Forecast("unknown")
        if used >= 1:
            return Forecast("exhausted", sure=True)
        if len(self.snapshots) < 2:
            return Forecast("unknown")
        span = self.snapshots[-1][0] - self.snapshots[0][0]
        pace = _slope(self.snapshots)
        sure = span >= _SURE_AFTER and len(self.snapshots) >= 3
        if pace <= 0:
            return Forecast("lasts", sure=sure)
        empty_at = self.window.seen_at + (1 - used) / pace
        resets_at = self.window.resets_at
        if resets_at is not None and empty_at >= resets_at:
            return Forecast("lasts", sure=sure)
        return Forecast("empty", empty_at, sure)

    def _begins_anew(self, window: Window) -> bool:
        """Whether a figure belongs to another term than the one before."""
        before = self.window
        if before.resets_at is not None and window.resets_at is not None:
            if window.resets_at - before.resets_at > JITTER:
                return window.seen_at >= before.resets_at - JITTER or _fell(before, window)
            return False  # the same term: a share that falls is a refund
        return _fell(before, window)


def _fell(before: Window, after: Window) -> bool:
    if before.used is None or after.used is None:
        return False
    return before.used - after.used > _DROP


def _slope(points: Iterable[tuple[float, float]]) -> float:
    """The least squares slope of shares over seconds."""
    pairs = list(points)
    middle = sum(x for x, _ in pairs) / len(pairs)
    level = sum(y for _, y in pairs) / len(pairs)
    spread = sum((x - middle) ** 2 for x, _ in pairs)
    return sum((x - middle) * (y - level) for x, y in pairs) / spread if spread else 0.0
