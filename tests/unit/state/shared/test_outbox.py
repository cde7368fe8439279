"""What waits to be sent: the last word about a thing, until it is taken."""

from typing import Any

import pytest

from switchyard.state.shared.link import LinkDown
from switchyard.state.shared.link import Verb
from switchyard.state.shared.outbox import BATCH
from switchyard.state.shared.outbox import Outbox
from switchyard.state.shared.outbox import Post
from switchyard.state.shared.outbox import Stick
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import LimitLease
from switchyard.state.shared.protocol import Renewal


class Taker:
    """Takes words while it is there."""

    def __init__(self) -> None:
        self.taken: list[tuple[Verb, Any]] = []
        self.away = False

    async def __call__(self, verb: Verb, payload: object) -> Any:
        if self.away:
            raise LinkDown("away")
        self.taken.append((verb, payload))
        return 1


async def test_the_last_word_about_a_thing_is_sent() -> None:
    outbox, taker = Outbox(lambda: 100.0), Taker()
    outbox.post(Post("cooldown", "p", "old", 200.0))
    outbox.post(Post("cooldown", "p", "new", 200.0))
    outbox.stick(Stick("s", "a", 200.0))
    outbox.stick(Stick("s", "b", 200.0))
    outbox.stick(Stick("late", "b", 100.0))
    assert not outbox.empty.is_set()
    await outbox.send(taker)
    assert taker.taken == [
        ("post", ["cooldown", "p", "new", 100_000]),
        ("stick", ["s", "b", 100_000]),
    ]
    assert outbox.empty.is_set()


async def test_the_first_end_of_a_lease_counts_and_renewals_stop() -> None:
    outbox, taker = Outbox(lambda: 100.0), Taker()
    lease = LimitLease("1")
    outbox.renew(Renewal(lease))
    outbox.settle(lease, Amounts(money=7))
    outbox.settle(lease, None)
    outbox.renew(Renewal(lease))
    await outbox.send(taker)
    ((verb, ((id, _, actual),)),) = taker.taken
    assert (verb, id, actual["money"]) == ("settle", "1", 7)


async def test_nothing_goes_while_nobody_takes_it() -> None:
    outbox, taker = Outbox(lambda: 100.0), Taker()
    for number in range(BATCH + 1):
        outbox.settle(LimitLease(str(number)), Amounts())
    taker.away = True
    with pytest.raises(LinkDown):
        await outbox.send(taker)
    assert len(outbox) == BATCH + 1
    taker.away = False
    await outbox.send(taker)
    assert [len(payload) for _, payload in taker.taken] == [BATCH, 1]


async def test_what_was_taken_of_late_is_sent_again_on_demand() -> None:
    now = 100.0
    outbox, taker = Outbox(lambda: now), Taker()
    outbox.settle(LimitLease("old"), Amounts())
    await outbox.send(taker)
    now += 61
    outbox.settle(LimitLease("new"), Amounts())
    await outbox.send(taker)
    taker.taken.clear()
    outbox.repeat()
    await outbox.send(taker)
    assert [one[0] for _, payload in taker.taken for one in payload] == ["new"]
