"""Has requests wait for slots: bounded in time, by priority, then arrival.

A slot that this process frees wakes the first waiter at once. Those that other processes free are
found by the first waiter asking again; the others behind it do not ask.
"""

import asyncio
import time
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import replace

from switchyard.state.shared.protocol import Admitted
from switchyard.state.shared.protocol import Ask
from switchyard.state.shared.protocol import Denied
from switchyard.state.shared.protocol import LimitLease
from switchyard.state.shared.protocol import SharedState
from switchyard.state.shared.queue import Queue
from switchyard.state.shared.queue import Waiter

ASK_AGAIN = 0.1
"""Seconds after which the first waiter asks again."""

MOST_WAITING = 1_000
"""Requests that wait for one place at most; further ones are refused at once."""


class SlotQueue:
    """Admits requests, if need be after a wait. `clock` returns monotonic seconds."""

    def __init__(
        self,
        state: SharedState,
        ask_again: float = ASK_AGAIN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._ask_again = ask_again
        self._clock = clock
        self._queue = Queue()
        self._wakers: dict[Waiter, asyncio.Event] = {}

    def __len__(self) -> int:
        """Requests that wait."""
        return len(self._queue)

    async def admit(
        self, ask: Ask, priority: int = 0, patience: float = 0.0, denied: Denied | None = None
    ) -> Admitted | Denied:
        """Admit a request; wait up to `patience` seconds where only slots are missing.

        `denied` is what a try said right before, which is not repeated. Out: what the last try
        said. A cancelled wait uses up nothing.
        """
        behind = self._first_behind(ask, priority)
        if behind is None or patience <= 0:
            answer = denied or await self._state.admit(ask)
            if isinstance(answer, Admitted) or not answer.only_slots or patience <= 0:
                return answer
            behind = answer.exceeded[0].standing.limit.counter
        if (in_line := self._queue.count(behind)) >= MOST_WAITING:
            answer = await self._state.admit(ask)
            return replace(answer, in_line=in_line) if isinstance(answer, Denied) else answer
        return await self._wait(ask, behind, priority, self._clock() + patience)

    def has_ahead(self, ask: Ask, priority: int = 0) -> bool:
        """Whether a request would have to wait behind others."""
        return self._first_behind(ask, priority) is not None

    def freed(self, lease: LimitLease) -> None:
        """Wake whoever waits for the slots of a lease that was settled or released."""
        self.wake(entry.counter for entry in lease.entries if entry.kind == "slots")

    def _first_behind(self, ask: Ask, priority: int) -> str | None:
        """The first place of a request for which others of its priority wait already."""
        if not len(self._queue):
            return None
        places = (one.counter for one in ask.limits if one.kind == "slots" and one.enforce)
        return next((one for one in places if self._queue.ahead(one, priority)), None)

    async def _wait(self, ask: Ask, place: str, priority: int, until: float) -> Admitted | Denied:
        waiter = self._queue.add(place, priority)
        waker = self._wakers[waiter] = asyncio.Event()
        try:
            while True:
                left = until - self._clock()
                first = self._queue.first(place) == waiter
                if left > 0:
                    await _woken(waker, min(left, self._ask_again) if first else left)
                waker.clear()
                if until - self._clock() > 0 and self._queue.first(place) != waiter:
                    continue
                answer = await self._state.admit(ask)
                done = isinstance(answer, Admitted) or not answer.only_slots
                if done or self._clock() >= until:
                    return answer
        finally:
            self._queue.remove(waiter)
            del self._wakers[waiter]
            self.wake([place])

    def wake(self, places: Iterable[str]) -> None:
        """Wake the first who waits for each of some places."""
        for place in places:
            if (first := self._queue.first(place)) is not None:
                self._wakers[first].set()


async def _woken(waker: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await waker.wait()
    except TimeoutError:
        return
