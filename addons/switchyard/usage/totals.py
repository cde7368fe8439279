"""What one finished request adds to the totals."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field

from switchyard.usage.records import FAILED_STATES
from switchyard.usage.records import TOKEN_CLASSES
from switchyard.usage.records import RequestRecord
from switchyard.usage.schema import DIMENSIONS
from switchyard.usage.schema import SECONDS
from switchyard.usage.schema import SUMS

type TotalKey = tuple[str | int | None, ...]
"""A bucket or a session, then the dimensions in their order."""

_SUM_NAMES = tuple(column.name for column in SUMS)


@dataclass(slots=True)
class Total:
    """Sums of one key, and when its first and last request began (Unix seconds)."""

    first: float
    last: float
    sums: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_SUM_NAMES, 0))


def totals_of(records: Iterable[RequestRecord]) -> dict[str, dict[TotalKey, Total]]:
    """Sum finished records up by the key of each totals table."""
    tables: dict[str, dict[TotalKey, Total]] = defaultdict(dict)
    for record in records:
        added = _sums(record)
        dimensions = tuple(getattr(record, column.name) for column in DIMENSIONS)
        keys: dict[str, TotalKey] = {
            table: (bucket_of(record.started, table), *dimensions) for table in SECONDS
        }
        if record.session is not None:
            keys["sessions"] = (record.session, *dimensions)
        for table, key in keys.items():
            total = tables[table].setdefault(key, Total(record.started, record.started))
            total.first = min(total.first, record.started)
            total.last = max(total.last, record.started)
            for name, amount in added.items():
                total.sums[name] += amount
    return tables


def bucket_of(moment: float, table: str) -> int:
    """Return the number of the bucket that a moment (Unix seconds) falls into."""
    return int(moment // SECONDS[table])


def _sums(record: RequestRecord) -> dict[str, int]:
    added = {name: getattr(record.tokens, name) or 0 for name in TOKEN_CLASSES}
    added |= {
        "requests": 1,
        "failed": int(record.state in FAILED_STATES),
        "attempts": record.attempts,
        "cost": record.cost or 0,
        "list_cost": record.list_cost or 0,
        "unpriced": int(record.cost is None and _has_tokens(record)),
        "covered": (record.list_cost or 0) if record.billing == "plan" else 0,
        "first_output_ms": record.first_output_ms or 0,
        "with_output": int(record.first_output_ms is not None),
        "end_ms": record.end_ms or 0,
    }
    return added


def _has_tokens(record: RequestRecord) -> bool:
    return any(getattr(record.tokens, name) for name in TOKEN_CLASSES)
