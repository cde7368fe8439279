"""Shared state that is not shared: everything is in this process."""

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

from switchyard.state.shared.board import Board
from switchyard.state.shared.board import NoticeWatcher
from switchyard.state.shared.keeper import LeaseKeeper
from switchyard.state.shared.lines import admitted
from switchyard.state.shared.lines import denied
from switchyard.state.shared.lines import entries_of
from switchyard.state.shared.lines import lines_of
from switchyard.state.shared.lines import standings_of
from switchyard.state.shared.protocol import LEASE_SECONDS
from switchyard.state.shared.protocol import NOTHING
from switchyard.state.shared.protocol import Admitted
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Ask
from switchyard.state.shared.protocol import Denied
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import LimitLease
from switchyard.state.shared.protocol import LimitStanding
from switchyard.state.shared.protocol import Notice
from switchyard.state.shared.protocol import Renewal
from switchyard.state.shared.protocol import StateHealth
from switchyard.state.shared.protocol import Topic
from switchyard.state.shared.quick_ledger import Figures
from switchyard.state.shared.quick_ledger import QuickLedger
from switchyard.state.shared.quick_ledger import QuickLine

LIFE = int(LEASE_SECONDS * 1000)
"""How long a lease lives, in milliseconds."""


class Sessions:
    """Which target a session sticks to. Bounded; the oldest goes first."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._targets: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def put(self, session: str, target: str, until: float) -> None:
        """Have a session stick until a moment."""
        self._targets[session] = (target, until)
        self._targets.move_to_end(session)
        if len(self._targets) > self._most:
            self._targets.popitem(last=False)

    def get(self, session: str, now: float) -> str | None:
        """Return its target, if it still sticks."""
        target, until = self._targets.get(session, ("", 0.0))
        if until > now:
            return target
        self._targets.pop(session, None)
        return None


class MemoryState:
    """Implements `SharedState` for one process. `clock` returns Unix seconds.

    With a keeper, counters outlive the process.
    """

    def __init__(
        self, clock: Callable[[], float] = time.time, keeper: LeaseKeeper | None = None
    ) -> None:
        self._clock = clock
        self._keeper = keeper
        self._ledger = QuickLedger()
        self._opening = asyncio.Event() if keeper is not None else None
        """Set once counters are read; None where there is nothing to wait for."""
        self._board = Board()
        self._sessions = Sessions()

    async def start(self) -> None:
        """Take up what is kept from before."""
        if self._keeper is not None and self._opening is not None:
            self._ledger = await self._keeper.open()
            self._opening.set()
            self._opening = None

    async def close(self) -> None:
        """Keep what changed."""
        if self._keeper is not None:
            await self._keeper.close()

    async def admit(self, ask: Ask) -> Admitted | Denied:
        """Reserve the estimate in all limits, or in none.

        Who comes before counters are read waits for them: else its use would be lost with the
        ledger that they replace.
        """
        await self._opened()
        now = self._now()
        lines = lines_of(ask.limits, ask.amounts, now)
        id = new_id()
        verdict, turns, rows = self._ledger.admit(id, LIFE, lines, ask.pools, now)
        if verdict != "admitted":
            return denied(ask, lines, rows)
        target = self._sessions.get(ask.session, self._clock()) if ask.session else None
        return admitted(ask, LimitLease(id, entries_of(lines, rows)), lines, rows, turns, target)

    def admit_quickly(self, id: str, lines: Sequence[QuickLine], figures: Figures) -> bool:
        """Reserve an estimate for a new lease, if it fits; else ask `admit` why not.

        The lease ends by `settle_quickly`, and goes on by `renew_quickly`.
        """
        if self._opening is not None:
            return False
        return self._ledger.admit_quickly(id, LIFE, lines, figures, self._now())

    def settle_quickly(self, id: str, figures: Figures) -> None:
        """End a lease of `admit_quickly` with what was used; zeros give everything back."""
        self._ledger.settle_quickly(id, figures, self._now())

    def used_of(self, line: QuickLine) -> tuple[int, int]:
        """Return how much of a limit is used, and milliseconds until nothing of it is."""
        return self._ledger.used_of(line, self._now())

    def renew_quickly(self, id: str) -> None:
        """Give a lease of `admit_quickly` another `LEASE_SECONDS`."""
        self._ledger.renew(id, LIFE, (), None, self._now())

    async def settle(self, lease: LimitLease, actual: Amounts) -> None:
        """End a lease with what was used."""
        if lease.entries:
            self._ledger.settle(lease.id, lease.entries, actual, self._now())

    async def release(self, lease: LimitLease) -> None:
        """End a lease as if the request had never been admitted."""
        if lease.entries:
            self._ledger.settle(lease.id, lease.entries, None, self._now())

    async def renew(self, renewals: Sequence[Renewal]) -> None:
        """Give leases another `LEASE_SECONDS`."""
        now = self._now()
        for one in renewals:
            if one.lease.entries:
                self._ledger.renew(one.lease.id, LIFE, one.lease.entries, one.so_far, now)

    async def counters(self, limits: Sequence[Limit]) -> tuple[LimitStanding, ...]:
        """Return how far limits are used."""
        await self._opened()
        now = self._now()
        return standings_of(limits, self._ledger.counters(lines_of(limits, NOTHING, now), now))

    async def _opened(self) -> None:
        if self._opening is not None:
            await self._opening.wait()

    async def turn(self, pool: str) -> int:
        """Return the next number of a rotation."""
        return self._ledger.turn(pool)

    async def stick(self, session: str, target: str, seconds: float) -> None:
        """Have a session stick to a target."""
        self._sessions.put(session, target, self._clock() + seconds)

    async def stuck(self, session: str) -> str | None:
        """Return the target that a session sticks to."""
        return self._sessions.get(session, self._clock())

    async def post(self, topic: Topic, item: str, text: str, seconds: float) -> None:
        """Note a notice."""
        self._board.put(topic, item, text, self._clock() + seconds)

    async def withdraw(self, topic: Topic, item: str) -> None:
        """Take a notice back."""
        self._board.remove(topic, item)

    def notices(self, topic: Topic) -> Mapping[str, Notice]:
        """Return the valid notices by item."""
        return self._board.valid(topic, self._clock())

    def watch(self, topic: Topic, watcher: NoticeWatcher) -> None:
        """No other process posts anything."""

    async def drain(self, seconds: float) -> bool:
        """Everything is on record at once."""
        return True

    @property
    def health(self) -> StateHealth:
        """Always as it should be."""
        return StateHealth(way="memory")

    def _now(self) -> int:
        return int(self._clock() * 1000)


def new_id() -> str:
    """Return an id that no other lease has."""
    return secrets.token_hex(12)
