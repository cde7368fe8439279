"""What a process asks of the others, and what becomes of lost words."""

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any
from typing import Literal

import pytest

from switchyard.state.shared.board import Numbered
from switchyard.state.shared.guarded_link import RemoteSettings
from switchyard.state.shared.lines import entries_of
from switchyard.state.shared.lines import lines_of
from switchyard.state.shared.link import LinkDown
from switchyard.state.shared.link import Verb
from switchyard.state.shared.outbox import Outbox
from switchyard.state.shared.protocol import Admitted
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Ask
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import Denied
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import LimitLease
from switchyard.state.shared.protocol import Renewal
from switchyard.state.shared.protocol import Sliding
from switchyard.state.shared.remote import RemoteState
from switchyard.state.shared.service import StateService

NOW = 1_793_491_195.0
BUDGET = Limit(key="a", kind="money", most=1_000_000, period=Calendar("total"))
REQUESTS = Limit(key="a", kind="requests", most=10_000, period=Sliding(3600))
SLOTS = Limit(key="a", kind="slots", most=1000)
LIMITS = (BUDGET, REQUESTS, SLOTS)
SETTINGS = RemoteSettings(beat=0.01, retry=0.001, process_life=3600)


class Unsure:
    """A link that loses words on the way there, on the way back, or is late."""

    def __init__(self, service: StateService, seed: int) -> None:
        self._service = service
        self._rng = random.Random(seed)
        self._late: list[tuple[Verb, Any]] = []
        self.losses = 0.0
        self.calls: Counter[Verb] = Counter()

    @property
    def way(self) -> Literal["served"]:
        return "served"

    async def call(self, verb: Verb, payload: object, timeout: float) -> Any:
        self.calls[verb] += 1
        # As sockets have it, which know no tuples.
        words = json.loads(json.dumps(payload))
        await asyncio.sleep(0)
        fate = self._rng.random() / self.losses if self.losses else 1.0
        if fate < 0.3:
            raise LinkDown("lost on the way there")
        if fate < 0.6:
            self._late.append((verb, words))
            raise LinkDown("late")
        answer = self._carry_out(verb, words)
        if self._late and self._rng.random() < 0.5:
            self._carry_out(*self._late.pop(self._rng.randrange(len(self._late))))
        if fate < 1.0:
            raise LinkDown("lost on the way back")
        return json.loads(json.dumps(answer))

    async def call_soon(self, verb: Verb, payload: object) -> Any:
        """Like `call`, as outboxes know it."""
        return await self.call(verb, payload, 1.0)

    def deliver(self) -> None:
        """Carry out all that is late."""
        while self._late:
            self._carry_out(*self._late.pop())

    async def listen(self, ready: Callable[[], None], hear: Callable[[Numbered], None]) -> None:
        ready()
        await asyncio.Event().wait()

    async def close(self) -> None: ...

    def _carry_out(self, verb: Verb, payload: Any) -> Any:
        return self._service.handle(verb, payload, int(NOW * 1000))


def made(seed: int = 0) -> tuple[RemoteState, Unsure]:
    link = Unsure(StateService(lambda notice: None), seed)
    return RemoteState(link, SETTINGS, lambda: NOW, random.Random(seed)), link


async def test_one_round_trip_and_none_without_need() -> None:
    state, link = made()
    answer = await state.admit(Ask())
    state.notices("cooldown")
    assert isinstance(answer, Admitted) and not link.calls
    await state.admit(Ask(limits=LIMITS, pools=("p", "q"), session="s"))
    assert link.calls == {"admit": 1}
    await state.turn("p")
    assert link.calls == {"admit": 1, "turn": 1}


async def test_what_others_used_up_is_refused_while_they_are_away() -> None:
    service = StateService(lambda notice: None)
    links = [Unsure(service, seed) for seed in (1, 2)]
    one, two = (RemoteState(link, SETTINGS, lambda: NOW, random.Random(0)) for link in links)
    ask = Ask(limits=(Limit(key="a", kind="requests", most=2, period=Sliding(3600)),))
    for _ in range(2):
        assert isinstance(await one.admit(ask), Admitted)
    assert isinstance(await two.admit(ask), Denied)
    links[1].losses = 1.0
    assert isinstance(await two.admit(ask), Denied)


@pytest.mark.parametrize("seed", range(8))
async def test_nothing_is_lost_or_doubled(seed: int) -> None:
    """Requests end in all ways while words are lost; the counters end up right."""
    state, link = made(seed)
    rng = random.Random(seed)
    await state.start()
    spent = admitted = 0

    async def request(number: int) -> None:
        nonlocal spent, admitted
        answer = await state.admit(Ask(limits=LIMITS, amounts=Amounts(money=100)))
        assert isinstance(answer, Admitted)
        try:
            for _ in range(rng.randrange(3)):
                await state.renew([Renewal(answer.lease, Amounts(money=rng.randrange(200)))])
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            await state.release(answer.lease)
            raise
        if number % 5 == 0:
            await state.release(answer.lease)
            return
        spent += number
        admitted += 1
        for _ in range(1 + number % 2):
            await state.settle(answer.lease, Amounts(money=number))

    async def left(number: int) -> None:
        task = asyncio.ensure_future(request(number * 5))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    for losses in (0.0, 0.5, 0.9, 0.3):
        link.losses = losses
        jobs = [request(rng.randrange(1, 99)) for _ in range(20)]
        await asyncio.gather(*jobs, *(left(number) for number in range(5)))
    link.losses = 0.0
    assert await state.drain(30)
    async with asyncio.timeout(60):
        while not state.health.shared:
            await asyncio.sleep(0.01)
    assert await state.drain(30)
    link.deliver()
    money, requests, slots = await state.counters(LIMITS)
    assert (money.used, requests.used, slots.used) == (spent, admitted, 0)
    await state.close()


@pytest.mark.parametrize("seed", range(30))
async def test_what_is_sent_again_counts_once(seed: int) -> None:
    """Everything is sent until it is taken, however often it was carried out."""
    _, link = made(seed)
    rng = random.Random(seed)
    outbox = Outbox(lambda: NOW)
    amounts = Amounts(money=100)
    spent = 0
    for number in range(40):
        lines = lines_of(LIMITS, amounts, int(NOW * 1000))
        rows = [(0, 0, 0, 0, line.index(int(NOW * 1000))) for line in lines]
        lease = LimitLease(f"l{number}", entries_of(lines, rows))
        words = {"id": lease.id, "life": 30_000, "pools": (), "session": ""}
        # Some were admitted, and others alone; of some admissions nobody knows yet.
        link.losses = rng.choice((0.0, 0.9))
        with contextlib.suppress(LinkDown):
            await link.call("admit", {**words, "lines": [line.wire() for line in lines]}, 1)
        link.losses = 0.9
        if rng.random() < 0.5:
            outbox.renew(Renewal(lease, Amounts(money=number)))
            with contextlib.suppress(LinkDown):
                await outbox.send(link.call_soon)
        released = rng.random() < 0.3
        outbox.settle(lease, None if released else Amounts(money=number))
        spent += 0 if released else number
        while not outbox.empty.is_set() and rng.random() < 0.8:
            with contextlib.suppress(LinkDown):
                await outbox.send(link.call_soon)
    while not outbox.empty.is_set():
        with contextlib.suppress(LinkDown):
            await outbox.send(link.call_soon)
    outbox.repeat()
    link.losses = 0.0
    await outbox.send(link.call_soon)
    link.deliver()
    lines = lines_of(LIMITS, Amounts(), int(NOW * 1000))
    money, _, slots = await link.call_soon("counters", [line.wire() for line in lines])
    assert (money[:2], slots[:2]) == ([spent, 0], [0, 0])


async def test_a_lease_without_entries_is_no_work() -> None:
    state, link = made()
    await state.settle(LimitLease(""), Amounts())
    await state.release(LimitLease(""))
    await state.renew([Renewal(LimitLease(""))])
    assert await state.drain(0) and not link.calls


class Strange(Unsure):
    """Gives answers of another version for a while."""

    strange = True

    async def call(self, verb: Verb, payload: object, timeout: float) -> Any:
        answer = await super().call(verb, payload, timeout)
        return {"what": "ever"} if self.strange and verb in ("beat", "settle") else answer


async def test_background_work_goes_on_after_an_answer_without_sense(
    caplog: pytest.LogCaptureFixture,
) -> None:
    link = Strange(StateService(lambda notice: None), 0)
    link.strange = False
    state = RemoteState(link, SETTINGS, lambda: NOW, random.Random(0))
    await state.start()
    link.strange = True
    async with asyncio.timeout(30):
        while "unexpected answer" not in caplog.text:
            await asyncio.sleep(0.001)
    link.strange = False
    beats = link.calls["beat"]
    async with asyncio.timeout(30):
        while link.calls["beat"] < beats + 3:
            await asyncio.sleep(0.001)
    assert state.health.shared
    await state.close()
