"""The rules of admission, in memory: counters, slots and leases.

Pure; the clock is passed in.
A limit is exceeded by no more than what requests under way use beyond their estimates. A sliding
window is as long as its name says, less one 60th at most.

`lua/library.lua` repeats these rules for Redis, step by step. Times are Unix milliseconds.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Literal
from typing import Protocol

from switchyard.state.shared.lines import NEVER
from switchyard.state.shared.lines import LimitLine
from switchyard.state.shared.lines import Row
from switchyard.state.shared.lines import amount_of
from switchyard.state.shared.periods import FOREVER
from switchyard.state.shared.protocol import AmountKind
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Entry
from switchyard.state.shared.protocol import LimitLease

MOST_POOLS = 10_000
"""Rotations remembered at most; the one that was asked for longest ago goes first."""

TOMBSTONE = 900_000
"""Milliseconds for which a lease that ended is remembered, so that it does not end twice."""

LATE_KEEP = 691_200_000
"""Milliseconds for which a lease that ran out may be corrected: a process may be cut off for days,
and must not be charged a second time when it is back."""

SWEEP_EVERY = 60_000
"""Milliseconds between two searches for counters that nobody uses any more."""

type LedgerVerdict = Literal["denied", "admitted", "ended"]
"""`ended`: the lease was ended before its request for admission arrived."""


@dataclass(slots=True)
class Counter:
    """What is used of one limit, by bucket or period."""

    buckets: dict[int, int] = field(default_factory=dict)
    total: int = 0
    reserved: int = 0
    oldest: int = 0
    """The first index that still counts."""
    expires: int = 0

    def advance(self, oldest: int) -> None:
        """Forget what is before an index."""
        if oldest > self.oldest:
            self.oldest = oldest
            for index in [one for one in self.buckets if one < oldest]:
                self.total -= self.buckets.pop(index)

    def add(self, index: int, amount: int) -> None:
        """Add to a bucket, or take from it; one that no longer counts stays as it is."""
        if amount and index >= self.oldest:
            self.buckets[index] = self.buckets.get(index, 0) + amount
            self.total += amount


class HeldPlace(Protocol):
    """Where a lease holds something."""

    @property
    def counter(self) -> str: ...
    @property
    def kind(self) -> AmountKind: ...
    @property
    def keep(self) -> int:
        """Milliseconds for which the counter is kept after its last use."""
        ...


@dataclass(slots=True)
class Held:
    """What a lease has in one counter."""

    entry: HeldPlace
    index: int
    """The bucket or period it was reserved in."""
    held: int
    """What it reserves at present; 0 once it ran out."""
    charged: int
    """What is in the counter's bucket because of it."""
    said: int
    """What is charged if it runs out."""


@dataclass(slots=True)
class Record:
    """One lease. `late`: it ran out, and may still be corrected."""

    state: Literal["live", "late"]
    until: int
    """When it runs out, or is forgotten."""
    held: list[Held] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What outlives a process: counters without what live leases hold."""

    counters: list[tuple[str, int, dict[int, int]]]
    """Names, when they may be forgotten, and buckets."""
    ended: list[tuple[str, int]]
    """Leases that ended, and until when that is remembered."""
    turns: dict[str, int]


class LimitLedger:
    """All counters and leases of one installation. Not thread-safe."""

    def __init__(self, kept: LedgerEntry | None = None, note_changes: bool = False) -> None:
        self._counters: dict[str, Counter] = {}
        self._slots: dict[str, dict[str, int]] = {}
        """By counter: leases and when they run out."""
        self._leases: dict[str, Record] = {}
        self._due: list[tuple[int, str]] = []
        """When to look at a lease again."""
        self._turns: dict[str, int] = {}
        self._swept = 0
        self._changed: set[str] | None = set() if note_changes else None
        self._ended: dict[str, int] = {}
        """Leases that ended, oldest first, and until when that is remembered."""
        self._unkept: dict[str, int] = {}
        """Those that ended since changes were taken."""
        if kept is not None:
            self._restore(kept)

    def admit(
        self, id: str, life: int, lines: Sequence[LimitLine], pools: Sequence[str], now: int
    ) -> tuple[LedgerVerdict, list[int], list[Row]]:
        """Reserve what all lines want, or nothing.

        Out: the verdict, a turn a pool, and a row a line as it is after that. Rows of a refusal
        have a wait for each line that does not fit, those of an admission for shadow limits.
        """
        self.tick(now)
        record = self._leases.get(id)
        if id in self._ended or (record is not None and record.state == "late"):
            return "ended", [], self._rows(lines, now)
        tries = [(line, index := line.index(now), self._wait(line, index, now)) for line in lines]
        for line, _, wait in tries:
            if wait and line.enforce:
                return "denied", [], [self._row(*one, now) for one in tries]
        if tries and record is None:
            held: list[Held] = []
            for line, index, _ in tries:
                entry = Entry(line.counter, line.kind, index, line.keep, line.amount)
                held.append(Held(entry, index, 0, 0, line.amount))
            self._begin(id, Record("live", now + life, held), now)
        rows = [self._row(*one, now) for one in tries]
        return "admitted", [self.turn(pool) for pool in pools], rows

    def settle(self, id: str, entries: Sequence[Entry], actual: Amounts | None, now: int) -> None:
        """End a lease with its actual amounts, even one that is unknown.

        None releases it.
        """
        self.tick(now)
        if id in self._ended:
            return
        record = self._leases.pop(id, None)
        if record is None:
            record = Record("late", 0, [Held(one, one.index, 0, 0, 0) for one in entries])
        for held in record.held:
            amount = amount_of(actual, held.entry.kind) if actual else 0
            self._move(id, held, amount, 0, 0, now)
        self._ended[id] = now + TOMBSTONE
        self._note_end(id, now)

    def renew(
        self, id: str, life: int, entries: Sequence[Entry], so_far: Amounts | None, now: int
    ) -> None:
        """Extend a lease. One that ran out or is unknown (the ledger is new) lives again."""
        self.tick(now)
        if id in self._ended:
            return
        record = self._leases.get(id)
        if record is None:
            held = [Held(one, one.index, 0, 0, one.amount) for one in entries]
            record = Record("late", 0, held)
        if so_far is not None:
            for one in record.held:
                one.said = amount_of(so_far, one.entry.kind)
        self._begin(id, record, now, now + life)

    def counters(self, lines: Sequence[LimitLine], now: int) -> list[Row]:
        """Return a row a line."""
        self.tick(now)
        return self._rows(lines, now)

    def turn(self, pool: str) -> int:
        """Return the next number of a rotation, from 1."""
        number = self._turns.pop(pool, 0) + 1
        if len(self._turns) >= MOST_POOLS:
            del self._turns[next(iter(self._turns))]
        self._turns[pool] = number
        return number

    def lead(self, pool: str, number: int) -> None:
        """Go on with a rotation from a number, unless it is beyond that."""
        self._turns[pool] = max(number, self._turns.get(pool, 0))

    def seed(self, counter: str, index: int, amount: int, keep: int, now: int) -> None:
        """Begin a counter with what is known to be used, unless it is there already."""
        if counter not in self._counters:
            self._counter(counter, now, keep).add(index, amount)

    def live(self) -> list[LimitLease]:
        """Return the leases that have not ended or run out."""
        return [
            LimitLease(id, tuple(_entry(one) for one in record.held))
            for id, record in self._leases.items()
            if record.state == "live"
        ]

    def tick(self, now: int) -> None:
        """Settle leases that ran out, and forget what nobody needs."""
        while self._due and self._due[0][0] <= now:
            _, id = heapq.heappop(self._due)
            record = self._leases.get(id)
            if record is None or record.until > now:
                continue
            if record.state == "late":
                del self._leases[id]
                continue
            for held in record.held:
                self._move(id, held, held.said, 0, 0, now)
            record.state, record.until = "late", now + LATE_KEEP
            heapq.heappush(self._due, (record.until, id))
            self._note_end(id, now)
        while self._ended and self._ended[oldest := next(iter(self._ended))] <= now:
            del self._ended[oldest]
        if now >= self._swept + SWEEP_EVERY:
            self._swept = now
            old = [key for key, one in self._counters.items() if one.expires <= now]
            for key in old:
                del self._counters[key]

    def take_changes(self) -> LedgerEntry:
        """Return what changed since the last call, if changes are noted."""
        changed = self._changed or set()
        held: dict[str, dict[int, int]] = {}
        for record in self._leases.values():
            for one in record.held if record.state == "live" else ():
                if one.charged and one.entry.counter in changed:
                    buckets = held.setdefault(one.entry.counter, {})
                    buckets[one.index] = buckets.get(one.index, 0) + one.charged
        counters: list[tuple[str, int, dict[int, int]]] = []
        for key in changed:
            if counter := self._counters.get(key):
                reserved = held.get(key, {})
                used = {at: n - reserved.get(at, 0) for at, n in counter.buckets.items()}
                counters.append((key, counter.expires, used))
        ended = list(self._unkept.items())
        changed.clear()
        self._unkept.clear()
        return LedgerEntry(counters, ended, dict(self._turns))

    def _restore(self, kept: LedgerEntry) -> None:
        for key, expires, buckets in kept.counters:
            self._counters[key] = Counter(dict(buckets), sum(buckets.values()), expires=expires)
        self._ended = dict(sorted(kept.ended, key=lambda one: one[1]))
        self._turns.update(kept.turns)

    def _note_end(self, id: str, now: int) -> None:
        if self._changed is not None:
            self._unkept[id] = now + TOMBSTONE

    def _begin(self, id: str, record: Record, now: int, until: int | None = None) -> None:
        """Have a lease live, and hold what it is known to use or wants, whichever is more."""
        record.until = record.until if until is None else until
        for held in record.held:
            # What was reserved stays reserved until the end: the request may still use it.
            amount = max(held.held, held.said)
            self._move(id, held, amount, amount, record.until, now)
        record.state = "live"
        self._leases[id] = record
        heapq.heappush(self._due, (record.until, id))

    def _move(self, id: str, held: Held, charged: int, reserved: int, until: int, now: int) -> None:
        """Have a lease charge and reserve amounts in a counter; slots until a moment."""
        key = held.entry.counter
        if held.entry.kind == "slots":
            if until:
                self._slots.setdefault(key, {})[id] = until
            elif slots := self._slots.get(key):
                slots.pop(id, None)
                if not slots:
                    del self._slots[key]
            return
        counter = self._counter(key, now, held.entry.keep)
        counter.add(held.index, charged - held.charged)
        # The counter may be a new one, if what the lease held of it is long over.
        counter.reserved = max(0, counter.reserved + reserved - held.held)
        held.charged, held.held = charged, reserved

    def _counter(self, key: str, now: int, keep: int) -> Counter:
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = Counter()
        counter.expires = max(counter.expires, now + keep)
        if self._changed is not None:
            self._changed.add(key)
        return counter

    def _current(self, line: LimitLine, index: int) -> Counter | None:
        counter = self._counters.get(line.counter)
        if counter is not None:
            counter.advance(index - line.span + 1)
        return counter

    def _wait(self, line: LimitLine, index: int, now: int) -> int:
        """Whole seconds until a line fits; 0 if it does, NEVER if it never will."""
        if line.kind == "slots":
            slots = self._slots.get(line.counter, {})
            if len(slots) < line.most:
                return 0
            ends = sorted(slots.values())
            return _seconds(ends[len(ends) - line.most] - now) if line.most > 0 else NEVER
        counter = self._current(line, index)
        over = (counter.total if counter else 0) + line.amount - line.most
        if over <= 0:
            return 0
        if counter is None or line.amount > line.most:
            return NEVER
        if not line.window:
            end = line.end(index)
            return NEVER if end >= FOREVER else _seconds(end - now)
        for bucket in sorted(counter.buckets):
            over -= counter.buckets[bucket]
            if over <= 0:
                return _seconds(line.end(bucket) - now)
        return NEVER

    def _rows(self, lines: Sequence[LimitLine], now: int) -> list[Row]:
        found: list[Row] = []
        for line in lines:
            index = line.index(now)
            found.append(self._row(line, index, self._wait(line, index, now), now))
        return found

    def _row(self, line: LimitLine, index: int, wait: int, now: int) -> Row:
        if line.kind == "slots":
            count = len(self._slots.get(line.counter, ()))
            return (count, count, 0, wait, index)
        counter = self._current(line, index)
        if counter is None or not counter.total:
            return (0, counter.reserved if counter else 0, 0, wait, index)
        last = max(counter.buckets)
        if not counter.buckets[last]:
            last = max(bucket for bucket, amount in counter.buckets.items() if amount)
        end = line.end(last if line.window else index)
        reset = NEVER if end >= FOREVER else end - now
        return (counter.total, counter.reserved, reset, wait, index)


def _entry(held: Held) -> Entry:
    place = held.entry
    return Entry(place.counter, place.kind, held.index, place.keep, held.held)


def _seconds(milliseconds: int) -> int:
    return -(-milliseconds // 1000)
