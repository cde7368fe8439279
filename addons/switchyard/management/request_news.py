"""Notes what requests do while there are readers, and makes rows only of what they are shown."""

from collections import deque
from collections.abc import Callable
from collections.abc import Iterable
from copy import copy
from uuid import UUID

from switchyard.exchange.exchange import AttemptState
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

_MOVING = ("id", "provider", "model", "state", "attempts", "bytes_out", "tokens", "route")

type _Mark = tuple[int, int, bool, int]
type _Attempt = AttemptState | None
type _Ended = tuple[Exchange, tuple[AttemptState, ...], _Attempt, _Attempt, Rules, Ending]


class RequestNews:
    """Gathers requests until `collect` makes events of them. For the event loop only.

    A request that begins leaves nothing here, one that ends a reference and a count: `collect`
    compares those that run with those that readers know. A request that ends before readers know
    it is shown once, as ended. Of many that end together the last are shown, the others counted.
    """

    def __init__(
        self, rules: Callable[[], Rules], running: Callable[[], Iterable[Exchange]]
    ) -> None:
        """Take what returns how requests are billed, and the requests under way."""
        self._rules = rules
        self._running = running
        self._tried: set[str] = set()
        self._ended: deque[_Ended] = deque(maxlen=MOST_ENDED)
        self._count = 0
        """Requests that ended, with those that `_ended` has no room for."""
        self._known: set[str] = set()
        """Requests under way that all readers know, by `_key`."""
        self._shown: set[str] = set()
        """Requests under way that a snapshot had, so that one reader knows them at least."""
        self._moved: dict[str, _Mark] = {}
        """How far requests were when readers last heard of them, by `_key`."""

    def start(self) -> None:
        """Takes those under way for known: the snapshot has them that the first reader gets."""
        self._moved = {_key(one): _mark(one) for one in self._running()}
        self._known = set(self._moved)

    def note_attempt(self, exchange: Exchange) -> None:
        """Notes that an attempt failed."""
        self._tried.add(_key(exchange))

    def end(self, exchange: Exchange, ending: Ending) -> None:
        """Notes that a request ended, before its exchange is released of the attempts."""
        # The attempts beside the exchange cost a fraction of a copy, which few of many need.
        attempts = exchange.tries, exchange.latest, exchange.winner
        self._ended.append((exchange, *attempts, self._rules(), ending))
        self._count += 1

    def tell(self, exchanges: Iterable[Exchange]) -> list[JsonObject]:
        """Returns rows of requests under way, for a snapshot."""
        running = list(exchanges)
        self._shown.update(map(_key, running))
        return list(map(self.row_of, running))

    def row_of(self, exchange: Exchange) -> JsonObject:
        """Returns a request under way as a record, with its route so far."""
        return _row(exchange, self._rules(), None)

    def progress(self, exchanges: Iterable[Exchange]) -> list[JsonObject]:
        """Returns what changes of those requests that moved since readers last heard of them."""
        known = {key: one for one in exchanges if (key := _key(one)) in self._known}
        before, self._moved = self._moved, {key: _mark(one) for key, one in known.items()}
        rows = [
            self.row_of(one) for key, one in known.items() if before.get(key) != self._moved[key]
        ]
        return [{name: row[name] for name in _MOVING} for row in rows]

    def collect(self) -> list[RouterEvent]:
        """Returns the events of what happened since the last call."""
        ended = {_key(one[0]): one for one in self._ended}
        running = {key: one for one in self._running() if (key := _key(one)) not in ended}
        new = [key for key in running if key not in self._known][:MOST_BEGUN]
        events = [RouterEvent("begun", self.row_of(running[key])) for key in new]
        self._moved |= {key: _mark(running[key]) for key in new}
        for key in self._tried & self._known & running.keys():
            tried: JsonObject = {"id": _spelled(key), "route": running[key].steps()}
            events.append(RouterEvent("tried", tried))
        skipped = self._count - len(ended)
        left = sorted(map(_spelled, (self._known | self._shown) - running.keys() - ended.keys()))
        if skipped or left:
            events.append(RouterEvent("skipped", {"count": skipped, "ids": left}))
        events += [RouterEvent("ended", _ended_row(one)) for one in ended.values()]
        self._known = {*new, *(self._known & running.keys())}
        self._shown &= running.keys()
        self._tried.clear()
        self._ended.clear()
        self._count = 0
        return events


def _key(exchange: Exchange) -> str:
    return exchange.call.asked.id


def _mark(exchange: Exchange) -> _Mark:
    """Returns what differs once a request has moved: attempts, failures, an answer, its bytes."""
    sent = sum([one.sent for one in exchange.tries])
    return exchange.attempts, len(exchange.failures), exchange.answered, sent


def _spelled(key: str) -> str:
    return str(UUID(hex=key))


def _ended_row(ended: _Ended) -> JsonObject:
    exchange, tries, latest, winner, rules, ending = ended
    whole = copy(exchange)
    whole.tries, whole.latest, whole.winner = tries, latest, winner
    return _row(whole, rules, ending)


def _row(exchange: Exchange, rules: Rules, ending: Ending | None) -> JsonObject:
    return {**record_members(record_of(exchange, rules, ending)), "route": exchange.steps()}
