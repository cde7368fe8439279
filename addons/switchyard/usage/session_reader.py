"""Sums over the rows of one session, for reports that the totals cannot answer.

Totals by hour and day do not know sessions. The rows of one are few: they are read in pages and
summed up here, as far back as rows are kept.
"""

from collections.abc import Iterator
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from datetime import tzinfo

from switchyard.usage.queries import REPORTED
from switchyard.usage.queries import Question
from switchyard.usage.reader import Line
from switchyard.usage.records import RequestRecord
from switchyard.usage.row_pages import RowPages
from switchyard.usage.row_pages import RowQuestion
from switchyard.usage.schema import SECONDS
from switchyard.usage.totals import Total
from switchyard.usage.totals import bucket_of
from switchyard.usage.totals import totals_of

_PAGE = 1000
"""Rows read at a time."""


class SessionReader:
    """Answers the questions of reports that select a session.

    Each raises sqlite3.Error where the rows cannot be read in time, and ValueError for a dimension
    that there is not.
    """

    def __init__(self, pages: RowPages) -> None:
        self._pages = pages

    def days(self, zone: tzinfo, question: Question) -> list[Line]:
        """Return sums by model and day of a zone; a line's start is that day's in UTC."""
        groups: dict[tuple[float, str | None], list[RequestRecord]] = {}
        for record in self._records(question):
            day = datetime.fromtimestamp(record.started, zone).date()
            start = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
            groups.setdefault((start, record.model), []).append(record)
        return [
            _line(group, {"model": model}, start) for (start, model), group in _in_order(groups)
        ]

    def hours(self, question: Question) -> list[Line]:
        """Return sums by hour with their models, in the order of the hours."""
        groups: dict[tuple[int], list[RequestRecord]] = {}
        for record in self._records(question):
            groups.setdefault((bucket_of(record.started, "hourly"),), []).append(record)
        return [
            _line(group, {}, float(hour * SECONDS["hourly"]))._replace(
                models=tuple(sorted({one.model for one in group if one.model is not None}))
            )
            for (hour,), group in _in_order(groups)
        ]

    def dimensions(self, by: Sequence[str], question: Question) -> list[Line]:
        """Return sums by the values of some dimensions."""
        groups: dict[tuple[str | None, ...], list[RequestRecord]] = {}
        for record in self._records(question):
            groups.setdefault(tuple(getattr(record, name) for name in by), []).append(record)
        return [_line(group, dict(zip(by, key, strict=True))) for key, group in _in_order(groups)]

    def _records(self, question: Question) -> Iterator[RequestRecord]:
        before, since = None, question.since
        while True:
            asked = RowQuestion(
                since=since,
                until=question.until,
                where=question.where or {},
                before=before,
            )
            page = self._pages.page(asked, _PAGE)
            yield from (one for one in page if not since or one.started >= since)
            if len(page) < _PAGE:
                return
            before = page[-1].id


def _in_order[K: tuple[object, ...], V](groups: dict[K, V]) -> list[tuple[K, V]]:
    """Groups in the order of their keys, of which values may be missing."""
    return sorted(groups.items(), key=lambda one: [(v is not None, v) for v in one[0]])


def _line(
    records: Sequence[RequestRecord], dimensions: dict[str, str | None], start: float | None = None
) -> Line:
    parts = list(totals_of(records)["hourly"].values())
    total = Total(parts[0].first, parts[0].last)
    for part in parts:
        total.add(part)
    sums = {name: total.sums[name] for name in REPORTED}
    return Line(total.first if start is None else start, total.last, None, dimensions, sums)
