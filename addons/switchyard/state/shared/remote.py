"""Shared state that others keep: one round trip a limited request.

Everything else happens in the background.

While the others cannot be reached, a ledger of this process goes on with its share of each limit.
What it admits is charged to everybody's counters afterwards, each lease once by its id.
"""

import asyncio
import contextlib
import logging
import math
import random
import time
from collections.abc import Callable
from collections.abc import Coroutine
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from switchyard.state.shared.board import Board
from switchyard.state.shared.board import NoticeWatcher
from switchyard.state.shared.board import Numbered
from switchyard.state.shared.guarded_link import GuardedLink
from switchyard.state.shared.guarded_link import RemoteSettings
from switchyard.state.shared.lines import admitted
from switchyard.state.shared.lines import denied
from switchyard.state.shared.lines import entries_of
from switchyard.state.shared.lines import lines_of
from switchyard.state.shared.lines import standings_of
from switchyard.state.shared.link import Link
from switchyard.state.shared.link import LinkDown
from switchyard.state.shared.local import Local
from switchyard.state.shared.memory import LIFE
from switchyard.state.shared.memory import new_id
from switchyard.state.shared.outbox import Outbox
from switchyard.state.shared.outbox import Post
from switchyard.state.shared.outbox import Stick
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

logger = logging.getLogger(__name__)


class RemoteState:
    """Implements `SharedState` over a link. `clock` returns Unix seconds."""

    def __init__(
        self,
        link: Link,
        settings: RemoteSettings | None = None,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        self._settings = settings or RemoteSettings()
        self._clock = clock
        self._beat_now = asyncio.Event()
        self._link = GuardedLink(
            link, self._settings, rng or random.Random(), opened=self._beat_now.set
        )
        self._board = Board()
        self._local = Local(clock)
        self._outbox = Outbox(clock)
        self._process = new_id()
        self._epoch = ""
        self._processes = 1
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to listen, to send what waits, and to give signs of life."""
        with contextlib.suppress(LinkDown, ValueError, TypeError):
            await self._beat()
        for work in (self._keep_listening, self._keep_sending, self._keep_beating):
            work_on = _keep_up(work, self._link.link.way, self._settings.beat)
            task = asyncio.get_running_loop().create_task(work_on)
            self._tasks.add(task)

    async def close(self) -> None:
        """Send what waits, give notice of leaving, and close the link."""
        if not self._link.is_down:
            await self.drain(self._settings.timeout * 5)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not self._link.is_down:
            with contextlib.suppress(LinkDown):
                await self._link.call("beat", [self._process, 0, self._process])
        await self._link.link.close()

    async def admit(self, ask: Ask) -> Admitted | Denied:
        """Reserve the estimate in all limits, or in none."""
        if not (ask.limits or ask.pools or ask.session):
            return Admitted(LimitLease(""))
        if self._link.is_down:
            return self._admit_alone(ask)
        lines = lines_of(ask.limits, ask.amounts, self._now())
        lease = LimitLease(new_id())
        payload = {
            "id": lease.id,
            "life": LIFE,
            "lines": [line.wire() for line in lines],
            "pools": ask.pools,
            "session": ask.session,
        }
        try:
            verdict, turns, rows, target = await self._link.call("admit", payload)
        except (LinkDown, asyncio.CancelledError) as e:
            # It may have been carried out all the same, or may be yet.
            if lines:
                self._outbox.settle(lease, None)
            if isinstance(e, LinkDown):
                return self._admit_alone(ask)
            raise
        if verdict != 1:
            self._local.see((line.counter for line in lines), rows)
            return denied(ask, lines, rows)
        lease = LimitLease(lease.id, entries_of(lines, rows))
        self._local.note(lease, rows, dict(zip(ask.pools, turns, strict=True)))
        return admitted(ask, lease, lines, rows, turns, target or None)

    async def settle(self, lease: LimitLease, actual: Amounts) -> None:
        """Send the actual amounts, in the background."""
        self._end(lease, actual)

    async def release(self, lease: LimitLease) -> None:
        """Give everything back, in the background."""
        self._end(lease, None)

    async def renew(self, renewals: Sequence[Renewal]) -> None:
        """Extend leases, in the background."""
        for one in renewals:
            if one.lease.entries:
                self._local.renew(one)
                self._outbox.renew(one)

    async def counters(self, limits: Sequence[Limit]) -> tuple[LimitStanding, ...]:
        """Return how far limits are used; of local shares while others cannot be reached."""
        if limits and not self._link.is_down:
            lines = lines_of(limits, NOTHING, self._now())
            with contextlib.suppress(LinkDown):
                rows = await self._link.call("counters", [line.wire() for line in lines])
                return standings_of(limits, rows)
        return self._local.counters(limits, self._processes)

    async def turn(self, pool: str) -> int:
        """Return the next number of a rotation."""
        if not self._link.is_down:
            with contextlib.suppress(LinkDown):
                number: int = await self._link.call("turn", [pool])
                self._local.lead(pool, number)
                return number
        return self._local.turn(pool)

    async def stick(self, session: str, target: str, seconds: float) -> None:
        """Have a session stick to a target; others learn of it in the background."""
        until = self._clock() + seconds
        self._local.sessions.put(session, target, until)
        self._outbox.stick(Stick(session, target, until))

    async def stuck(self, session: str) -> str | None:
        """Return the target that a session sticks to."""
        if not self._link.is_down:
            with contextlib.suppress(LinkDown):
                target: str = await self._link.call("stuck", [session])
                return target or self._local.sessions.get(session, self._clock())
        return self._local.sessions.get(session, self._clock())

    async def post(self, topic: Topic, item: str, text: str, seconds: float) -> None:
        """Note a notice at once; others learn of it in the background."""
        until = self._clock() + seconds
        self._board.put(topic, item, text, until)
        self._outbox.post(Post(topic, item, text, until))

    async def withdraw(self, topic: Topic, item: str) -> None:
        """Take a notice back at once; others learn of it in the background."""
        self._board.remove(topic, item)
        self._outbox.post(Post(topic, item, "", 0.0))

    def notices(self, topic: Topic) -> Mapping[str, Notice]:
        """Return the valid notices by item, from memory."""
        return self._board.valid(topic, self._clock())

    def watch(self, topic: Topic, watcher: NoticeWatcher) -> None:
        """Have others' notices handed on as they arrive."""
        self._board.watch(topic, watcher)

    async def drain(self, seconds: float) -> bool:
        """Wait until everything that waits is sent."""
        try:
            async with asyncio.timeout(seconds):
                await self._outbox.empty.wait()
        except TimeoutError:
            return False
        return True

    @property
    def health(self) -> StateHealth:
        """What metrics and the dashboard show."""
        return StateHealth(
            way=self._link.link.way,
            shared=not self._link.is_down,
            problem=self._link.problem,
            processes=self._processes,
            waiting=len(self._outbox),
        )

    def _end(self, lease: LimitLease, actual: Amounts | None) -> None:
        if lease.entries:
            self._local.end(lease, actual)
            self._outbox.settle(lease, actual)

    def _admit_alone(self, ask: Ask) -> Admitted | Denied:
        if self._settings.on_failure == "closed" and ask.limits:
            return Denied(retry_after=max(1, math.ceil(self._link.until_probe)))
        return self._local.admit(ask, self._processes)

    async def _keep_listening(self) -> None:
        while True:
            with contextlib.suppress(LinkDown):
                await self._link.link.listen(self._connected, self._hear)
            await asyncio.sleep(max(self._link.until_probe, self._settings.retry))

    def _connected(self) -> None:
        # Whoever was away may be back with what it knew a minute ago. The rest changes nothing.
        self._outbox.repeat()
        self._outbox.renew_all(self._local.live())
        self._beat_now.set()

    def _hear(self, notice: Numbered) -> None:
        with contextlib.suppress(ValueError, TypeError):
            self._board.hear(notice, self._clock())

    async def _keep_sending(self) -> None:
        while True:
            await self._outbox.filled.wait()
            if self._link.is_down:
                await asyncio.sleep(self._settings.retry)
                continue
            try:
                await self._outbox.send(self._link.call)
            except LinkDown:
                await asyncio.sleep(self._settings.retry)

    async def _keep_beating(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._beat_now.wait()
            self._beat_now.clear()
            if self._link.is_down and self._pause() > 0:
                continue
            with contextlib.suppress(LinkDown):
                await self._beat()

    def _pause(self) -> float:
        return self._link.until_probe if self._link.is_down else self._settings.beat

    async def _beat(self) -> None:
        """Give a sign of life, and find out what was missed. Raises LinkDown."""
        life = int(self._settings.process_life * 1000)
        probes, heard = self._link.is_down, self._board.last
        try:
            count, last, epoch = await self._link.call("beat", [self._process, life, new_id()])
            anew = epoch != self._epoch or last < heard
            if anew or last != self._board.last:
                await self._catch_up(anew)
            self._epoch = epoch
        except LinkDown:
            if probes:
                self._link.fail_probe()
            raise
        self._processes = max(1, count)
        self._local.forget_old()
        # A single failure makes a request go on alone, too.
        self._outbox.renew_all(self._local.end_alone(self._processes))
        self._link.succeed()

    async def _catch_up(self, anew: bool) -> None:
        """Take all notices; send those that a new server lacks. Raises LinkDown."""
        known = self._board.all(self._clock())
        if anew:
            self._board.renumber()
        last, notices = await self._link.call("notices", [])
        self._board.take_all(last, notices, self._clock())
        if anew and self._epoch:
            listed = {(topic, item) for _, topic, item, _, _ in notices}
            for topic, item, notice in known:
                if (topic, item) not in listed:
                    self._outbox.post(Post(topic, item, notice.text, notice.until))
            self._connected()

    def _now(self) -> int:
        return int(self._clock() * 1000)


async def _keep_up(work: Callable[[], Coroutine[Any, Any, None]], way: str, pause: float) -> None:
    """Runs endless work, again after `pause` seconds if an exception ended it."""
    while True:
        try:
            await work()
        except Exception:  # an answer of another version must not end the work for good
            logger.exception("state: unexpected answer of %s", way)
            await asyncio.sleep(pause)
