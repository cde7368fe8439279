"""What one finished request adds to the totals."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import datetime
from operator import attrgetter
from typing import Any

from switchyard.usage.records import FAILED_STATES
from switchyard.usage.records import TOKEN_CLASSES
from switchyard.usage.records import RequestRecord
from switchyard.usage.schema import DIMENSIONS
from switchyard.usage.schema import SECONDS
from switchyard.usage.schema import SOURCES
from switchyard.usage.schema import SUMS

type TotalKey = tuple[str | int | None, ...]
"""A bucket or a session, then the dimensions in their order."""

_SUM_NAMES = tuple(column.name for column in SUMS)


_DIMENSIONS = attrgetter(*(column.name for column in DIMENSIONS), "session")
_PLAIN = ("attempts", "cost", "list_cost", "first_output_ms", "end_ms")
_AMOUNTS = attrgetter(*_PLAIN, *(f"tokens.{name}" for name in TOKEN_CLASSES))
_AMOUNT_NAMES = (*_PLAIN, *TOKEN_CLASSES)
_FIRST_TOKENS = len(_PLAIN)


@dataclass(slots=True)
class Total:
    """Sums of one key, and when its first and last request began (Unix seconds)."""

    first: float
    last: float
    sums: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_SUM_NAMES, 0))

    def add(self, other: "Total") -> None:
        """Add another one's sums."""
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        for name, amount in other.sums.items():
            self.sums[name] += amount


def totals_of(records: Iterable[RequestRecord]) -> dict[str, dict[TotalKey, Total]]:
    """Sum finished records up by the key of each totals table."""
    groups: dict[tuple[Any, ...], list[RequestRecord]] = {}
    for record in records:
        key = (bucket_of(record.started, "hourly"), *_DIMENSIONS(record))
        groups.setdefault(key, []).append(record)
    tables: dict[str, dict[TotalKey, Total]] = {}
    for (hour, *dimensions, session), group in groups.items():
        keys: dict[str, TotalKey] = {
            table: (hour * SECONDS["hourly"] // seconds, *dimensions)
            for table, seconds in SECONDS.items()
        }
        if session is not None:
            keys["sessions"] = (session, *dimensions)
        total = _total(group)
        for table, key in keys.items():
            found = tables.setdefault(table, {})
            _add(found, key, total)
    return tables


def rollups_of(tables: dict[str, dict[TotalKey, Total]]) -> dict[str, dict[TotalKey, Total]]:
    """Sum totals up by the key of each rollup table."""
    rollups: dict[str, dict[TotalKey, Total]] = {}
    for table, source in SOURCES.items():
        found = rollups.setdefault(table, {})
        for key, total in tables.get(source, {}).items():
            _add(found, _KEY_OF[table](key), total)
    return rollups


def _add(found: dict[TotalKey, Total], key: TotalKey, total: Total) -> None:
    if key in found:
        found[key].add(total)
    else:
        found[key] = Total(total.first, total.last, total.sums.copy())


_MODEL = 1 + [column.name for column in DIMENSIONS].index("model")
_KEY_OF: dict[str, Callable[[TotalKey], TotalKey]] = {
    "monthly": lambda key: (month_of_day(key[0]), *key[1:]),
    "model_hours": lambda key: (key[0], key[_MODEL]),
    "whole_sessions": lambda key: key[:1],
}
"""The key of a rollup, made from that of its source."""


def month_of_day(day: str | int | None) -> int:
    """Return the number of the calendar month (UTC) that a bucket of `daily` lies in."""
    assert isinstance(day, int)
    moment = datetime.fromtimestamp(day * SECONDS["daily"], UTC)
    return moment.year * 12 + moment.month - 1


def day_of_month(month: int) -> int:
    """Return the bucket of `daily` that a calendar month (UTC) begins with."""
    year, place = divmod(month, 12)
    return bucket_of(datetime(year, place + 1, 1, tzinfo=UTC).timestamp(), "daily")


def bucket_of(moment: float, table: str) -> int:
    """Return the number of the bucket that a moment (Unix seconds) falls into."""
    return int(moment // SECONDS[table])


def _total(records: Sequence[RequestRecord]) -> Total:
    """Sum up records of one key."""
    total = Total(min(one.started for one in records), max(one.started for one in records))
    sums = total.sums
    amounts = [_AMOUNTS(record) for record in records]
    for name, column in zip(_AMOUNT_NAMES, zip(*amounts, strict=True), strict=True):
        sums[name] = sum(filter(None, column))
    sums["requests"] = len(records)
    for record, values in zip(records, amounts, strict=True):
        sums["failed"] += record.state in FAILED_STATES
        has_tokens = any(values[_FIRST_TOKENS:])
        sums["unpriced"] += record.cost is None and has_tokens
        is_unlisted = record.list_cost is None and has_tokens
        sums["unlisted"] += is_unlisted
        sums["with_output"] += record.first_output_ms is not None
        if record.billing == "plan":
            sums["covered"] += record.list_cost or 0
            sums["uncovered"] += is_unlisted
    return total
