"""Who waits for a slot, in which order. Pure: no clock, no event loop."""

from bisect import insort
from dataclasses import dataclass
from dataclasses import field
from itertools import count


@dataclass(frozen=True, slots=True, order=True)
class Waiter:
    """One request that waits. Higher priorities come first, then earlier arrivals."""

    rank: int
    """The priority, negated."""
    number: int
    """The order of arrival."""
    place: str = field(compare=False)
    """What it waits for: the name of a counter of slots."""


class Queue:
    """Waiters by place. One that is removed leaves no trace."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._waiting: dict[str, list[Waiter]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, place: str, priority: int) -> Waiter:
        """Have a request wait, behind all of the same priority or a higher one."""
        waiter = Waiter(-priority, next(self._numbers), place)
        insort(self._waiting.setdefault(place, []), waiter)
        return waiter

    def first(self, place: str) -> Waiter | None:
        """Return whose turn it is."""
        waiting = self._waiting.get(place)
        return waiting[0] if waiting else None

    def ahead(self, place: str, priority: int) -> int:
        """Return how many would be before a request that came now."""
        return sum(waiter.rank <= -priority for waiter in self._waiting.get(place, ()))

    def count(self, place: str) -> int:
        """Return how many wait for a place."""
        return len(self._waiting.get(place, ()))

    def remove(self, waiter: Waiter) -> None:
        """Take a request out, whether it was admitted or gave up."""
        waiting = self._waiting.get(waiter.place, [])
        if waiter in waiting:
            waiting.remove(waiter)
            if not waiting:
                del self._waiting[waiter.place]
