"""What a process admits alone, and what waits to be sent afterwards."""

import logging
from typing import Any

import pytest

from switchyard.state.shared.ledger import TOMBSTONE
from switchyard.state.shared.link import LinkDown
from switchyard.state.shared.link import Verb
from switchyard.state.shared.local import Local
from switchyard.state.shared.local import share_of
from switchyard.state.shared.outbox import Outbox
from switchyard.state.shared.outbox import Post
from switchyard.state.shared.protocol import Admitted
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Ask
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import Denied
from switchyard.state.shared.protocol import Entry
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import LimitLease
from switchyard.state.shared.protocol import Renewal
from switchyard.state.shared.protocol import Sliding

NOW = 1_793_491_195.0
REQUESTS = Limit(key="a", kind="requests", most=10, period=Sliding(3600))
SLOTS = Limit(key="a", kind="slots", most=6)
BUDGET = Limit(key="a", kind="money", most=900, period=Calendar("total"))


@pytest.mark.parametrize(
    ("most", "wanted", "processes", "share"),
    [
        (10, 1, 3, 3),
        (2, 1, 3, 1),
        (0, 1, 3, 0),
        (900, 500, 3, 500),
        (900, 1000, 3, 900),
        (900, 10, 1, 900),
    ],
)
def test_shares(most: int, wanted: int, processes: int, share: int) -> None:
    limit = Limit(key="a", kind="money", most=most, period=Sliding(60))
    assert share_of(limit, Amounts(money=wanted), processes).most == share


def admitted(local: Local, ask: Ask, processes: int = 3) -> list[LimitLease]:
    found: list[LimitLease] = []
    while isinstance(answer := local.admit(ask, processes), Admitted):
        found.append(answer.lease)
    assert isinstance(answer, Denied)
    return found


def test_a_share_begins_with_what_was_seen() -> None:
    local = Local(lambda: NOW)
    entry = Entry("a|requests|3600s", "requests", int(NOW * 60 / 3600), 10_000, 1)
    local.note(LimitLease("1", (entry,)), [(4, 1, 0, 0, entry.index)], {"p": 41})
    # A third of 10, of which a third of 4 was used before.
    assert len(admitted(local, Ask(limits=(REQUESTS,)))) == 1
    assert local.turn("p") == 42


def test_slots_taken_before_are_of_the_share() -> None:
    local = Local(lambda: NOW)
    entry = Entry("a|slots", "slots", 0, 120_000, 1)
    local.note(LimitLease("1", (entry,)), [(5, 5, 0, 0, 0)], {})
    leases = admitted(local, Ask(limits=(SLOTS,)))
    assert len(leases) == 1
    local.end(LimitLease("1", (entry,)), Amounts())
    assert len(admitted(local, Ask(limits=(SLOTS,)))) == 1


def test_all_that_runs_is_told_on_return_and_a_used_share_stays_used() -> None:
    """The others may be away again at once, before they said how far a limit is used."""
    local = Local(lambda: NOW)
    assert local.end_alone(3) == []
    leases = admitted(local, Ask(limits=(REQUESTS,)))
    assert len(leases) == 3
    local.end(leases[0], Amounts())
    assert [one.lease for one in local.end_alone(3)] == leases[1:]
    assert admitted(local, Ask(limits=(REQUESTS,))) == []
    assert [one.lease for one in local.end_alone(3)] == leases[1:]
    assert admitted(local, Ask(limits=(REQUESTS,))) == []
    local.end_alone(3)
    entry = leases[1].entries[0]
    local.see([entry.counter], [(0, 0, 0, 0, entry.index)])
    assert len(admitted(local, Ask(limits=(REQUESTS,)))) == 3, "the others know better"


def test_what_the_others_refuse_is_not_admitted_alone() -> None:
    local = Local(lambda: NOW)
    local.see(["a|requests|3600s"], [(10, 0, 0, 60, int(NOW * 60 / 3600))])
    assert admitted(local, Ask(limits=(REQUESTS,))) == []


def test_leases_that_are_not_renewed_are_forgotten() -> None:
    now = NOW
    local = Local(lambda: now)
    kept, lost = admitted(local, Ask(limits=(BUDGET,), amounts=Amounts(money=150)))
    now += 20
    local.renew(Renewal(kept, Amounts(money=3)))
    now += 15
    local.forget_old()
    assert [one.lease for one in local.live()] == [kept] and lost != kept


class Taker:
    """Takes what is sent, or does not."""

    def __init__(self) -> None:
        self.works = True
        self.taken: list[tuple[Verb, Any]] = []

    async def call(self, verb: Verb, payload: Any) -> Any:
        if not self.works:
            raise LinkDown("gone")
        self.taken.append((verb, payload))
        return 1


LEASE = LimitLease("1", (Entry("a|money|total", "money", 0, 1000, 5),))
ACTUAL = {"requests": 1, "tokens": 0, "input": 0, "output": 0, "money": 7}
SETTLED: tuple[Verb, Any] = (
    "settle",
    [["1", [["a|money|total", "money", 0, 1000, 5]], ACTUAL]],
)


async def test_the_first_word_about_an_end_counts_and_ends_renewals() -> None:
    outbox, taker = Outbox(lambda: NOW), Taker()
    outbox.renew(Renewal(LEASE))
    outbox.settle(LEASE, Amounts(money=7))
    outbox.settle(LEASE, None)
    outbox.renew(Renewal(LEASE))
    assert len(outbox) == 1 and not outbox.empty.is_set()
    await outbox.send(taker.call)
    assert taker.taken == [SETTLED] and outbox.empty.is_set()


async def test_what_is_not_taken_is_sent_again() -> None:
    outbox, taker = Outbox(lambda: NOW), Taker()
    taker.works = False
    outbox.settle(LEASE, Amounts(money=7))
    outbox.post(Post("cooldown", "k", "", NOW + 5))
    for _ in range(3):
        with pytest.raises(LinkDown):
            await outbox.send(taker.call)
    taker.works = True
    await outbox.send(taker.call)
    assert taker.taken == [("post", ["cooldown", "k", "", 5000]), SETTLED]


async def test_what_was_taken_of_late_can_be_repeated() -> None:
    now = NOW
    outbox, taker = Outbox(lambda: now), Taker()
    outbox.settle(LimitLease("old", LEASE.entries), Amounts())
    await outbox.send(taker.call)
    now += 59
    outbox.settle(LEASE, Amounts(money=7))
    await outbox.send(taker.call)
    now += 2
    taker.taken.clear()
    outbox.repeat()
    await outbox.send(taker.call)
    assert taker.taken == [SETTLED]


async def test_what_the_taker_may_have_forgotten_taking_is_not_sent_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    now = NOW
    outbox, taker = Outbox(lambda: now), Taker()
    taker.works = False
    outbox.settle(LEASE, Amounts(money=7))
    with pytest.raises(LinkDown):
        await outbox.send(taker.call)
    now += TOMBSTONE / 1000
    taker.works = True
    # This one was never sent, so there is no doubt about it.
    outbox.settle(LimitLease("2", LEASE.entries), Amounts(money=7))
    await outbox.send(taker.call)
    assert [payload[0][0] for _, payload in taker.taken] == ["2"]
    assert "in doubt" in caplog.text
