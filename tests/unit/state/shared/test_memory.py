"""State within one process."""

from switchyard.state.shared.memory import MemoryState
from switchyard.state.shared.memory import Sessions
from switchyard.state.shared.memory import new_id
from switchyard.state.shared.protocol import LEASE_SECONDS
from switchyard.state.shared.protocol import Admitted
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Ask
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import Denied
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import LimitLease
from switchyard.state.shared.protocol import Renewal

SLOT = Limit(key="a", kind="slots", most=1)
MONEY = Limit(key="a", kind="money", most=100, period=Calendar("total"))
ASK = Ask(limits=(SLOT, MONEY), amounts=Amounts(money=60))


class Clock:
    now = 1_793_491_195.0

    def __call__(self) -> float:
        return self.now


async def admit(state: MemoryState) -> LimitLease:
    answer = await state.admit(ASK)
    assert isinstance(answer, Admitted)
    return answer.lease


async def test_a_lease_that_nobody_renews_frees_its_slot_and_is_charged() -> None:
    clock = Clock()
    state = MemoryState(clock)
    lease = await admit(state)
    clock.now += LEASE_SECONDS - 1
    assert isinstance(await state.admit(ASK), Denied)
    await state.renew([Renewal(lease, Amounts(money=10))])
    clock.now += LEASE_SECONDS - 1
    assert isinstance(await state.admit(ASK), Denied)
    clock.now += 1
    slots, money = await state.counters(ASK.limits)
    assert (slots.used, money.used, money.reserved) == (0, 10, 0)
    await state.settle(lease, Amounts(money=25))
    assert (await state.counters((MONEY,)))[0].used == 25


async def test_a_refusal_uses_up_nothing() -> None:
    state = MemoryState()
    lease = await admit(state)
    for _ in range(5):
        assert isinstance(await state.admit(ASK), Denied)
    await state.release(lease)
    assert [one.used for one in await state.counters(ASK.limits)] == [0, 0]


async def test_sessions_turns_and_notices() -> None:
    clock = Clock()
    state = MemoryState(clock)
    await state.stick("s", "p/m", 60)
    await state.post("cooldown", "p", "because", 60)
    answer = await state.admit(Ask(session="s", pools=("x",)))
    assert isinstance(answer, Admitted)
    assert (answer.stuck_to, answer.turns) == ("p/m", {"x": 1})
    assert await state.turn("x") == 2
    assert state.notices("cooldown")["p"].text == "because"
    clock.now += 61
    assert await state.stuck("s") is None
    assert not state.notices("cooldown")


def test_sessions_are_bounded_and_the_oldest_goes_first() -> None:
    sessions = Sessions(most=2)
    for name in "abac":
        sessions.put(name, name, 10.0)
    assert [sessions.get(name, 0.0) for name in "abc"] == ["a", None, "c"]


def test_ids_differ() -> None:
    assert len({new_id() for _ in range(1000)}) == 1000
