"""Notes what requests do while somebody looks, and makes rows only of what is shown of it."""

from collections import deque
from collections.abc import Callable
from collections.abc import Iterable
from copy import copy
from itertools import islice

from switchyard.exchange.exchange import Exchange
from switchyard.management.record_members import record_members
from switchyard.recording.request_record import Ending
from switchyard.recording.request_record import Rules
from switchyard.recording.request_record import record_of
from switchyard.runtime.event_hub import RouterEvent
from switchyard.wire.encoding.jsonio import JsonObject

MOST_ENDED = 25
"""Requests that ended of which one piece of the stream has rows: as many as a page shows."""
MOST_BEGUN = 100
"""Requests under way that one piece introduces; the others follow if they still run."""


class RequestNews:
    """Gathers requests until `collect` makes events of them. For the event loop only.

    To note something costs a request next to nothing. A request that ends before it was told of
    is told once, as ended. Of many that end together the last are told; the others are counted.
    """

    def __init__(self, rules: Callable[[], Rules]) -> None:
        self._rules = rules
        self._begun: dict[str, Exchange] = {}
        self._tried: dict[str, Exchange] = {}
        self._ended: deque[tuple[Exchange, Rules, Ending]] = deque()
        self._skipped = 0
        self._left: list[str] = []
        """Ids of requests that readers know and whose end is only counted."""
        self._told: set[str] = set()
        """Requests under way that readers know, by `_key`."""

    def begin(self, exchange: Exchange) -> None:
        self._begun[_key(exchange)] = exchange

    def note_attempt(self, exchange: Exchange) -> None:
        """Notes that an attempt failed."""
        self._tried[_key(exchange)] = exchange

    def end(self, exchange: Exchange, ending: Ending) -> None:
        key = _key(exchange)
        self._begun.pop(key, None)
        self._tried.pop(key, None)
        # A copy keeps the attempts, which the exchange itself is about to be released of.
        self._ended.append((copy(exchange), self._rules(), ending))
        if len(self._ended) > MOST_ENDED:
            skipped = self._ended.popleft()[0]
            self._skipped += 1
            if (key := _key(skipped)) in self._told:
                self._told.discard(key)
                self._left.append(str(skipped.id))

    def tell(self, exchanges: Iterable[Exchange]) -> list[JsonObject]:
        """Returns rows of all requests under way; readers know them from then on."""
        running = {_key(one): one for one in exchanges}
        self._told.intersection_update(_key(one) for one, _, _ in self._ended)
        self._told.update(running)
        return list(map(self.row_of, running.values()))

    def row_of(self, exchange: Exchange) -> JsonObject:
        """Returns a request under way as a record, with its route so far."""
        return _row(exchange, self._rules(), None)

    def collect(self) -> list[RouterEvent]:
        """Returns the events of what was noted since the last call."""
        begun = list(islice(self._begun.items(), MOST_BEGUN))
        for key, _ in begun:
            del self._begun[key]
            self._tried.pop(key, None)
            self._told.add(key)
        events = [RouterEvent("begun", self.row_of(one)) for _, one in begun]
        for key, one in self._tried.items():
            if key in self._told:
                told: JsonObject = {"id": str(one.id), "route": one.steps()}
                events.append(RouterEvent("tried", told))
        self._tried.clear()
        if self._skipped:
            events.append(RouterEvent("skipped", {"count": self._skipped, "ids": self._left}))
            self._skipped, self._left = 0, []
        for exchange, rules, ending in self._ended:
            self._told.discard(_key(exchange))
            events.append(RouterEvent("ended", _row(exchange, rules, ending)))
        self._ended.clear()
        return events


def _key(exchange: Exchange) -> str:
    return exchange.call.asked.id


def _row(exchange: Exchange, rules: Rules, ending: Ending | None) -> JsonObject:
    return {**record_members(record_of(exchange, rules, ending)), "route": exchange.steps()}
