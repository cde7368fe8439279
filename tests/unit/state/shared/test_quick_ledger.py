"""The quick way of admission decides and counts as the rules of the ledger do."""

from dataclasses import astuple

from hypothesis import given
from hypothesis import settings

from switchyard.state.shared.ledger import LimitLedger
from switchyard.state.shared.lines import lines_of
from switchyard.state.shared.protocol import NOTHING
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import Sliding
from switchyard.state.shared.quick_ledger import QuickLedger
from switchyard.state.shared.quick_ledger import QuickLine
from tests.unit.state.shared.schedules import BEGIN
from tests.unit.state.shared.schedules import LIFE
from tests.unit.state.shared.schedules import POLICIES
from tests.unit.state.shared.schedules import SCHEDULES
from tests.unit.state.shared.schedules import Step

NONE = (0, 0, 0, 0, 0)


class Pair:
    """Both ledgers through the same steps."""

    def __init__(self, policy: list[Limit]) -> None:
        self.policy = policy
        self.lines = {limit.counter: QuickLine(limit) for limit in policy}
        self.plain, self.quick = LimitLedger(), QuickLedger(note_changes=True)
        self.ids: list[str] = []
        self.now = BEGIN

    def take(self, step: Step) -> None:
        self.now += step.pause
        if step.action in ("admit", "counters", "stranger") or not self.ids:
            self.admit(step)
            return
        id = self.ids[step.which % len(self.ids)]
        if step.action == "renew":
            so_far = step.amounts if step.known else None
            self.plain.renew(id, LIFE, (), so_far, self.now)
            self.quick.renew(id, LIFE, (), so_far, self.now)
            return
        self.ids.remove(id)
        actual = step.amounts if step.action == "settle" else NOTHING
        self.plain.settle(id, (), actual, self.now)
        self.quick.settle_quickly(id, astuple(actual), self.now)

    def admit(self, step: Step) -> None:
        id = f"l{step.which}-{self.now}-{len(self.ids)}"
        chosen = [one for i, one in enumerate(self.policy) if step.mask >> i & 1] or self.policy
        lines = lines_of(chosen, step.amounts, self.now)
        verdict, _, rows = self.plain.admit(id, LIFE, lines, (), self.now)
        fits = self.quick.admit_quickly(
            id,
            LIFE,
            [self.lines[one.counter] for one in chosen],
            astuple(step.amounts),
            self.now,
        )
        # What only shadow limits are over is admitted by the slow way.
        over = any(row[3] for row in rows)
        assert fits == (verdict == "admitted" and not over)
        if verdict == "admitted":
            self.ids.append(id)
            if not fits:
                again, _, other = self.quick.admit(id, LIFE, lines, (), self.now)
                assert (again, other) == (verdict, rows)

    def agree(self) -> None:
        lines = lines_of(self.policy, NOTHING, self.now)
        plain = [row[:2] for row in self.plain.counters(lines, self.now)]
        assert [row[:2] for row in self.quick.counters(lines, self.now)] == plain
        for limit, row in zip(self.policy, plain, strict=True):
            if limit.kind != "slots":
                assert self.quick.used_of(self.lines[limit.counter], self.now)[0] == row[0]


@settings(max_examples=200, deadline=None)
@given(POLICIES, SCHEDULES)
def test_the_quick_way_agrees_with_the_rules(policy: list[Limit], steps: list[Step]) -> None:
    pair = Pair(policy)
    for step in steps:
        pair.take(step)
        pair.agree()
    for id in pair.ids:
        pair.plain.settle(id, (), NOTHING, pair.now)
        pair.quick.settle_quickly(id, NONE, pair.now)
    pair.agree()
    assert not pair.quick._slots
    assert not any(one.reserved for one in pair.quick._counters.values())


def test_a_lease_that_is_not_renewed_gives_its_slot_back() -> None:
    ledger = QuickLedger()
    lines = [QuickLine(Limit(key="k", kind="slots", most=1))]
    assert ledger.admit_quickly("1", LIFE, lines, NONE, BEGIN)
    assert not ledger.admit_quickly("2", LIFE, lines, NONE, BEGIN + LIFE - 1)
    assert ledger.admit_quickly("3", LIFE, lines, NONE, BEGIN + LIFE)


def test_what_is_kept_is_without_what_live_leases_hold() -> None:
    ledger = QuickLedger(note_changes=True)
    limit = Limit(key="k", kind="money", most=100, period=Calendar("day"))
    ledger.admit_quickly("1", LIFE, [QuickLine(limit)], (1, 0, 0, 0, 60), BEGIN)
    ledger.admit_quickly("2", LIFE, [QuickLine(limit)], (1, 0, 0, 0, 30), BEGIN)
    ledger.settle_quickly("2", (1, 0, 0, 0, 7), BEGIN)
    [(name, _, buckets)] = ledger.take_changes().counters
    assert name == limit.counter and list(buckets.values()) == [7]


def test_used_says_when_nothing_counts_any_more() -> None:
    ledger = QuickLedger()
    line = QuickLine(Limit(key="k", kind="requests", most=9, period=Sliding(60)))
    assert ledger.used_of(line, BEGIN) == (0, 0)
    ledger.admit_quickly("1", LIFE, [line], (1, 0, 0, 0, 0), BEGIN)
    used, left = ledger.used_of(line, BEGIN)
    assert used == 1 and 59_000 <= left <= 60_000
    assert ledger.used_of(line, BEGIN + left) == (0, 0)
