"""Adds up the metrics of several workers; those of ended ones stay in the sums."""

from collections.abc import Iterable
from collections.abc import Sequence

from switchyard.metrics.book import Amount
from switchyard.metrics.book import LabelTuple
from switchyard.metrics.book import MetricRow
from switchyard.metrics.book import added
from switchyard.metrics.families import FAMILIES
from switchyard.metrics.label_values import LabelValues

type SeriesPlace = tuple[str, LabelTuple]


class JoinedBooks:
    """The counts of all workers, by the names that the caller gives them."""

    def __init__(self) -> None:
        self._values = LabelValues()
        self._running: dict[str, dict[SeriesPlace, Amount]] = {}
        self._ended: dict[SeriesPlace, Amount] = {}

    def take(self, worker: str, rows: Iterable[Sequence[object]]) -> None:
        """Note what a worker has counted so far in the series that changed.

        Raises ValueError and TypeError for rows that are malformed.
        """
        held = self._running.setdefault(worker, {})
        for name, labels, amount in map(row_of, rows):
            held[name, labels] = amount

    def end(self, worker: str) -> None:
        """Note that a worker has ended: what it counted remains."""
        for place, amount in self._running.pop(worker, {}).items():
            self._ended[place] = _sum(self._ended.get(place), amount)

    def rows(self, shown: Iterable[Iterable[MetricRow]] = ()) -> list[MetricRow]:
        """Return the sums; `shown` are the gauges of each worker."""
        total: dict[SeriesPlace, Amount] = {}
        for held in (self._ended, *self._running.values()):
            for (name, labels), amount in held.items():
                place = name, self._bounded(name, labels)
                total[place] = _sum(total.get(place), amount)
        for rows in shown:
            for name, labels, amount in rows:
                place = name, self._bounded(name, labels)
                before = total.get(place)
                total[place] = amount if before is None else _joined(name, before, amount)
        return [(name, labels, amount) for (name, labels), amount in total.items()]

    def _bounded(self, name: str, labels: LabelTuple) -> LabelTuple:
        family = FAMILIES[name]
        return tuple(map(self._values.of, family.labels, labels))


def row_of(row: Sequence[object]) -> MetricRow:
    """Read a row of JSON. Raises ValueError and TypeError."""
    name, labels, amount = row
    family = FAMILIES.get(str(name))
    if family is None or not isinstance(labels, list) or len(labels) != len(family.labels):
        raise ValueError("a row is of no known family")
    if not isinstance(amount, int | float | list):
        raise TypeError("an amount is no number")
    if isinstance(amount, list) and len(amount) != len(family.buckets) + 2:
        raise ValueError("a histogram has other buckets")
    return family.name, tuple(map(str, labels)), amount


def _sum(before: Amount | None, amount: Amount) -> Amount:
    return amount if before is None else added(before, amount)


def _joined(name: str, one: Amount, other: Amount) -> Amount:
    assert not isinstance(one, list) and not isinstance(other, list)
    match FAMILIES[name].join:
        case "sum":
            return one + other
        case "max":
            return max(one, other)
        case "min":
            return min(one, other)
