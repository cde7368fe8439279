"""Where calendar periods begin and end."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.state.shared.periods import FOREVER
from switchyard.state.shared.periods import bounds
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import PeriodName

ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe")
NAMES: tuple[PeriodName, ...] = ("5h", "day", "week", "month")


def around(period: Calendar, moment: str) -> list[str]:
    """Begin and end of the period around a local moment, as local times."""
    zone = ZoneInfo(period.timezone)
    now = int(datetime.fromisoformat(moment).replace(tzinfo=zone).timestamp() * 1000)
    _, begin, end, _ = bounds(period, now)
    assert begin <= now < end
    return [
        datetime.fromtimestamp(one / 1000, zone).strftime("%a %d %H:%M") for one in (begin, end)
    ]


@pytest.mark.parametrize(
    ("period", "moment", "expected"),
    [
        (Calendar("day"), "2026-11-28T23:59", ["Sat 28 00:00", "Sun 29 00:00"]),
        (Calendar("week"), "2026-11-28T12:00", ["Mon 23 00:00", "Mon 30 00:00"]),
        (Calendar("week", week_starts=6), "2026-11-28T12:00", ["Sun 22 00:00", "Sun 29 00:00"]),
        (Calendar("month"), "2026-12-31T12:00", ["Tue 01 00:00", "Fri 01 00:00"]),
        (Calendar("5h"), "2026-11-28T12:00", ["Sat 28 10:00", "Sat 28 15:00"]),
        (Calendar("5h"), "2026-11-28T23:00", ["Sat 28 20:00", "Sun 29 00:00"]),
        # Clocks go back at 3, and forward at 2: days of 25 and 23 hours.
        (Calendar("day", "Europe/Berlin"), "2026-10-25T02:30", ["Sun 25 00:00", "Mon 26 00:00"]),
        (Calendar("day", "Europe/Berlin"), "2026-03-29T12:00", ["Sun 29 00:00", "Mon 30 00:00"]),
    ],
)
def test_periods(period: Calendar, moment: str, expected: list[str]) -> None:
    assert around(period, moment) == expected


def test_a_total_never_ends() -> None:
    assert bounds(Calendar("total"), 1_793_491_195_000) == (0, FOREVER)


@given(
    now=st.integers(0, 4_000_000_000_000),
    name=st.sampled_from(NAMES),
    zone=st.sampled_from(ZONES),
    week_starts=st.integers(0, 6),
)
def test_periods_follow_each_other(now: int, name: PeriodName, zone: str, week_starts: int) -> None:
    period = Calendar(name, zone, week_starts)
    before, begin, end, later = bounds(period, now)
    assert before < begin <= now < end < later
    assert bounds(period, end)[:3] == (begin, end, later)
    assert bounds(period, begin) == bounds(period, end - 1)
    assert bounds(period, begin - 1)[1:3] == (before, begin)


@pytest.mark.parametrize("name", ["Europe/Atlantis", "../etc/passwd", "", "/etc"])
def test_an_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"unknown time zone|ZoneInfo keys"):
        Calendar("day", name)
