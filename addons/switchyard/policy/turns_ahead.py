"""Turns of shared rotations that are taken along with a request's admission. Pure.

Admission comes before the choice of a target and asks whoever keeps the shared state, too. A
request that is likely to need the turns that the one before it needed takes them there, which saves
the choice a round trip. What it does not need is kept for the next one: no turn is lost, so that a
rotation stays even.
"""

from collections import OrderedDict
from collections.abc import Iterable
from collections.abc import Mapping

_MOST_PAIRS = 5000
_MOST_KEPT = 64
"""Turns of one rotation; those of requests that ended before their choice add up."""


class TurnsAhead:
    """The turns in stock, and which ones each client key's requests for a model need; bounded."""

    def __init__(self) -> None:
        self._needed: OrderedDict[tuple[str, str], tuple[str, ...]] = OrderedDict()
        self._stock: dict[str, list[int]] = {}

    def expected(self, owner: str, model: str) -> tuple[str, ...]:
        """Returns the rotations in which the next request is likely to take a turn."""
        needed = self._needed.get((owner, model), ())
        return tuple(pool for pool in needed if len(self._stock.get(pool, ())) < _MOST_KEPT)

    def note(self, owner: str, model: str, pools: Iterable[str]) -> None:
        """Takes in what the first choice for a request needed."""
        pair = owner, model
        self._needed.pop(pair, None)
        if needed := tuple(pools):
            self._needed[pair] = needed
            if len(self._needed) > _MOST_PAIRS:
                self._needed.popitem(last=False)

    def put(self, turns: Mapping[str, int]) -> None:
        """Takes in turns that came with an admission."""
        for pool, number in turns.items():
            self._stock.setdefault(pool, []).append(number)

    def take(self, pool: str) -> int | None:
        """Returns the oldest turn of a rotation; None if it has to be asked for."""
        stock = self._stock.get(pool)
        if not stock:
            return None
        number = stock.pop(0)
        if not stock:
            del self._stock[pool]
        return number
