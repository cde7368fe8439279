"""Keeps the counters and histograms of one process."""

import threading
from bisect import bisect_left
from collections.abc import Iterable

from switchyard.metrics.families import COUNTED
from switchyard.metrics.families import MetricFamily
from switchyard.metrics.label_values import OTHER

type LabelTuple = tuple[str, ...]
type Amount = float | list[float]
"""A number; of a histogram how many fell into each bucket, the last one without a bound, and
their sum."""
type MetricRow = tuple[str, LabelTuple, Amount]
"""A family's name, the values of its labels, and the amount."""

MOST_SERIES = 10_000
"""Series of a family; what comes further is counted as `other` in all its labels."""


class MetricBook:
    """Counts, on whichever thread. Amounts are in a family's small units."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[str, dict[LabelTuple, Amount]] = {one.name: {} for one in COUNTED}
        self._changed: dict[tuple[str, LabelTuple], None] = {}

    def count(
        self,
        counts: Iterable[tuple[MetricFamily, LabelTuple, float]],
        observed: Iterable[tuple[MetricFamily, LabelTuple, float]] = (),
    ) -> None:
        """Add amounts to counters, and values to histograms."""
        series, changed = self._series, self._changed
        with self._lock:
            for family, labels, amount in counts:
                held = series[family.name]
                if labels not in held:
                    labels = _admitted(held, labels)
                held[labels] = held.get(labels, 0) + amount  # pyright: ignore[reportOperatorIssue]
                changed[family.name, labels] = None
            for family, labels, value in observed:
                held = series[family.name]
                if labels not in held:
                    labels = _admitted(held, labels)
                    held.setdefault(labels, [0.0] * (len(family.buckets) + 2))
                figures = held[labels]
                figures[bisect_left(family.buckets, value)] += 1  # pyright: ignore[reportIndexIssue]
                figures[-1] += value  # pyright: ignore[reportIndexIssue]
                changed[family.name, labels] = None

    def rows(self) -> list[MetricRow]:
        """Return all series."""
        with self._lock:
            return [
                (name, labels, _copy(amount))
                for name, held in self._series.items()
                for labels, amount in held.items()
            ]

    def changes(self) -> list[MetricRow]:
        """Return the series that changed since the last call, with all that they have counted."""
        with self._lock:
            changed, self._changed = self._changed, {}
            return [(name, labels, _copy(self._series[name][labels])) for name, labels in changed]


def added(one: Amount, other: Amount) -> Amount:
    """Return the sum of two amounts of a family."""
    if isinstance(one, list) and isinstance(other, list):
        return [a + b for a, b in zip(one, other, strict=True)]
    assert not isinstance(one, list) and not isinstance(other, list)
    return one + other


def _admitted(held: dict[LabelTuple, Amount], labels: LabelTuple) -> LabelTuple:
    return labels if len(held) < MOST_SERIES else (OTHER,) * len(labels)


def _copy(amount: Amount) -> Amount:
    return amount.copy() if isinstance(amount, list) else amount
