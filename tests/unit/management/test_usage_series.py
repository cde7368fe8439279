"""Sums by time and dimension agree with the rows they are made of."""

from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from switchyard.management.usage_series import total_usage
from switchyard.management.usage_series import usage_series
from switchyard.usage.queries import Question
from switchyard.usage.reader import UsageReader
from switchyard.usage.sqlite import SqliteStore
from tests.unit.usage.support import NOON
from tests.unit.usage.support import record

HOUR = 3600.0


@pytest.fixture
def reader(tmp_path: Path) -> UsageReader:
    store = SqliteStore(tmp_path, "w")
    store.write(
        [
            record(
                client_key="alice" if hours % 3 else "bob",
                model="m1" if hours % 2 else "m2",
                started=NOON - hours * HOUR,
                state="failed" if hours == 5 else "complete",
            )
            for hours in range(60)
        ],
        [],
    )
    store.close()
    return UsageReader(tmp_path)


@pytest.mark.parametrize("bucket", ["hour", "day", "week", "month", None])
@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Asia/Kolkata")])
@pytest.mark.parametrize("by", [(), ("model",), ("client_key", "model")])
def test_every_division_has_the_same_sum(reader, bucket, zone, by) -> None:
    rows = usage_series(reader, by, bucket, zone, Question())
    assert sum(one["requests"] for one in rows) == 60
    assert sum(one["failed"] for one in rows) == 1
    starts = [one["start"] for one in rows if bucket]
    assert starts == sorted(starts)


def test_days_are_those_of_the_zone(reader: UsageReader) -> None:
    zone = ZoneInfo("America/New_York")
    rows = usage_series(reader, (), "day", zone, Question())
    assert {one["start"] % 86_400 for one in rows} <= {4 * HOUR, 5 * HOUR}


def test_a_selection(reader: UsageReader) -> None:
    question = Question(NOON - 10 * HOUR, None, {"client_key": "bob"})
    rows = usage_series(reader, ("client_key",), "hour", UTC, question)
    assert {one["client_key"] for one in rows} == {"bob"}
    assert sum(one["requests"] for one in rows) == 4


def test_the_total_in_cliproxyapis_shape(reader: UsageReader) -> None:
    told = total_usage(reader, UTC)
    usage = told["usage"]
    assert usage["total_requests"] == 60
    assert usage["success_count"] + usage["failure_count"] == 60
    assert told["failed_requests"] == 1
    assert sum(usage["requests_by_day"].values()) == 60
    assert sum(usage["requests_by_hour"].values()) == 60
    assert set(usage["apis"]) == {"alice", "bob"}
    assert usage["apis"]["bob"]["total_requests"] == 20
    assert set(usage["apis"]["bob"]["models"]) == {"m1", "m2"}
