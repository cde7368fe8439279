"""Limits resolved for one moment, as ledgers and scripts take them.

A line is `[counter, kind, most, enforce, amount, window, keep, bounds]`, a row of an answer
`[used, reserved, reset, wait, index]`: times in milliseconds, `wait` in whole
seconds, -1 for never.
"""

from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from switchyard.state.shared.periods import bounds
from switchyard.state.shared.protocol import Admitted
from switchyard.state.shared.protocol import AmountKind
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Ask
from switchyard.state.shared.protocol import Denied
from switchyard.state.shared.protocol import Entry
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import LimitExceeded
from switchyard.state.shared.protocol import LimitLease
from switchyard.state.shared.protocol import LimitStanding
from switchyard.state.shared.protocol import Sliding

BUCKETS = 60
NEVER = -1

_DAY = 86_400_000
_LONGEST_KEEP = 400 * _DAY
_SPARE_KEEP = 120_000
"""Longer than a lease lives, so that no counter goes while a lease holds some of it."""

type Row = Sequence[int]


@dataclass(frozen=True, slots=True)
class LimitLine:
    """One limit with what a request wants of it."""

    counter: str
    kind: AmountKind
    most: int
    enforce: bool
    amount: int
    window: int
    """Milliseconds of a sliding window; 0 for a calendar period, and for slots."""
    keep: int
    bounds: tuple[int, ...]
    """Begins of calendar periods, in Unix milliseconds."""

    def wire(self) -> list[object]:
        """Return the line as JSON has it."""
        head = [self.counter, self.kind, self.most, int(self.enforce), self.amount]
        return [*head, self.window, self.keep, list(self.bounds)]

    @classmethod
    def of_wire(cls, line: Sequence[object]) -> "LimitLine":
        """Read what `wire` returned. Raises ValueError and TypeError."""
        counter, kind, most, enforce, amount, window, keep, ends = line
        if not (isinstance(counter, str) and isinstance(ends, list)):
            raise TypeError("a line is malformed")
        numbers = [_whole(one) for one in (most, amount, window, keep)]
        most, amount, window, keep = numbers
        starts = tuple(_whole(one) for one in ends)
        return cls(counter, kind_of(kind), most, bool(enforce), amount, window, keep, starts)

    def index(self, now: int) -> int:
        """The bucket or period that a moment belongs to."""
        if self.window:
            return now * BUCKETS // self.window
        if not self.bounds:
            return 0
        return max((one for one in self.bounds[:-1] if one <= now), default=self.bounds[0])

    def end(self, index: int) -> int:
        """When what is counted at an index no longer counts."""
        if self.window:
            return -(-(index + BUCKETS) * self.window // BUCKETS)
        return self.bounds[self.bounds.index(index) + 1]

    @property
    def span(self) -> int:
        """How many indices count together."""
        return BUCKETS if self.window else 1


def lines_of(limits: Iterable[Limit], amounts: Amounts, now: int) -> list[LimitLine]:
    """Resolve limits for a moment (Unix milliseconds), in their order."""
    return [_line(limit, amounts, now) for limit in limits]


def kind_of(value: object) -> AmountKind:
    """Read a kind. Raises ValueError."""
    for kind in get_args(AmountKind.__value__):
        if value == kind:
            return kind
    raise ValueError(f"unknown kind {value!r}")


def amount_of(amounts: Amounts, kind: AmountKind) -> int:
    """What of a kind is used; slots are not counted by amounts."""
    return 0 if kind == "slots" else getattr(amounts, kind)


def entries_of(lines: Sequence[LimitLine], rows: Sequence[Row]) -> tuple[Entry, ...]:
    """Return what a lease holds that was admitted with these rows."""
    return tuple(
        Entry(line.counter, line.kind, row[4], line.keep, line.amount)
        for line, row in zip(lines, rows, strict=True)
    )


def admitted(
    ask: Ask,
    lease: LimitLease,
    lines: Sequence[LimitLine],
    rows: Sequence[Row],
    turns: Sequence[int],
    target: str | None,
) -> Admitted:
    """Read the answer to a request that was admitted."""
    over = _exceeded(ask.limits, lines, rows)
    named = dict(zip(ask.pools, turns, strict=True)) if ask.pools else None
    return Admitted(lease, standings_of(ask.limits, rows), over, named, target)


def denied(ask: Ask, lines: Sequence[LimitLine], rows: Sequence[Row]) -> Denied:
    """Read the answer to a request that was refused."""
    over = [one for one in _exceeded(ask.limits, lines, rows) if one.standing.limit.enforce]
    over.sort(key=lambda one: -(one.retry_after or 0) if one.retry_after is not None else -1e18)
    waits = [one.retry_after for one in over]
    longest = None if None in waits else max(one or 0 for one in waits)
    return Denied(tuple(over), standings_of(ask.limits, rows), longest)


def standings_of(limits: Sequence[Limit], rows: Sequence[Row]) -> tuple[LimitStanding, ...]:
    """Read rows, one a limit."""
    return tuple(_standing(limit, row) for limit, row in zip(limits, rows, strict=True))


def _line(limit: Limit, amounts: Amounts, now: int) -> LimitLine:
    kind, period = limit.kind, limit.period
    if period is None:
        return LimitLine(limit.counter, kind, limit.most, limit.enforce, 1, 0, _SPARE_KEEP, ())
    amount: int = getattr(amounts, kind)
    if isinstance(period, Sliding):
        window, starts = period.seconds * 1000, ()
        keep = 2 * window + _SPARE_KEEP
    else:
        window, starts = 0, bounds(period, now)
        keep = min(starts[-1] - starts[0] + _DAY, _LONGEST_KEEP)
    return LimitLine(limit.counter, kind, limit.most, limit.enforce, amount, window, keep, starts)


def _exceeded(
    limits: Sequence[Limit], lines: Sequence[LimitLine], rows: Sequence[Row]
) -> tuple[LimitExceeded, ...]:
    return tuple(
        LimitExceeded(_standing(limit, row), line.amount, None if row[3] == NEVER else row[3])
        for limit, line, row in zip(limits, lines, rows, strict=True)
        if row[3]
    )


def _standing(limit: Limit, row: Row) -> LimitStanding:
    return LimitStanding(limit, row[0], row[1], None if row[2] == NEVER else row[2] / 1000)


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("a number is not whole")
    return value
