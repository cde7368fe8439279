"""Random policies, and schedules of what happens under them, as payloads of verbs."""

from dataclasses import asdict
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from switchyard.state.shared.ledger import TOMBSTONE
from switchyard.state.shared.lines import entries_of
from switchyard.state.shared.lines import lines_of
from switchyard.state.shared.outbox import entries
from switchyard.state.shared.protocol import AmountKind
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Ask
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import LimitLease
from switchyard.state.shared.protocol import Period
from switchyard.state.shared.protocol import Sliding

BEGIN = 1_793_491_195_000
"""Five seconds before a day, a week of Sundays, and a month end in UTC."""

LIFE = 30_000

KINDS: tuple[AmountKind, ...] = ("requests", "tokens", "input", "output", "money")

PERIODS = st.one_of(
    st.builds(Sliding, st.sampled_from((1, 7, 60, 3600, 86_400))),
    st.builds(
        Calendar,
        st.sampled_from(("5h", "day", "week", "month", "total")),
        st.sampled_from(("UTC", "Europe/Berlin", "America/St_Johns")),
        st.integers(0, 6),
    ),
)


@st.composite
def limits(draw: st.DrawFn) -> Limit:
    kind: AmountKind = draw(st.sampled_from(("slots", *KINDS)))
    period: Period | None = None if kind == "slots" else draw(PERIODS)
    most = draw(st.integers(0, 4) if kind in ("slots", "requests") else st.integers(0, 60))
    enforce = draw(st.sampled_from((True, True, True, False)))
    key = draw(st.sampled_from("ab"))
    return Limit(key=key, kind=kind, most=most, period=period, enforce=enforce)


def _counter(limit: Limit) -> tuple[object, ...]:
    period = limit.period.name if isinstance(limit.period, Calendar) else limit.period
    return limit.key, limit.kind, period, limit.enforce


POLICIES = st.lists(limits(), min_size=1, max_size=6, unique_by=_counter)
AMOUNTS = st.builds(
    Amounts,
    requests=st.integers(0, 2),
    tokens=st.integers(0, 40),
    input=st.integers(0, 40),
    output=st.integers(0, 40),
    money=st.integers(0, 40),
)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens some milliseconds after what happened before."""

    pause: int
    action: str
    amounts: Amounts
    which: int
    """Picks one of the leases so far."""
    mask: int
    """Picks limits of the policy."""
    known: bool
    """Whether a renewal has amounts."""


STEPS = st.builds(
    Step,
    pause=st.one_of(st.integers(0, 3000), st.sampled_from((0, 0, 16, 29_999, 30_000, 61_000))),
    action=st.sampled_from(
        ("admit", "admit", "admit", "admit", "settle", "release", "renew", "counters", "stranger")
    ),
    amounts=AMOUNTS,
    which=st.integers(0, 1000),
    mask=st.integers(1, 63),
    known=st.booleans(),
)
SCHEDULES = st.lists(STEPS, min_size=1, max_size=40)


class Script:
    """Turns steps into verbs and payloads; remembers the leases that were admitted."""

    def __init__(self, policy: list[Limit]) -> None:
        self.policy = policy
        self.now = BEGIN
        self.leases: list[LimitLease] = []
        self._number = 0

    def ask(self, step: Step) -> Ask:
        chosen = [one for i, one in enumerate(self.policy) if step.mask >> i & 1]
        return Ask(limits=tuple(chosen or self.policy), amounts=step.amounts, pools=("p",))

    def verb(self, step: Step) -> tuple[str, Any]:
        """The verb and payload of a step, with the clock moved to it."""
        # Redis forgets by its own clock: no schedule is longer than ended leases are remembered.
        if self.now + step.pause < BEGIN + TOMBSTONE:
            self.now += step.pause
        ask = self.ask(step)
        lines = lines_of(ask.limits, ask.amounts, self.now)
        actual = asdict(step.amounts)
        if step.action == "counters":
            return "counters", [line.wire() for line in lines]
        if step.action == "stranger":
            # A lease that was admitted by a process alone.
            rows = [(0, 0, 0, 0, line.index(self.now)) for line in lines]
            self._number += 1
            lease = LimitLease(f"s{self._number}", entries_of(lines, rows))
            self.leases.append(lease)
            if step.known:
                return "renew", [[lease.id, LIFE, entries(lease), None]]
            return "settle", [[lease.id, entries(lease), actual]]
        if step.action == "admit" or not self.leases:
            self._number += 1
            wires = [line.wire() for line in lines]
            id = f"l{self._number}"
            head: dict[str, Any] = {"id": id, "life": LIFE, "lines": wires}
            return "admit", {**head, "pools": ask.pools, "session": ""}
        lease = self.leases[step.which % len(self.leases)]
        if step.action == "renew":
            return "renew", [[lease.id, LIFE, entries(lease), actual if step.known else None]]
        return "settle", [[lease.id, entries(lease), actual if step.action == "settle" else None]]

    def note(self, step: Step, verb: str, payload: Any, answer: Any) -> None:
        """Remember the lease of an admission."""
        if verb == "admit" and answer[0] == 1:
            ask = self.ask(step)
            lines = lines_of(ask.limits, ask.amounts, self.now)
            self.leases.append(LimitLease(payload["id"], entries_of(lines, answer[2])))
