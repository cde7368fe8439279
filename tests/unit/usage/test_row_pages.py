"""Pages of records, the latest first, over the files of several months."""

from pathlib import Path

import pytest

from switchyard.usage.row_pages import RowPages
from switchyard.usage.row_pages import RowQuestion
from switchyard.usage.sqlite import SqliteStore
from tests.unit.usage.support import NOON
from tests.unit.usage.support import record

DAY = 86_400.0


def ids(at: float) -> bytes:
    """An id as of a moment."""
    return int(at * 1000).to_bytes(6) + b"\x70" + bytes(9)


@pytest.fixture
def pages(tmp_path: Path) -> RowPages:
    store = SqliteStore(tmp_path, "w")
    store.write(
        [
            record(
                id=ids(NOON - days * DAY),
                started=NOON - days * DAY,
                model="even" if days % 2 == 0 else "odd",
                dropped=("seed", "top_k"),
            )
            for days in range(80)
        ],
        [],
    )
    store.close()
    return RowPages(tmp_path)


def test_pages_follow_each_other(pages: RowPages) -> None:
    seen: list[float] = []
    before: bytes | None = None
    while rows := pages.page(RowQuestion(before=before), 7):
        seen += [one.started for one in rows]
        before = rows[-1].id
    assert seen == [NOON - days * DAY for days in range(80)]


def test_values_and_moments_select(pages: RowPages) -> None:
    rows = pages.page(RowQuestion(where={"model": "odd"}), 100)
    assert len(rows) == 40
    assert {one.model for one in rows} == {"odd"}
    rows = pages.page(RowQuestion(since=NOON - 40 * DAY, until=NOON - 2 * DAY), 100)
    assert [one.started for one in rows] == [NOON - days * DAY for days in range(3, 41)]
    assert pages.page(RowQuestion(where={"model": "' OR 1=1 --"}), 100) == []


def test_a_row_is_what_was_written(pages: RowPages) -> None:
    (first,) = pages.page(RowQuestion(), 1)
    assert first.dropped == ("seed", "top_k")
    assert pages.one(first.id) == first
    assert pages.one(bytes(16)) is None


def test_an_unknown_column_is_refused(pages: RowPages) -> None:
    with pytest.raises(ValueError, match="no such filter"):
        pages.page(RowQuestion(where={"1=1; --": "x"}), 1)


def test_a_folder_without_files(tmp_path: Path) -> None:
    assert RowPages(tmp_path / "none").page(RowQuestion(), 10) == []
