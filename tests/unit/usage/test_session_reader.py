"""Reports of one session: as if the store had no other."""

from datetime import UTC
from datetime import date
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from switchyard.usage import session_reader
from switchyard.usage.ids import new_id
from switchyard.usage.queries import Question
from switchyard.usage.reader import UsageReader
from switchyard.usage.records import RequestRecord
from switchyard.usage.records import Tokens
from switchyard.usage.reports import ReportKind
from switchyard.usage.reports import as_json
from switchyard.usage.reports import blocks_as_json
from switchyard.usage.reports import make_blocks
from switchyard.usage.reports import make_report
from switchyard.usage.row_pages import RowPages
from switchyard.usage.session_reader import SessionReader
from switchyard.usage.sqlite import SqliteStore
from tests.unit.usage.support import at
from tests.unit.usage.support import record

KINDS = [kind for kind in get_args(ReportKind.__value__) if kind != "sessions"]
MOMENTS = ("2026-10-31T22:30", "2026-11-01T00:10", "2026-11-01T00:50", "2026-11-09T12:00",
           "2026-11-30T23:59", "2026-12-01T00:00", "2026-12-01T07:00")  # fmt: skip


def records() -> list[RequestRecord]:
    return [
        record(
            id=int(1000 * (at(moment) + number)).to_bytes(6) + new_id().bytes[6:],
            started=at(moment) + number,
            session=session,
            project=("yard", None)[number % 2],
            model=("claude-opus-4-6", "gpt-5", None)[(number + place) % 3],
            tokens=Tokens(input=number, cache_read=10 * place, output=7),
            cost=None if number % 3 == 0 else number * 1000,
            list_cost=number * 2000,
            state="failed" if number == 4 else "complete",
            billing="plan" if number % 2 else "per-token",
        )
        for place, session in enumerate(("s1", "s2", None))
        for number, moment in enumerate(MOMENTS)
    ]


def stored(folder: Path, rows: list[RequestRecord]) -> Path:
    store = SqliteStore(folder, "w")
    store.write(rows, [])
    store.close()
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A store of all sessions, and one of the first alone."""
    rows = records()
    return (
        stored(tmp_path_factory.mktemp("all"), rows),
        stored(tmp_path_factory.mktemp("one"), [one for one in rows if one.session == "s1"]),
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("zone", [UTC, ZoneInfo("America/New_York")], ids=str)
@pytest.mark.parametrize("days", [(None, None), (date(2026, 11, 1), date(2026, 11, 30))], ids=str)
@pytest.mark.parametrize("page", [2, 1000])
def test_a_report_is_that_of_a_store_of_one_session(
    folders: tuple[Path, Path],
    kind: ReportKind,
    zone: ZoneInfo,
    days: tuple[date | None, date | None],
    page: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_reader, "_PAGE", page)
    every, one = folders
    rows = SessionReader(RowPages(every))
    report = make_report(UsageReader(every), kind, zone, *days, {"session": "s1"}, rows=rows)
    assert as_json(report) == as_json(make_report(UsageReader(one), kind, zone, *days))


def test_further_selections(folders: tuple[Path, Path]) -> None:
    every, one = folders
    rows = SessionReader(RowPages(every))
    where = {"session": "s1", "project": "yard"}
    report = make_report(UsageReader(every), "models", UTC, where=where, rows=rows)
    expected = make_report(UsageReader(one), "models", UTC, where={"project": "yard"})
    assert as_json(report) == as_json(expected)
    assert not make_report(
        UsageReader(every), "daily", UTC, where={"session": "other"}, rows=rows
    ).entries
    with pytest.raises(ValueError, match="filter"):
        rows.days(UTC, Question(where={"session": "s1", "nothing": "x"}))


def test_a_row_before_the_time_is_not_counted(tmp_path: Path) -> None:
    """An id is made a moment after its request began."""
    begin = at("2026-11-02T00:00")
    early = record(id=int(1000 * begin).to_bytes(6) + new_id().bytes[6:], started=begin - 0.001)
    rows = SessionReader(RowPages(stored(tmp_path, [early])))
    assert rows.dimensions((), Question(begin, where={"session": "s1"})) == []
    assert len(rows.dimensions((), Question(begin - 1, where={"session": "s1"}))) == 1


def test_blocks(folders: tuple[Path, Path]) -> None:
    every, one = folders
    now = at("2026-12-01T08:00")
    hours = SessionReader(RowPages(every)).hours(Question(where={"session": "s1"}))
    blocks = make_blocks(hours, now)
    assert blocks_as_json(blocks, now) == blocks_as_json(
        make_blocks(UsageReader(one).hours(), now), now
    )
