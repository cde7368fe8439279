"""Shares the turns of the event loop between tokens of running streams and new requests."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

BUDGET = 0.001
"""Seconds of a turn in which requests may begin while tokens pass."""

STALE = 0.25
"""Seconds after which tokens that passed say nothing any more."""


class Late(Protocol):
    """Has work that was put off."""

    def catch_up(self) -> None:
        """Do it."""
        ...


class Turns:
    """Puts requests off for which tokens of running streams would have to wait.

    A token takes some 50 us, a request about a millisecond. When hundreds of clients ask at once, a
    turn of the loop would be all theirs, and each token would come as late as that. So many of them
    as fit into `BUDGET` begin in a turn, and one at least; the others follow in the next turns, in
    their order. What upstreams send is never put off: it has tokens in it. Where no tokens pass, no
    request is put off either.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.tokens = False
        """Whether tokens passed. Who passes one sets it."""
        self._clock = clock
        self._passing = False
        self._looked = 0.0
        self._spent = 0.0
        self._late: deque[Late] = deque()
        self._called: asyncio.AbstractEventLoop | None = None
        """The loop that is to call `_next`."""

    def begin(self) -> float | None:
        """Return the time if a request may begin now, for `spend`; None if it has to wait."""
        now = self._clock()
        if now - self._looked > STALE:
            self._passing, self.tokens, self._looked = self.tokens, False, now
        elif self.tokens:
            self._passing = True
        if self._late or (self._passing and self._spent >= BUDGET):
            return None
        return now

    def spend(self, since: float) -> None:
        """Note that a request which began at a time is under way."""
        if self._passing:
            self._spent += self._clock() - since
            self._call()

    def put_off(self, late: Late) -> None:
        """Have a request begin in a later turn, behind those that wait already."""
        self._late.append(late)
        self._call()

    def _call(self) -> None:
        if (loop := asyncio.get_running_loop()) is not self._called:
            self._called = loop
            loop.call_soon(self._next)

    def _next(self) -> None:
        """Begin a turn, before the loop looks for what arrived meanwhile."""
        self._called, self._spent = None, 0.0
        begun = self._clock()
        try:
            while self._late and self._spent < BUDGET:
                self._late.popleft().catch_up()
                self._spent = self._clock() - begun
        finally:
            if self._late or self._spent:
                self._call()


turns = Turns()
"""Those of this process."""
