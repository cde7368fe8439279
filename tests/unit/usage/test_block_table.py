"""Blocks of five hours on terminals of several widths."""

from datetime import UTC

import pytest

from switchyard.usage.block_table import block_table
from switchyard.usage.reports import Sums
from switchyard.usage.reports import UsageBlock

BEGIN = 1_764_331_200.0
HOUR = 3600.0


def blocks() -> list[UsageBlock]:
    """One block, a gap, and one that runs."""
    sums = Sums(first=BEGIN + 8 * HOUR)
    sums.sums["requests"], sums.sums["input"] = 12, 345_678
    return [
        UsageBlock(BEGIN, BEGIN + 5 * HOUR, sums),
        UsageBlock(BEGIN + 5 * HOUR, BEGIN + 8 * HOUR, None),
        UsageBlock(BEGIN + 8 * HOUR, BEGIN + 13 * HOUR, sums, active=True),
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_it_fits_its_terminal(width: int) -> None:
    lines = block_table(blocks(), UTC, BEGIN + 9 * HOUR, width).splitlines()
    assert lines[0].startswith("Block ") and max(map(len, lines)) <= width
    assert "for 3h 0m" in lines[3] and "4h 0m left" in lines[4] and "345,678" in lines[4]


def test_a_wide_one_has_years_and_the_pace() -> None:
    lines = block_table(blocks(), UTC, BEGIN + 9 * HOUR, 120).splitlines()
    assert lines[2].startswith("2025-11-28 12:00 ")
    assert lines[4].endswith("5,761 tokens") and not lines[2].endswith("tokens")
