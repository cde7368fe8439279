"""Sums by time and dimension agree with the rows they are made of."""

import random
from collections import Counter
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from switchyard.management.usage_series import total_usage
from switchyard.management.usage_series import usage_series
from switchyard.usage.queries import Question
from switchyard.usage.reader import UsageReader
from switchyard.usage.sqlite import SqliteStore
from tests.unit.usage.support import NOON
from tests.unit.usage.support import at
from tests.unit.usage.support import record

HOUR = 3600.0


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> UsageReader:
    folder = tmp_path_factory.mktemp("usage")
    store = SqliteStore(folder, "w")
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
    return UsageReader(folder)


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


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> UsageReader:
    """Requests of 150 days, half of them about the ends of months."""
    folder, chance = tmp_path_factory.mktemp("usage"), random.Random(3)
    moments = [at("2025-02-01T00:00") + chance.random() * 150 * 86_400 for _ in range(150)]
    ends = [at(f"2025-{month:02}-01T00:00") for month in range(3, 7)]
    moments += [chance.choice(ends) + chance.uniform(-50_000, 50_000) for _ in range(150)]
    store = SqliteStore(folder, "w")
    records = [
        record(
            started=moment,
            client_key=chance.choice(["alice", "bob", None]),
            model=chance.choice(["a", "b"]),
            state=chance.choice(["complete", "failed"]),
            tries=(),
        )
        for moment in moments
    ]
    store.write(records, [])
    store.close()
    return UsageReader(folder)


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati"]
)
@pytest.mark.parametrize("by", [(), ("model",), ("client_key", "model")])
@pytest.mark.parametrize("where", [{}, {"model": "a"}, {"client_key": "bob"}])
def test_days_weeks_and_months_are_those_of_their_hours(months, zone, by, where) -> None:
    clock = ZoneInfo(zone)
    chance = random.Random(5)
    for bucket in ("day", "week", "month"):
        for bounded in (False, True):
            first = at("2025-01-20T00:00") + chance.random() * 80 * 86_400
            span = (first, first + chance.random() * 80 * 86_400) if bounded else (None, None)
            question = Question(*span, where)
            right: Counter[tuple[object, ...]] = Counter()
            for line in months.buckets("hourly", by, question):
                key = (_begin(line.start, bucket, clock), *(line.dimensions[one] for one in by))
                right[key] += line.sums["input"] + 10**9 * line.sums["failed"]
            rows = usage_series(months, by, bucket, clock, question)
            found = {
                (row["start"], *(row[one] for one in by)): row["input"] + 10**9 * row["failed"]
                for row in rows
            }
            assert found == right
            assert len(found) == len(rows)


def _begin(hour: float, bucket: str, zone: ZoneInfo) -> float:
    day = datetime.fromtimestamp(hour, zone).replace(hour=0)
    if bucket == "week":
        day -= timedelta(days=day.weekday())
    day = day.replace(day=1) if bucket == "month" else day
    return day.replace(minute=0).timestamp()
