"""The sums that the database makes are those of a plain way to make them."""

import random
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from switchyard.usage.queries import REPORTED
from switchyard.usage.queries import Piece
from switchyard.usage.queries import Question
from switchyard.usage.queries import pieces_of
from switchyard.usage.reader import UsageReader
from switchyard.usage.records import RequestRecord
from switchyard.usage.records import Tokens
from switchyard.usage.reports import ReportKind
from switchyard.usage.reports import make_report
from switchyard.usage.sqlite import SqliteStore
from switchyard.usage.totals import day_of_month
from tests.unit.usage.judge import judged
from tests.unit.usage.support import at
from tests.unit.usage.support import record

KINDS: tuple[ReportKind, ...] = get_args(ReportKind.__value__)
FIRST = date(2024, 12, 20)
DAYS = 500
ZONES = [
    *("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu"),
    *("Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Kiritimati", "Etc/GMT+12"),
]
"""Whole, half and quarter hours, summer times of both halves of the globe and of half an hour."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 1,500 requests in 500 days, most of them around midnight and month's ends."""
    folder = tmp_path_factory.mktemp("usage")
    chance = random.Random(7)
    begin = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC).timestamp()
    moments = [begin + chance.randrange(DAYS * 24) * 3600 + chance.random() for _ in range(1200)]
    moments += [at("2025-03-31T20:00") + chance.random() * 40_000 for _ in range(300)]
    store = SqliteStore(folder, "w")
    for part in range(0, len(moments), 100):
        store.write([some_record(chance, one) for one in moments[part : part + 100]], [])
    store.close()
    return folder


def some_record(chance: random.Random, started: float) -> RequestRecord:
    price = chance.choice([None, 0, 5_000_000])
    return record(
        started=started,
        client_key=chance.choice([None, "alice", "bob"]),
        tool=chance.choice([None, "codex"]),
        project=chance.choice([None, "yard", "other"]),
        provider=chance.choice(["anthropic", "glm", None]),
        model=chance.choice(["a", "b", None]),
        session=chance.choice([None, *(f"s{number}" for number in range(20))]),
        billing=chance.choice(["plan", "per-token", None]),
        state=chance.choice(["complete", "failed"]),
        tokens=Tokens(input=chance.randrange(99), cache_read=chance.choice([None, 7]), output=3),
        cost=price,
        list_cost=price,
        tries=(),
    )


DAY = st.integers(-3, DAYS + 3).map(lambda number: FIRST + timedelta(days=number))
WHERE = st.fixed_dictionaries(
    {},
    optional={
        "client_key": st.sampled_from(["alice", "unknown"]),
        "project": st.just("yard"),
        "model": st.just("a"),
        "provider": st.just("glm"),
    },
)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    zone=st.sampled_from(ZONES),
    since=st.none() | DAY,
    until=st.none() | DAY,
    where=st.just({}) | WHERE,
)
def test_every_report_is_that_of_the_judge(
    folder: Path,
    kind: ReportKind,
    zone: str,
    since: date | None,
    until: date | None,
    where: dict[str, str],
) -> None:
    right = judged(folder, kind, ZoneInfo(zone), since, until, where)
    for models in (True, False):
        report = make_report(
            UsageReader(folder), kind, ZoneInfo(zone), since, until, where, models=models
        )
        assert [name for name, _ in report.entries] == right.names
        assert [one.sums for _, one in report.entries] == [shown(one) for one in right.sums]
        assert report.total.sums == shown(right.total)
        if models or kind != "sessions":
            by_model = [
                {name: model.sums for name, model in one.models.items()}
                for _, one in report.entries
            ]
            assert by_model == [
                {name: shown(sums) for name, sums in one.items()} for one in right.models
            ]


def shown(sums: dict[str, int]) -> dict[str, int]:
    return {name: sums[name] for name in REPORTED}


@given(st.integers(0, 30_000), st.integers(0, 30_000))
def test_pieces_hold_each_hour_once(since: int, length: int) -> None:
    begin = 480_000 + since
    hours: list[int] = []
    for piece in pieces_of(begin, begin + length):
        assert piece.begin is not None and piece.end is not None
        hours += range(_hour(piece.table, piece.begin), _hour(piece.table, piece.end))
    assert sorted(hours) == list(range(begin, begin + length))


def _hour(table: str, bucket: int) -> int:
    if table == "hourly":
        return bucket
    return 24 * (bucket if table == "daily" else day_of_month(bucket))


def test_everything_is_in_the_months() -> None:
    assert pieces_of(None, None) == [Piece("monthly", None, None)]


@pytest.mark.parametrize("day", [date.min, date(1969, 12, 31), date.max])
def test_days_at_the_ends_of_time(folder: Path, day: date) -> None:
    for kind in KINDS:
        everything = make_report(UsageReader(folder), kind, UTC).total.sums["requests"]
        for since, until in ((day, None), (None, day)):
            found = make_report(UsageReader(folder), kind, UTC, since, until).total.sums["requests"]
            assert found == (everything if (since is None) == (day == date.max) else 0)


def test_a_dimension_that_is_none() -> None:
    with pytest.raises(ValueError, match="no such dimension: 1=1"):
        Question(where={"1=1": "x"}).conditions()
