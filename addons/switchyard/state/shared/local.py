"""Admits from a process' share of each limit while shared state is away."""

from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

from switchyard.state.shared.ledger import LimitLedger
from switchyard.state.shared.lines import Row
from switchyard.state.shared.lines import admitted
from switchyard.state.shared.lines import amount_of
from switchyard.state.shared.lines import denied
from switchyard.state.shared.lines import entries_of
from switchyard.state.shared.lines import lines_of
from switchyard.state.shared.lines import standings_of
from switchyard.state.shared.memory import LIFE
from switchyard.state.shared.memory import Sessions
from switchyard.state.shared.memory import new_id
from switchyard.state.shared.protocol import NOTHING
from switchyard.state.shared.protocol import Admitted
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Ask
from switchyard.state.shared.protocol import Denied
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import LimitLease
from switchyard.state.shared.protocol import LimitStanding
from switchyard.state.shared.protocol import Renewal

MOST_SEEN = 20_000
"""Counters of which it is remembered how far they were used."""


@dataclass(frozen=True, slots=True)
class SharedRows:
    """How far a counter was used when it was last seen."""

    index: int
    used: int


class ShareLedger(LimitLedger):
    """What a process admits while it is alone."""

    def used(self) -> Iterator[tuple[str, int, int]]:
        """Yield each counter that is used, with its last index and its amount."""
        for key, counter in self._counters.items():
            if counter.total > 0:
                yield key, max(counter.buckets), counter.total


class Local:
    """Knows this process' leases, and admits from shares while it is alone."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.sessions = Sessions()
        self._clock = clock
        self._alone: ShareLedger | None = None
        self._live: dict[str, tuple[Renewal, float]] = {}
        """Leases of this process, and when they run out."""
        self._seen: OrderedDict[str, SharedRows] = OrderedDict()
        self._turns: dict[str, int] = {}

    def note(self, lease: LimitLease, rows: Sequence[Row], turns: Mapping[str, int]) -> None:
        """Note what was admitted by the others, and how far limits were used."""
        self.see((entry.counter for entry in lease.entries), rows)
        self._turns.update(turns)
        if lease.entries:
            self._keep(Renewal(lease))

    def see(self, counters: Iterable[str], rows: Sequence[Row]) -> None:
        """Note how far limits are used, as the others say."""
        for counter, row in zip(counters, rows, strict=True):
            self._note_used(counter, row[4], row[0])

    def admit(self, ask: Ask, processes: int) -> Admitted | Denied:
        """Reserve the estimate in this process' shares of all limits, or in none."""
        limits = tuple(share_of(one, ask.amounts, processes) for one in ask.limits)
        ask = replace(ask, limits=limits)
        now = self._now()
        lines = lines_of(limits, ask.amounts, now)
        ledger = self._ledger()
        for line in lines:
            if seen := self._seen.get(line.counter):
                used = -(-seen.used // processes)
                if line.kind != "slots":
                    ledger.seed(line.counter, seen.index, used, line.keep, now)
        lease = LimitLease(new_id())
        verdict, turns, rows = ledger.admit(lease.id, LIFE, lines, ask.pools, now)
        if verdict != "admitted":
            return denied(ask, lines, rows)
        lease = LimitLease(lease.id, entries_of(lines, rows))
        if lease.entries:
            self._keep(Renewal(lease))
        target = self.sessions.get(ask.session, self._clock()) if ask.session else None
        return admitted(ask, lease, lines, rows, turns, target)

    def end(self, lease: LimitLease, actual: Amounts | None) -> None:
        """Note that a lease ended."""
        self._live.pop(lease.id, None)
        if self._alone is not None:
            self._alone.settle(lease.id, lease.entries, actual, self._now())

    def renew(self, renewal: Renewal) -> None:
        """Note that a lease goes on."""
        self._keep(renewal)
        if self._alone is not None:
            lease = renewal.lease
            self._alone.renew(lease.id, LIFE, lease.entries, renewal.so_far, self._now())

    def counters(self, limits: Sequence[Limit], processes: int) -> tuple[LimitStanding, ...]:
        """Return how far this process' shares are used."""
        shares = [share_of(one, NOTHING, processes) for one in limits]
        now = self._now()
        rows = self._ledger().counters(lines_of(shares, NOTHING, now), now)
        return standings_of(shares, rows)

    def turn(self, pool: str) -> int:
        """Return the next number of a rotation, after the last one seen."""
        self._turns[pool] = number = self._turns.get(pool, 0) + 1
        return number

    def lead(self, pool: str, number: int) -> None:
        """Note a number of a rotation."""
        self._turns[pool] = number

    def live(self) -> list[Renewal]:
        """Return the leases under way."""
        return [renewal for renewal, _ in self._live.values()]

    def end_alone(self, processes: int) -> list[Renewal]:
        """Give up the shares; return the leases under way, for others to take up.

        What was used of a share stays used until the others say how far the limit is: they may be
        away again before that. The other processes are taken to have used as much.
        """
        if self._alone is None:
            return []
        for counter, index, used in self._alone.used():
            self._note_used(counter, index, used * processes)
        self._alone = None
        return self.live()

    def forget_old(self) -> None:
        """Forget leases that ran out."""
        now = self._clock()
        for id in [id for id, (_, until) in self._live.items() if until <= now]:
            del self._live[id]

    def _ledger(self) -> ShareLedger:
        """The ledger of shares; begins with the slots that this process has taken already."""
        if self._alone is None:
            self._alone = ShareLedger()
            now = self._now()
            for renewal in self.live():
                slots = [one for one in renewal.lease.entries if one.kind == "slots"]
                self._alone.renew(renewal.lease.id, LIFE, slots, None, now)
            for pool, number in self._turns.items():
                self._alone.lead(pool, number)
        return self._alone

    def _note_used(self, counter: str, index: int, used: int) -> None:
        self._seen[counter] = SharedRows(index, used)
        self._seen.move_to_end(counter)
        if len(self._seen) > MOST_SEEN:
            self._seen.popitem(last=False)

    def _keep(self, renewal: Renewal) -> None:
        self._live[renewal.lease.id] = (renewal, self._clock() + LIFE / 1000)

    def _now(self) -> int:
        return int(self._clock() * 1000)


def share_of(limit: Limit, amounts: Amounts, processes: int) -> Limit:
    """Return a process' share of a limit: enough for one request, if the whole is."""
    wanted = 1 if limit.kind == "slots" else amount_of(amounts, limit.kind)
    most = max(limit.most // processes, min(wanted, limit.most))
    return replace(limit, most=most)
