"""What admission promises, in memory; the scripts in Redis agree with it."""

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import settings

from switchyard.state.shared.ledger import LimitLedger
from switchyard.state.shared.lines import lines_of
from switchyard.state.shared.lines import standings_of
from switchyard.state.shared.protocol import NOTHING
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import Entry
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import Sliding
from switchyard.state.shared.service import StateService
from tests.unit.state.shared.schedules import BEGIN
from tests.unit.state.shared.schedules import LIFE
from tests.unit.state.shared.schedules import POLICIES
from tests.unit.state.shared.schedules import SCHEDULES
from tests.unit.state.shared.schedules import Script
from tests.unit.state.shared.schedules import Step

USED, RESERVED, RESET, WAIT, INDEX = range(5)
SLOTS = Limit(key="a", kind="slots", most=2)
PER_MINUTE = Limit(key="a", kind="requests", most=2, period=Sliding(60))
DAILY = Limit(key="a", kind="money", most=1000, period=Calendar("day"))
ALL = (SLOTS, PER_MINUTE, DAILY)


def admit(
    ledger: LimitLedger, id: str, limits: tuple[Limit, ...], amounts: Amounts, now: int
) -> tuple[str, list[Any], list[Entry]]:
    lines = lines_of(limits, amounts, now)
    verdict, _, rows = ledger.admit(id, LIFE, lines, (), now)
    entries = [
        Entry(one.counter, one.kind, row[INDEX], one.keep, one.amount)
        for one, row in zip(lines, rows, strict=True)
    ]
    return verdict, rows, entries


def rows_of(ledger: LimitLedger, limits: tuple[Limit, ...], now: int) -> list[tuple[int, int]]:
    """What is used and reserved of each limit."""
    rows = ledger.counters(lines_of(limits, NOTHING, now), now)
    return [(row[USED], row[RESERVED]) for row in rows]


def test_a_refusal_uses_up_nothing() -> None:
    ledger = LimitLedger()
    assert admit(ledger, "1", ALL, Amounts(money=900), BEGIN)[0] == "admitted"
    before = rows_of(ledger, ALL, BEGIN)
    assert before == [(1, 1), (1, 1), (900, 900)]
    for id in "234":
        assert admit(ledger, id, ALL, Amounts(money=101), BEGIN)[0] == "denied"
        assert rows_of(ledger, ALL, BEGIN) == before
    assert admit(ledger, "5", ALL, Amounts(money=100), BEGIN)[0] == "admitted"


def test_the_difference_goes_to_the_bucket_it_was_reserved_in() -> None:
    ledger = LimitLedger()
    _, _, entries = admit(ledger, "1", ALL, Amounts(money=900), BEGIN)
    midnight = BEGIN + 5000
    ledger.settle("1", entries, Amounts(money=300), midnight)
    # The new day has nothing of it.
    assert rows_of(ledger, (DAILY,), midnight) == [(0, 0)]
    assert rows_of(ledger, (PER_MINUTE,), midnight) == [(1, 0)]


def test_a_lease_is_settled_once() -> None:
    ledger = LimitLedger()
    _, _, entries = admit(ledger, "1", ALL, Amounts(money=900), BEGIN)
    for actual in (Amounts(money=300), Amounts(money=999), None):
        ledger.settle("1", entries, actual, BEGIN)
        assert rows_of(ledger, ALL, BEGIN) == [(0, 0), (1, 0), (300, 0)]
    ledger.renew("1", LIFE, entries, Amounts(money=5000), BEGIN)
    assert rows_of(ledger, ALL, BEGIN) == [(0, 0), (1, 0), (300, 0)]


def test_a_lease_that_was_ended_before_its_admission_arrives_is_not_admitted() -> None:
    ledger = LimitLedger()
    ledger.settle("1", [], None, BEGIN)
    assert admit(ledger, "1", ALL, Amounts(money=900), BEGIN)[0] == "ended"
    assert rows_of(ledger, ALL, BEGIN) == [(0, 0), (0, 0), (0, 0)]


def test_release_leaves_no_trace() -> None:
    ledger = LimitLedger()
    _, _, entries = admit(ledger, "1", ALL, Amounts(money=900), BEGIN)
    ledger.settle("1", entries, None, BEGIN)
    assert rows_of(ledger, ALL, BEGIN) == [(0, 0), (0, 0), (0, 0)]


def test_a_lease_that_runs_out_gives_back_and_charges_what_was_said() -> None:
    ledger = LimitLedger()
    _, _, entries = admit(ledger, "1", ALL, Amounts(money=900), BEGIN - 60_000)
    now = BEGIN - 50_000
    ledger.renew("1", LIFE, entries, Amounts(money=120), now)
    assert rows_of(ledger, ALL, now) == [(1, 1), (1, 1), (900, 900)]
    assert rows_of(ledger, ALL, now + LIFE - 1) == [(1, 1), (1, 1), (900, 900)]
    assert rows_of(ledger, ALL, now + LIFE) == [(0, 0), (1, 0), (120, 0)]
    # Its process was only slow: the actual amount takes the place of what was said.
    ledger.settle("1", entries, Amounts(money=700), now + LIFE)
    assert rows_of(ledger, ALL, now + LIFE) == [(0, 0), (1, 0), (700, 0)]


def test_a_lease_that_uses_more_than_was_reserved_reserves_more() -> None:
    ledger = LimitLedger()
    _, _, entries = admit(ledger, "1", ALL, Amounts(money=100), BEGIN)
    ledger.renew("1", LIFE, entries, Amounts(money=950), BEGIN)
    assert rows_of(ledger, (DAILY,), BEGIN) == [(950, 950)]
    assert admit(ledger, "2", ALL, Amounts(money=51), BEGIN)[0] == "denied"


def test_a_new_ledger_takes_leases_from_renewals_and_settlements() -> None:
    first, second = LimitLedger(), LimitLedger()
    _, _, entries = admit(first, "1", ALL, Amounts(money=900), BEGIN)
    second.renew("1", LIFE, entries, None, BEGIN)
    assert rows_of(second, ALL, BEGIN) == rows_of(first, ALL, BEGIN)
    for ledger in (first, second, LimitLedger()):
        ledger.settle("1", entries, Amounts(money=444), BEGIN)
        assert rows_of(ledger, ALL, BEGIN) == [(0, 0), (1, 0), (444, 0)]


def test_shadow_limits_tell_and_do_not_refuse() -> None:
    ledger = LimitLedger()
    shadow = Limit(key="a", kind="requests", most=1, period=Sliding(60), enforce=False)
    waits: list[int] = []
    for id in "123":
        verdict, rows, _ = admit(ledger, id, (shadow,), Amounts(), BEGIN)
        assert verdict == "admitted"
        waits.append(rows[0][WAIT])
    assert waits == [0, 60, 60]
    assert rows_of(ledger, (shadow,), BEGIN) == [(3, 3)]


def test_what_never_fits_says_so() -> None:
    ledger = LimitLedger()
    total = Limit(key="a", kind="money", most=100, period=Calendar("total"))
    assert admit(ledger, "1", (DAILY,), Amounts(money=1001), BEGIN)[1][0][WAIT] == -1
    assert admit(ledger, "2", (total,), Amounts(money=60), BEGIN)[0] == "admitted"
    verdict, rows, _ = admit(ledger, "3", (total,), Amounts(money=60), BEGIN)
    assert verdict == "denied" and rows[0][WAIT] == -1 and rows[0][RESET] == -1
    assert standings_of((total,), rows)[0].resets_in is None


def again(service: StateService, payload: Any, now: int) -> int:
    """The verdict on the same request at another time, without any consequence."""
    return copy.deepcopy(service).handle("admit", {**payload, "id": "again"}, now)[0]


@settings(max_examples=300, deadline=None)
@given(policy=POLICIES, steps=SCHEDULES)
def test_retry_after_is_the_first_second_that_fits(policy: list[Limit], steps: list[Step]) -> None:
    script = Script(policy)
    service = StateService(lambda notice: None)
    for step in steps:
        # Leases that run out give back what they did not use, so that a request may fit earlier.
        if step.action == "renew":
            continue
        verb, payload = script.verb(step)
        payload = json.loads(json.dumps(payload))
        answer = service.handle(verb, payload, script.now)
        script.note(step, verb, payload, answer)
        if verb != "admit" or answer[0] != 0:
            continue
        enforced = [row for row, line in zip(answer[2], payload["lines"], strict=True) if line[3]]
        waits = [row[WAIT] for row in enforced]
        if -1 in waits:
            assert again(service, payload, script.now + 86_400_000) == 0
            continue
        wait = max(waits)
        assert again(service, payload, script.now + wait * 1000 - 1000) == 0
        # Bounds reach two periods ahead, as payloads have them at the time of the request.
        assert again(service, payload, script.now + wait * 1000) == 1


@settings(max_examples=200, deadline=None)
@given(policy=POLICIES, steps=SCHEDULES)
def test_limits_hold_and_nothing_stays_reserved(policy: list[Limit], steps: list[Step]) -> None:
    script = Script(policy)
    service = StateService(lambda notice: None)
    for step in steps:
        if step.action not in ("admit", "release", "counters"):
            continue
        verb, payload = script.verb(step)
        payload = json.loads(json.dumps(payload))
        answer = service.handle(verb, payload, script.now)
        script.note(step, verb, payload, answer)
        if verb == "admit" and answer[0] == 1:
            for row, (_, _, most, enforced, amount, *_) in zip(
                answer[2], payload["lines"], strict=True
            ):
                assert row[USED] <= most or not enforced or not amount
    end = script.now + LIFE
    assert not [
        row for row in service.ledger.counters(lines_of(policy, NOTHING, end), end) if row[RESERVED]
    ]
    assert service.ledger.live() == []
