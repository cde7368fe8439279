"""What waits to be sent to whoever shares the state, a batch a kind."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from switchyard.state.shared.ledger import TOMBSTONE
from switchyard.state.shared.link import Verb
from switchyard.state.shared.memory import LIFE
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import LimitLease
from switchyard.state.shared.protocol import Renewal

logger = logging.getLogger(__name__)

BATCH = 200
MOST_WAITING = 200_000
"""Settlements kept while nobody takes them; further ones are lost, which is logged once."""

JOURNAL_SECONDS = 60.0
"""How long settlements are kept after they were taken, in case the taker forgets them."""

MOST_IN_JOURNAL = 50_000

_TRUST = TOMBSTONE / 1000 - 300
"""Seconds after a first try for which the taker remembers having taken a settlement."""

type StateCall = Callable[[Verb, object], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Settlement:
    """The end of a lease; None as the actual amounts releases it."""

    lease: LimitLease
    actual: Amounts | None


@dataclass(frozen=True, slots=True)
class Post:
    """A notice; `until` 0 withdraws it."""

    topic: str
    item: str
    text: str
    until: float


@dataclass(frozen=True, slots=True)
class Stick:
    """A session and its target."""

    session: str
    target: str
    until: float


class Outbox:
    """Later words about the same thing replace earlier ones that still wait."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.filled = asyncio.Event()
        self.empty = asyncio.Event()
        self.empty.set()
        self._clock = clock
        self._settlements: dict[str, Settlement] = {}
        self._renewals: dict[str, Renewal] = {}
        self._posts: dict[tuple[str, str], Post] = {}
        self._sticks: dict[str, Stick] = {}
        self._journal: deque[tuple[float, Settlement]] = deque(maxlen=MOST_IN_JOURNAL)
        self._tried: dict[str, float] = {}
        """When settlements that wait were first sent; the answer may have been lost."""
        self._lost = False

    def __len__(self) -> int:
        """Settlements that wait."""
        return len(self._settlements)

    def settle(self, lease: LimitLease, actual: Amounts | None) -> None:
        """Send the end of a lease. The first word counts."""
        self._renewals.pop(lease.id, None)
        if len(self._settlements) >= MOST_WAITING:
            if not self._lost:
                logger.error("state: more settlements wait than there is room; counters lack some")
            self._lost = True
            return
        self._settlements.setdefault(lease.id, Settlement(lease, actual))
        self._fill()

    def renew(self, renewal: Renewal) -> None:
        """Send a renewal, unless the lease's end waits to be sent."""
        if renewal.lease.id not in self._settlements:
            self._renewals[renewal.lease.id] = renewal
            self._fill()

    def renew_all(self, renewals: Iterable[Renewal]) -> None:
        """Send renewals."""
        for renewal in renewals:
            self.renew(renewal)

    def post(self, post: Post) -> None:
        """Send a notice."""
        self._posts[post.topic, post.item] = post
        self._fill()

    def stick(self, stick: Stick) -> None:
        """Send a session's target."""
        self._sticks[stick.session] = stick
        self._fill()

    def repeat(self) -> None:
        """Send once more what was taken of late: the taker began anew, and may lack it."""
        since = self._clock() - JOURNAL_SECONDS
        while self._journal:
            at, settlement = self._journal.popleft()
            if at >= since:
                self._settlements.setdefault(settlement.lease.id, settlement)
                self._fill()

    async def send(self, call: StateCall) -> None:
        """Send what waits. Raises LinkDown, and has then kept what was not sent."""
        await self._send_posts(call)
        await self._send_renewals(call)
        await self._send_settlements(call)
        await self._send_sticks(call)
        if not (self._posts or self._renewals or self._settlements or self._sticks):
            self._lost = False
            self.filled.clear()
            self.empty.set()

    async def _send_posts(self, call: StateCall) -> None:
        for key, post in list(self._posts.items()):
            left = int((post.until - self._clock()) * 1000)
            if post.until == 0 or left > 0:
                await call("post", [post.topic, post.item, post.text, max(0, left)])
            _drop(self._posts, key, post)

    async def _send_renewals(self, call: StateCall) -> None:
        while batch := list(islice(self._renewals.items(), BATCH)):
            payload = [
                [id, LIFE, entries(one.lease), one.so_far.wire() if one.so_far else None]
                for id, one in batch
            ]
            await call("renew", payload)
            for id, one in batch:
                _drop(self._renewals, id, one)

    async def _send_settlements(self, call: StateCall) -> None:
        self._drop_doubtful()
        while batch := list(islice(self._settlements.items(), BATCH)):
            for id, _ in batch:
                self._tried.setdefault(id, self._clock())
            payload = [
                [id, entries(one.lease), one.actual.wire() if one.actual else None]
                for id, one in batch
            ]
            await call("settle", payload)
            for id, one in batch:
                _drop(self._settlements, id, one)
                self._tried.pop(id, None)
                self._journal.append((self._clock(), one))

    def _drop_doubtful(self) -> None:
        """Drop what might count twice: it was perhaps taken, and that is forgotten."""
        since = self._clock() - _TRUST
        for id in [id for id, at in self._tried.items() if at < since]:
            del self._tried[id]
            self._settlements.pop(id, None)
            logger.error("state: a settlement was in doubt for too long; it may not be counted")

    async def _send_sticks(self, call: StateCall) -> None:
        for key, stick in list(self._sticks.items()):
            if (left := int((stick.until - self._clock()) * 1000)) > 0:
                await call("stick", [stick.session, stick.target, left])
            _drop(self._sticks, key, stick)

    def _fill(self) -> None:
        self.empty.clear()
        self.filled.set()


def entries(lease: LimitLease) -> list[list[object]]:
    """Return a lease's entries as JSON has them."""
    return [[one.counter, one.kind, one.index, one.keep, one.amount] for one in lease.entries]


def _drop[K, V](waiting: dict[K, V], key: K, sent: V) -> None:
    if waiting.get(key) is sent:
        del waiting[key]
