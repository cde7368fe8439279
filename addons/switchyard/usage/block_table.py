"""Blocks of five hours as a table for a terminal, wide or narrow."""

from collections.abc import Sequence
from datetime import datetime
from datetime import tzinfo

from switchyard.usage.reports import UsageBlock
from switchyard.usage.statusline import countdown
from switchyard.usage.tables import count
from switchyard.usage.tables import list_price
from switchyard.usage.tables import money
from switchyard.usage.tables import share
from switchyard.usage.tables import table

_SHORT_DAYS = 90
"""Columns of a terminal below which days are written without their year."""
_FIGURES = (
    ("Requests", 70),
    ("Tokens", 0),
    ("Cache", _SHORT_DAYS),
    ("Paid", 0),
    ("List price", 0),
    ("Per minute", _SHORT_DAYS),
)
"""Titles of columns, and from how many columns of a terminal on they are shown."""


def block_table(blocks: Sequence[UsageBlock], zone: tzinfo, now: float, width: int) -> str:
    """Return blocks, and the gaps between them, as lines of about `width` columns."""
    shown = [width >= least for _, least in _FIGURES]
    titles = [title for title, least in _FIGURES if width >= least]
    rows = [
        [_name(block, zone, now, width), *_chosen(_figures(block, now), shown)] for block in blocks
    ]
    return table(["Block", *titles], rows, width)


def _chosen(cells: Sequence[str], shown: Sequence[bool]) -> list[str]:
    return [cell for cell, is_shown in zip(cells, shown, strict=True) if is_shown]


def _name(block: UsageBlock, zone: tzinfo, now: float, width: int) -> str:
    is_narrow = width < _SHORT_DAYS
    start = datetime.fromtimestamp(block.start, zone)
    name = f"{start:%m-%d %H:%M}" if is_narrow else f"{start:%Y-%m-%d %H:%M}"
    if block.sums is None:
        pause = countdown(block.end - block.start)
        return f"{name} (none for {pause})" if is_narrow else f"{name} (no requests for {pause})"
    if block.active:
        return f"{name} ({'' if is_narrow else 'active, '}{countdown(block.end - now)} left)"
    return name


def _figures(block: UsageBlock, now: float) -> list[str]:
    if block.sums is None:
        return [""] * len(_FIGURES)
    counts = block.sums.sums
    pace = block.burn_rate(now) if block.active else None
    return [
        count(counts["requests"]),
        count(block.sums.total_tokens),
        share(block.sums.cache_share),
        money(counts["cost"], counts["unpriced"]),
        list_price(block.sums),
        "" if pace is None else f"{pace[0]:,.0f} tokens",
    ]
