"""Prompt caches that broke, on terminals of any width."""

import pytest

from switchyard.usage.break_table import break_table
from switchyard.usage.cache_breaks import CacheBreak

LONG = "5f0c1d7e-27f3-4a53-9a5e-0d2f3f1f7c11"
VERDICT = "not kept by the provider"
BREAKS = [
    CacheBreak(LONG, VERDICT, 12, 1_234_567, 0.0),
    CacheBreak("s1", "the tool list", 1, 10, 0.0),
]


@pytest.mark.parametrize("width", [40, 41, 50, 59, 60, 64, 80, 200])
def test_it_fits(width: int) -> None:
    title, line, first, second = break_table(BREAKS, width).splitlines()
    assert max(map(len, (title, line, first, second))) <= width
    assert ("Requests" in title) is (width >= 60)
    assert first.startswith(LONG[:7]) and first.endswith("1,234,567") and "not kept by" in first
    assert second.startswith("s1 ") and "the tool list" in second
    assert (VERDICT in first) is (width >= 50)


def test_a_wide_terminal_shows_all_of_it() -> None:
    assert LONG in break_table(BREAKS, 84) and VERDICT in break_table(BREAKS, 84)
    assert len(break_table(BREAKS[1:], 200).splitlines()[1]) < 60


def test_a_terminal_of_no_use_leaves_enough_to_tell_sessions_apart() -> None:
    assert break_table(BREAKS, 3).splitlines()[2].startswith(LONG[:7])
