"""Reports by period and dimension, in the words that ccusage's users know."""

import json
from datetime import UTC
from datetime import date
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from switchyard.usage.reader import UsageReader
from switchyard.usage.reports import ReportKind
from switchyard.usage.reports import as_json
from switchyard.usage.reports import make_blocks
from switchyard.usage.reports import make_report
from switchyard.usage.sqlite import SqliteStore
from tests.unit.usage.support import at
from tests.unit.usage.support import record


def names(reader: UsageReader, kind: ReportKind, zone: str = "UTC") -> dict[str, int]:
    report = make_report(reader, kind, ZoneInfo(zone))
    assert report.total.sums["requests"] == sum(one.sums["requests"] for _, one in report.entries)
    return {name: sums.sums["requests"] for name, sums in report.entries}


def test_periods_are_those_of_the_zone(reader: UsageReader) -> None:
    assert names(reader, "daily") == {
        "2026-11-01": 1, "2026-11-02": 1, "2026-11-09": 1, "2026-12-01": 1,
    }  # fmt: skip
    assert names(reader, "daily", "America/New_York") == {
        "2026-11-01": 2, "2026-11-09": 1, "2026-11-30": 1,
    }  # fmt: skip
    assert names(reader, "weekly") == {
        "2026-10-26": 1, "2026-11-02": 1, "2026-11-09": 1, "2026-11-30": 1,
    }  # fmt: skip
    assert names(reader, "monthly") == {"2026-11": 3, "2026-12": 1}


def test_dimensions(reader: UsageReader) -> None:
    assert names(reader, "projects") == {"yard": 2, "": 2}
    assert names(reader, "keys") == {"alice": 3, "": 1}
    assert names(reader, "models") == {"claude-opus-4-6": 1, "claude-sonnet-4-5": 3}
    assert names(reader, "sessions") == {"s1": 3, "s2": 1}


def test_since_and_until_are_both_included(reader: UsageReader) -> None:
    report = make_report(reader, "daily", UTC, date(2026, 11, 2), date(2026, 11, 9))
    assert [name for name, _ in report.entries] == ["2026-11-02", "2026-11-09"]


def test_a_selection(reader: UsageReader) -> None:
    report = make_report(reader, "daily", UTC, where={"client_key": "alice", "project": "yard"})
    assert report.total.sums["requests"] == 2
    assert not make_report(reader, "daily", UTC, where={"project": "unknown"}).entries
    with pytest.raises(ValueError, match="no such dimension"):
        make_report(reader, "daily", UTC, where={"1=1; --": "x"})


def test_the_members_of_ccusage(reader: UsageReader) -> None:
    written = json.loads(json.dumps(as_json(make_report(reader, "daily", UTC))))
    day = written["daily"][1]
    assert day["date"] == "2026-11-02"
    assert day["inputTokens"] == 10 and day["cacheReadTokens"] == 90
    assert day["cacheCreationTokens"] == 5 and day["outputTokens"] == 7
    assert day["totalTokens"] == 112 and day["totalCost"] == 0
    assert day["coveredCost"] == 2.0 and day["cacheShare"] == pytest.approx(90 / 105)
    assert day["modelsUsed"] == ["claude-opus-4-6"]
    assert day["modelBreakdowns"][0]["modelName"] == "claude-opus-4-6"
    assert written["totals"]["unpricedRequests"] == 1
    assert written["totals"]["totalCost"] == pytest.approx(0.009)
    session = as_json(make_report(reader, "sessions", UTC))
    assert set(session) == {"sessions", "totals"}


def test_blocks_of_five_hours(reader: UsageReader) -> None:
    lines = reader.hours()
    now = at("2026-12-01T01:00")
    blocks = make_blocks(lines, now)
    assert [one.sums is None for one in blocks] == [False, True, False, True, False]
    first = blocks[0]
    assert first.start == at("2026-11-01T23:00") and first.end - first.start == 5 * 3600
    assert first.sums and first.sums.sums["requests"] == 2
    assert [one.active for one in blocks] == [False] * 4 + [True]
    assert blocks[-1].burn_rate(now) == pytest.approx((1100 / 60, 0.0))


def test_a_busy_year_is_summed_up(tmp_path: Path) -> None:
    """The totals of a busy year: the reports read them, not the rows."""
    store = SqliteStore(tmp_path, "w")
    start = at("2026-01-01T00:00")
    hours = [start + hour * 3600 for hour in range(24 * 365)]
    for begin in range(0, len(hours), 2000):
        store.write(
            [
                record(started=hour, model=f"m{number}", session=f"s{int(hour) // 18000}", tries=())
                for hour in hours[begin : begin + 2000]
                for number in range(2)
            ],
            [],
        )
    store.close()
    report = make_report(UsageReader(tmp_path, seconds=30), "daily", ZoneInfo("Europe/Berlin"))
    assert report.total.sums["requests"] == 2 * len(hours)
    assert len(report.entries) in (365, 366)
    assert timedelta(0) < timedelta(seconds=report.total.last - report.total.first)
