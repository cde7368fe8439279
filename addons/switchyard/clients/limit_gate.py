"""Admits every request that has limits by one atomic call, and settles each one once.

Where state is in this process, a request that fits costs two function calls. What does not fit, and
what others share, takes the way of `SharedState`.
"""

import asyncio
import time
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

from switchyard.clients.expected import ExpectedOutput
from switchyard.clients.key_rules import KeyRule
from switchyard.clients.limit_headers import LimitFields
from switchyard.clients.limit_headers import told_limits
from switchyard.state.shared.memory import MemoryState
from switchyard.state.shared.protocol import RENEW_EVERY
from switchyard.state.shared.protocol import Admitted
from switchyard.state.shared.protocol import Ask
from switchyard.state.shared.protocol import Denied
from switchyard.state.shared.protocol import LimitLease
from switchyard.state.shared.protocol import LimitStanding
from switchyard.state.shared.protocol import Renewal
from switchyard.state.shared.protocol import SharedState
from switchyard.state.shared.quick_ledger import Figures
from switchyard.state.shared.quick_ledger import amounts_of
from switchyard.state.shared.waiting import SlotQueue

NO_USE: Figures = (0, 0, 0, 0, 0)


@dataclass(slots=True, eq=False)
class Passage:
    """A request that was admitted, or waits for it."""

    id: str
    """The id of its lease: that of its record."""
    rule: KeyRule
    figures: Figures
    """The estimate that is reserved."""
    model: str
    """What its output is remembered by."""
    pools: tuple[str, ...] = ()
    """Rotations in which it is likely to need a turn, where others share those."""
    begun: float = field(default_factory=time.monotonic)
    lease: LimitLease | None = None
    """None: admitted in this process, without a list of what it holds."""
    standings: Sequence[LimitStanding] = ()
    state: SharedState | None = None
    """Where it was admitted, and ends."""
    waits: "asyncio.Task[Admitted | Denied] | None" = None
    """The answer that it waits for."""


class LimitGate:
    """Holds the passages of all requests under way, by the ids of their flows."""

    def __init__(
        self,
        current: Callable[[], SharedState],
        keep_turns: Callable[[Mapping[str, int]], None] | None = None,
    ) -> None:
        """`current` returns the state in force; passages end in the one they began in.

        `keep_turns` takes the turns that come with admissions, by rotation.
        """
        self._current = current
        self._keep_turns = keep_turns
        self._passages: dict[str, Passage] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._use(current())
        self.expected = ExpectedOutput()
        self._asking = 0
        """Requests that ask for a place, before which no other may go."""
        self.waiting = 0
        """Requests that wait for a place."""

    def __len__(self) -> int:
        return len(self._passages)

    def enter_quickly(self, flow: str, passage: Passage) -> bool:
        """Admit a request that fits, where that can be decided at once; else ask `enter`."""
        if (state := self._current()) is not self.state:
            self._use(state)
        memory = self._memory
        if memory is None or self._asking:
            return False
        if not memory.admit_quickly(passage.id, passage.rule.lines, passage.figures):
            return False
        passage.state = memory
        self._passages[flow] = passage
        return True

    async def enter(self, flow: str, passage: Passage, patience: float) -> Denied | None:
        """Admit a request; return None if it may go on, or waits (`Passage.waits`).

        `patience`: seconds until the caller gets its answer. Only slots are waited for, as long
        as the rule says.
        """
        rule, passage.state = passage.rule, self.state
        ask = Ask(limits=rule.limits, amounts=amounts_of(passage.figures), pools=passage.pools)
        waits = rule.queue if rule.waits else 0.0
        denied = None
        if not (waits and self._queue.has_ahead(ask, rule.priority)):
            # Nearly always. A task, and a timer for its wait, cost as much as all the rest.
            answer = await self.state.admit(ask)
            if not waits or isinstance(answer, Admitted) or not answer.only_slots:
                return self._answered(flow, passage, answer)
            denied = answer
        loop = asyncio.get_running_loop()
        waiting = self._queue.admit(ask, rule.priority, waits, denied)
        # Eager, so that no place is freed between the answer and the wait.
        task = asyncio.Task(waiting, loop=loop, eager_start=True)
        self._asking += 1
        task.add_done_callback(self._asked)
        try:
            await asyncio.wait((task,), timeout=patience)
        except asyncio.CancelledError:
            await self._give_up(task)
            raise
        if task.done():
            return self._answered(flow, passage, task.result())
        passage.waits = task
        self.waiting += 1
        self._passages[flow] = passage
        return None

    def waiting_of(self, flow: str) -> Passage | None:
        """The passage of a request that still waits, or whose answer was not taken yet."""
        if not self.waiting:
            return None
        passage = self._passages.get(flow)
        return passage if passage is not None and passage.waits is not None else None

    def take_answer(self, flow: str, passage: Passage) -> Denied | None:
        """Take the answer that a passage waited for; None if it was admitted."""
        task, passage.waits = passage.waits, None
        self.waiting -= 1
        assert task is not None and task.done()
        denied = self._answered(flow, passage, task.result())
        if denied is not None:
            self._passages.pop(flow, None)
        return denied

    def of(self, flow: str) -> Passage | None:
        """The passage of a request that was admitted."""
        return self._passages.get(flow)

    def told(self, passage: Passage, fields: LimitFields, anthropic: bool) -> LimitFields:
        """Returns an answer's headers with the limits of its passage."""
        names = passage.rule.header_names(anthropic)
        if (memory := self._memory) is not None:
            shown = [(one, *memory.used_of(one.line)) for one in names]
        else:
            resets = {one.limit.counter: one for one in passage.standings}
            shown = [
                (one, known.used, round((known.resets_in or 0) * 1000))
                for one in names
                if (known := resets.get(one.line.counter)) is not None
            ]
        return told_limits(fields, shown, anthropic)

    def leave(self, flow: str) -> Passage | None:
        """Take the passage of a request that ended; `settle` it afterwards.

        None if it has none, or never got one: then nothing was used up.
        """
        passage = self._passages.pop(flow, None) if self._passages else None
        if passage is None or passage.waits is None:
            return passage
        task, passage.waits = passage.waits, None
        self.waiting -= 1
        if not task.done():
            task.cancel()
        else:
            answer = task.result()
            if isinstance(answer, Admitted):
                self._settle(passage, answer.lease, NO_USE)
        return None

    def settle(self, passage: Passage, figures: Figures) -> None:
        """End a passage with what was used; zeros give everything back."""
        if figures[3]:
            self.expected.note(passage.rule.owner, passage.model, figures[3])
        if passage.lease is not None:
            self._settle(passage, passage.lease, figures)
        elif isinstance(passage.state, MemoryState):
            passage.state.settle_quickly(passage.id, figures)
            if self._asking:
                places = (one.counter for one in passage.rule.lines if one.kind == "slots")
                self._queue.wake(places)

    async def renew(self) -> None:
        """Extend the leases of all requests that have been under way for a while."""
        before = time.monotonic() - RENEW_EVERY / 2
        leases: list[Renewal] = []
        for one in list(self._passages.values()):
            if one.waits is not None or one.begun > before:
                continue
            if one.lease is not None:
                leases.append(Renewal(one.lease))
            elif isinstance(one.state, MemoryState):
                one.state.renew_quickly(one.id)
        if leases:
            await self.state.renew(leases)

    def _use(self, state: SharedState) -> None:
        self.state = state
        self._memory = state if isinstance(state, MemoryState) else None
        self._queue = SlotQueue(state)

    def _asked(self, task: "asyncio.Task[Admitted | Denied]") -> None:
        self._asking -= 1

    def _answered(self, flow: str, passage: Passage, answer: Admitted | Denied) -> Denied | None:
        if isinstance(answer, Denied):
            return answer
        if answer.turns and self._keep_turns is not None:
            self._keep_turns(answer.turns)
        passage.lease, passage.standings = answer.lease, answer.standings
        self._passages[flow] = passage
        return None

    def _settle(self, passage: Passage, lease: LimitLease, figures: Figures) -> None:
        loop = asyncio.get_running_loop()
        # Eager, since no way of keeping state suspends: a settlement is not lost at the end.
        task = asyncio.Task(self._end(passage, lease, figures), loop=loop, eager_start=True)
        if not task.done():
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _end(self, passage: Passage, lease: LimitLease, figures: Figures) -> None:
        assert passage.state is not None
        if figures is NO_USE:
            await passage.state.release(lease)
        else:
            await passage.state.settle(lease, amounts_of(figures))
        self._queue.freed(lease)

    async def _give_up(self, task: "asyncio.Task[Admitted | Denied]") -> None:
        """End a wait; if it succeeded meanwhile, give back what it got."""
        task.cancel()
        await asyncio.wait((task,))
        if not task.cancelled() and isinstance(answer := task.result(), Admitted):
            await self.state.release(answer.lease)
