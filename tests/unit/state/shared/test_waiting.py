"""Who waits for slots, and for how long."""

import asyncio

import pytest

from switchyard.state.shared import waiting as module
from switchyard.state.shared.memory import MemoryState
from switchyard.state.shared.protocol import Admitted
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Ask
from switchyard.state.shared.protocol import Denied
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import LimitLease
from switchyard.state.shared.protocol import Sliding
from switchyard.state.shared.waiting import SlotQueue

ONE = Limit(key="a", kind="slots", most=1)
ASK = Ask(limits=(ONE,))
LONG = 3600.0


def queue_of(state: MemoryState) -> SlotQueue:
    # Nothing is found by asking again: every admission follows from a slot that was freed.
    return SlotQueue(state, ask_again=LONG)


async def first_lease(state: MemoryState) -> LimitLease:
    answer = await state.admit(ASK)
    assert isinstance(answer, Admitted)
    return answer.lease


async def waiting(queue: SlotQueue, count: int) -> None:
    async with asyncio.timeout(60):
        while len(queue) != count:
            await asyncio.sleep(0)


async def test_turns_come_by_priority_and_arrival() -> None:
    state = MemoryState()
    queue, lease, order = queue_of(state), await first_lease(state), []

    async def request(name: str, priority: int) -> None:
        answer = await queue.admit(ASK, priority, LONG)
        assert isinstance(answer, Admitted)
        order.append(name)
        await state.settle(answer.lease, Amounts())
        queue.freed(answer.lease)

    tasks: list[asyncio.Task[None]] = []
    for name, priority in (("low", -1), ("first", 0), ("second", 0), ("high", 1)):
        tasks.append(asyncio.ensure_future(request(name, priority)))
        await waiting(queue, len(tasks))
    await state.settle(lease, Amounts())
    queue.freed(lease)
    await asyncio.gather(*tasks)
    assert order == ["high", "first", "second", "low"]
    assert len(queue) == 0


async def test_nobody_overtakes_who_waits() -> None:
    state = MemoryState()
    queue, lease = queue_of(state), await first_lease(state)
    waits = asyncio.ensure_future(queue.admit(ASK, 0, LONG))
    await waiting(queue, 1)
    # The slot is free, and whoever waits has not been woken yet.
    await state.settle(lease, Amounts())
    comes = asyncio.ensure_future(queue.admit(ASK, 0, LONG))
    await waiting(queue, 2)
    queue.freed(lease)
    answer = await waits
    assert isinstance(answer, Admitted) and not comes.done()
    await state.settle(answer.lease, Amounts())
    queue.freed(answer.lease)
    assert isinstance(await comes, Admitted)


async def test_who_finds_too_many_waiting_is_told_so_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 1)
    state = MemoryState()
    queue, _ = queue_of(state), await first_lease(state)
    waits = asyncio.ensure_future(queue.admit(ASK, 0, LONG))
    await waiting(queue, 1)
    answer = await queue.admit(ASK, 0, LONG)
    assert isinstance(answer, Denied) and answer.in_line == 1
    waits.cancel()
    await asyncio.wait([waits])


async def test_who_gives_up_leaves_no_trace_and_wakes_the_next() -> None:
    state = MemoryState()
    queue, lease = queue_of(state), await first_lease(state)
    tasks = [asyncio.ensure_future(queue.admit(ASK, 0, LONG)) for _ in range(3)]
    await waiting(queue, 3)
    await state.settle(lease, Amounts())
    queue.freed(lease)
    tasks[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    answer = await tasks[1]
    assert isinstance(answer, Admitted)
    tasks[2].cancel()
    await asyncio.wait([tasks[2]])
    assert len(queue) == 0
    (slots,) = await state.counters((ONE,))
    assert slots.used == 1


async def test_the_wait_is_bounded() -> None:
    state = MemoryState()
    queue, _ = queue_of(state), await first_lease(state)
    answer = await queue.admit(ASK, 0, 0.01)
    assert isinstance(answer, Denied) and answer.only_slots
    assert isinstance(await queue.admit(ASK), Denied)
    assert len(queue) == 0


async def test_what_a_wait_does_not_help_is_refused_at_once() -> None:
    state = MemoryState()
    queue, _ = queue_of(state), await first_lease(state)
    none = Limit(key="a", kind="requests", most=0, period=Sliding(60))
    answer = await queue.admit(Ask(limits=(ONE, none)), 0, LONG)
    assert isinstance(answer, Denied) and not answer.only_slots


async def test_what_a_try_just_said_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    state = MemoryState()
    queue, lease = queue_of(state), await first_lease(state)
    denied = await state.admit(ASK)
    assert isinstance(denied, Denied)
    asked: list[Ask] = []
    admit = state.admit

    async def counted(ask: Ask) -> Admitted | Denied:
        asked.append(ask)
        return await admit(ask)

    monkeypatch.setattr(state, "admit", counted)
    loop = asyncio.get_running_loop()
    task = asyncio.Task(queue.admit(ASK, 0, LONG, denied), loop=loop, eager_start=True)
    assert len(queue) == 1, "it waits from the start"
    assert not asked
    await state.release(lease)
    queue.freed(lease)
    assert isinstance(await asyncio.wait_for(task, 60), Admitted)
    assert len(asked) == 1
