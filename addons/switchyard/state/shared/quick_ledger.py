"""Admits the requests that fit without working out what those need that do not.

Almost all requests fit. The rules are those of `ledger`, in whole numbers, without an object for
each limit of a request but the one that holds what it reserves. Times are Unix milliseconds.
"""

import heapq
from collections import deque
from collections.abc import Sequence

from switchyard.state.shared.ledger import SWEEP_EVERY
from switchyard.state.shared.ledger import Counter
from switchyard.state.shared.ledger import Held
from switchyard.state.shared.ledger import LedgerEntry
from switchyard.state.shared.ledger import LimitLedger
from switchyard.state.shared.ledger import Record
from switchyard.state.shared.lines import BUCKETS
from switchyard.state.shared.lines import lines_of
from switchyard.state.shared.protocol import NOTHING
from switchyard.state.shared.protocol import AmountKind
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Limit

type Figures = tuple[int, int, int, int, int]
"""Requests, tokens, input, output, money: as `Amounts`, by place."""

_NOTHING: Figures = (0, 0, 0, 0, 0)
_NO_SLOTS: dict[str, int] = {}

_PLACES: dict[AmountKind, int] = {
    "slots": -1,
    "requests": 0,
    "tokens": 1,
    "input": 2,
    "output": 3,
    "money": 4,
}


class QuickLine:
    """A limit prepared for requests that fit; made once per configuration."""

    __slots__ = ("at", "back", "begin", "counter", "end", "keep", "kind", "limit", "most", "window")

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.counter = limit.counter
        self.kind: AmountKind = limit.kind
        self.most = limit.most
        self.at = _PLACES[limit.kind]
        """Its place among `Figures`; -1 for slots."""
        [line] = lines_of([limit], NOTHING, 0)
        self.window = line.window
        self.keep = line.keep
        self.back = BUCKETS - 1 if line.window else 0
        """How many indices before the current one count."""
        self.begin = 1
        """The calendar period in which it was last looked at; none yet."""
        self.end = 0

    def index(self, now: int) -> int:
        """The bucket or period that a moment belongs to."""
        if self.window:
            return now * BUCKETS // self.window
        if not self.begin <= now < self.end:
            [line] = lines_of([self.limit], NOTHING, now)
            self.begin = line.index(now)
            self.end, self.keep = line.end(self.begin), line.keep
        return self.begin

    def left_at(self, index: int) -> int:
        """When what is counted at an index no longer counts."""
        return -(-(index + BUCKETS) * self.window // BUCKETS) if self.window else self.end


class QuickRecord(Record):
    """A lease of a request that fit. What it holds becomes a list when a general rule asks."""

    __slots__ = ("counters", "figures", "indices", "lines")

    counters: "Sequence[Counter | None]"
    """One for each line; None for slots."""
    figures: Figures
    indices: Sequence[int]
    lines: Sequence[QuickLine]

    def __init__(
        self,
        until: int,
        lines: Sequence[QuickLine],
        counters: "Sequence[Counter | None]",
        indices: Sequence[int],
        figures: Figures,
    ) -> None:
        self.state = "live"
        self.until = until
        self.lines = lines
        self.counters = counters
        self.indices = indices
        self.figures = figures

    def __getattr__(self, name: str) -> list[Held]:
        # Only what is not set gets here: `held`, once.
        if name != "held":
            raise AttributeError(name)
        self.held = found = [
            Held(line, index, amount, amount, amount)
            for line, index in zip(self.lines, self.indices, strict=True)
            for amount in (self.figures[line.at] if line.at >= 0 else 0,)
        ]
        self.lines = ()
        return found


class QuickLedger(LimitLedger):
    """A ledger of one process, whose leases end in the process that they began in."""

    def __init__(self, kept: LedgerEntry | None = None, note_changes: bool = False) -> None:
        super().__init__(kept, note_changes)
        self._fresh: deque[tuple[int, str]] = deque()
        """Leases that nobody extended, in the order in which they run out."""

    def tick(self, now: int) -> None:
        """Settle leases that ran out, and forget what nobody needs."""
        fresh = self._fresh
        while fresh and fresh[0][0] <= now:
            one = fresh.popleft()
            if one[1] in self._leases:
                heapq.heappush(self._due, one)
        super().tick(now)

    def admit_quickly(
        self, id: str, life: int, lines: Sequence[QuickLine], figures: Figures, now: int
    ) -> bool:
        """Reserve what a new lease wants; False, without any effect, if something does not fit."""
        fresh, due = self._fresh, self._due
        if (
            (fresh and fresh[0][0] <= now)
            or (due and due[0][0] <= now)
            or now >= self._swept + SWEEP_EVERY
        ):
            self.tick(now)
        known, until = self._counters, now + life
        counters: list[Counter | None] = []
        indices: list[int] = []
        for line in lines:
            if (place := line.at) < 0:
                slots = self._slots.get(line.counter, _NO_SLOTS)
                if len(slots) >= line.most:
                    return self._take_back(id, lines, counters, indices, figures)
                if slots is _NO_SLOTS:
                    slots = self._slots[line.counter] = {}
                slots[id] = until
                counters.append(None)
                indices.append(0)
                continue
            if window := line.window:
                index = now * BUCKETS // window
            else:
                index = line.begin if line.begin <= now < line.end else line.index(now)
            if (counter := known.get(line.counter)) is None:
                counter = known[line.counter] = Counter()
            if index - line.back > counter.oldest:
                counter.advance(index - line.back)
            amount = figures[place]
            if counter.total + amount > line.most:
                return self._take_back(id, lines, counters, indices, figures)
            if amount and index >= counter.oldest:
                buckets = counter.buckets
                buckets[index] = buckets.get(index, 0) + amount
                counter.total += amount
            counter.reserved += amount
            counter.expires = now + line.keep
            counters.append(counter)
            indices.append(index)
        self._leases[id] = QuickRecord(until, lines, counters, indices, figures)
        fresh.append((until, id))
        if self._changed is not None:
            self._changed.update([line.counter for line in lines if line.at >= 0])
        return True

    def settle_quickly(self, id: str, figures: Figures, now: int) -> None:
        """End a lease with its actual amounts; with zeros it gives everything back.

        It is not remembered that it ended: only its own process ends it, and once.
        """
        record = self._leases.get(id)
        if type(record) is not QuickRecord or not record.lines:
            self.settle(id, (), amounts_of(figures), now)
            return
        del self._leases[id]
        self._end(id, record.lines, record.counters, record.indices, record.figures, figures)
        if self._changed is not None:
            self._changed.update([line.counter for line in record.lines if line.at >= 0])

    def used_of(self, line: QuickLine, now: int) -> tuple[int, int]:
        """Return how much of a limit is used, and milliseconds until nothing of it is.

        The time is right after an admission; later it is the most that it may be.
        """
        if (counter := self._counters.get(line.counter)) is None:
            return 0, 0
        index = now * BUCKETS // line.window if line.window else line.index(now)
        if index - line.back > counter.oldest:
            counter.advance(index - line.back)
        return counter.total, line.left_at(index) - now if counter.total else 0

    def _take_back(
        self,
        id: str,
        lines: Sequence[QuickLine],
        counters: Sequence[Counter | None],
        indices: Sequence[int],
        figures: Figures,
    ) -> bool:
        """Undo what was reserved before a line that does not fit."""
        self._end(id, lines, counters, indices, figures, _NOTHING)
        return False

    def _end(
        self,
        id: str,
        lines: Sequence[QuickLine],
        counters: Sequence[Counter | None],
        indices: Sequence[int],
        reserved: Figures,
        used: Figures,
    ) -> None:
        """Have what was used take the place of what was reserved, in the first of the lines."""
        at = 0
        for counter in counters:
            line = lines[at]
            if counter is None:
                if (slots := self._slots.get(line.counter)) is not None:
                    slots.pop(id, None)
                    if not slots:
                        del self._slots[line.counter]
            else:
                held, index = reserved[line.at], indices[at]
                more = used[line.at] - held
                if more and index >= counter.oldest:
                    buckets = counter.buckets
                    buckets[index] = buckets.get(index, 0) + more
                    counter.total += more
                counter.reserved -= held
            at += 1


def amounts_of(figures: Figures) -> Amounts:
    """Return figures by name, within the bounds of `Amounts`."""
    requests, tokens, input, output, money = figures
    return Amounts(requests=requests, tokens=tokens, input=input, output=output, money=money)
