"""The SQL that reports are made from: sums over the totals of a SQLite store.

Each question reads the fewest rows that hold its answer: whole months and days in place of their
hours, rollups in place of totals.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from datetime import tzinfo
from typing import Literal

from switchyard.usage.schema import DIMENSIONS
from switchyard.usage.schema import SECONDS
from switchyard.usage.totals import day_of_month
from switchyard.usage.totals import month_of_day

REPORTED = (
    *("requests", "failed", "input", "cache_read", "cache_write_5m", "cache_write_1h", "output"),
    *("reasoning", "cost", "list_cost", "unpriced", "covered"),
    *("unlisted", "uncovered"),
)
"""The sums that reports show."""

_HOUR = SECONDS["hourly"]
_DAY = SECONDS["daily"]
_HOURS_OF_DAY = _DAY // _HOUR
_MONTHS_AT_ONCE = 60
_LAST_HOUR = day_of_month(9999 * 12) * _HOURS_OF_DAY
_SUMMED = ", ".join(f"CAST(sum({name}) AS BIGINT) AS {name}" for name in REPORTED)
_ENDS = "min(first) AS first, max(last) AS last"
_PLAIN = ", ".join((*REPORTED, "first", "last"))
_BY_LAST = " ORDER BY last, 1"
_NAMES = frozenset((*(column.name for column in DIMENSIONS), "session"))


@dataclass(frozen=True, slots=True)
class Question:
    """Which requests are summed up: the moments in Unix seconds, and a value a dimension."""

    since: float | None = None
    until: float | None = None
    where: Mapping[str, str] | None = None

    @property
    def hours(self) -> tuple[int | None, int | None]:
        """The first hour and the one after the last; None without a bound."""
        return (
            None if self.since is None else _bounded(self.since // _HOUR),
            None if self.until is None else _bounded(-(-self.until // _HOUR)),
        )

    def conditions(self) -> list[str]:
        """SQL that selects; its values are `values()`. Raises ValueError for other dimensions."""
        if unknown := set(self.where or {}) - _NAMES:
            raise ValueError(f"no such dimension: {', '.join(sorted(unknown))}")
        return [
            f"{name} = (SELECT number FROM names WHERE text = :{name})" for name in self.where or {}
        ]

    def values(self) -> dict[str, object]:
        """What stands for the names of values in the SQL."""
        return {**(self.where or {}), "since": self.since, "until": self.until}


@dataclass(frozen=True, slots=True)
class Piece:
    """Buckets of one table, from `begin` to before `end`; None for no bound."""

    table: str
    begin: int | None
    end: int | None


def _bounded(hour: float) -> int:
    """An hour that has months about it, which a calendar's first and last days lack."""
    return int(min(max(hour, 0), _LAST_HOUR))


def days_sql(
    question: Question, zone: tzinfo, span: tuple[int, int], by: Sequence[str] = ("model",)
) -> str:
    """Return the SQL of sums by a zone's day (days since 1970-01-01) and some dimensions.

    `span` are the first and last hour that are on record.
    """
    day = f"(bucket * {_HOUR} + {_offset_sql(zone, span)}) / {_DAY}"
    return _grouped(_by_hour(question, by), {"day": day, **{name: name for name in by}})


def months_sql(
    question: Question, zone: tzinfo, hours: tuple[int, int], by: Sequence[str]
) -> str | None:
    """Return the SQL of sums by a zone's month (counted from the year 0) and some dimensions.

    `hours` are the first hour and the one after the last. None where there is no hour.
    """
    parts = [
        _source(
            part.piece.table,
            [f"{part.month} AS month", *by],
            [*_bounds(part.piece.begin, part.piece.end), *question.conditions()],
            sign=part.sign,
        )
        for part in _month_parts(zone, *hours)
    ]
    if not parts:
        return None
    keys = {"month": "month", **{name: name for name in by}}
    return f"{_grouped(' UNION ALL '.join(parts), keys)} WHERE requests > 0"


def hours_sql(question: Question, groups: str) -> str:
    """Return the SQL of sums by hour, in their order, with a JSON list of models before them.

    `groups` makes that list, of `{}`.
    """
    models = groups.format(_text("model"))
    return (
        f"SELECT bucket, {models}, {_SUMMED}, {_ENDS} FROM ({_by_hour(question)}) AS hours"
        " GROUP BY bucket ORDER BY bucket"
    )


def buckets_sql(question: Question, by: Sequence[str], table: str) -> str:
    """Return the SQL of sums by bucket of a table (`hourly` or `daily`) and some dimensions.

    A question's moments count as whole buckets.
    """
    since, until = question.hours
    size = SECONDS[table] // _HOUR
    begin = None if since is None else since // size
    end = None if until is None else -(-until // size)
    if table == "hourly" and _by_model(question, by):
        table = "model_hours"
    conditions = [*_bounds(begin, end), *question.conditions()]
    keys = {"bucket": "bucket", **{name: name for name in by}}
    return _grouped(_source(table, list(keys), conditions), keys)


def dimensions_sql(question: Question, by: Sequence[str]) -> str:
    """Return the SQL of sums by some dimensions."""
    pieces = [
        _source(piece.table, by, [*_bounds(piece.begin, piece.end), *question.conditions()])
        for piece in pieces_of(*question.hours)
    ]
    return _grouped(" UNION ALL ".join(pieces), {name: name for name in by})


def sessions_sql(question: Question, latest: int | None = None) -> str:
    """Return the SQL of sums by session, of those that were active in the time.

    What was active last comes last; `latest` is how many of those are wanted, None for all. A
    session that lies in the time as a whole is one row of the rollup; of one that reaches over its
    ends, the totals that fit are summed.
    """
    active = _active(question)
    if question.where:
        chosen = [*active, *question.conditions(), *_within(active)]
        keys = {"session": "session"}
        return _latest(_grouped(_source("sessions", list(keys), chosen), keys), latest)
    whole = _active(question, whole=True)
    rows = _source("whole_sessions", ["session"], whole)
    if whole:
        partly = [*active, *_within([*active, f"NOT ({' AND '.join(whole)})"])]
        totals = f"{_source('sessions', ['session'], partly, sums=True)} GROUP BY session"
        rows = f"{rows} UNION ALL {totals}"
    named = f"SELECT text AS session, {_PLAIN} FROM ({rows}) AS active JOIN names ON number ="
    return _latest(f"{named} active.session", latest)


def _latest(sessions: str, most: int | None) -> str:
    if most is None:
        return f"{sessions}{_BY_LAST}"
    chosen = f"{sessions} ORDER BY last DESC, 1 DESC LIMIT {int(most)}"
    return f"SELECT * FROM ({chosen}) AS latest{_BY_LAST}"


def session_models_sql(question: Question) -> str:
    """Return the SQL of the totals of sessions that were active in the time, with their models.

    In no order, and a model of a session may come more than once: sorting all of them would take
    longer than reading them.
    """
    active = _active(question)
    chosen = [*active, *question.conditions(), *_within(active)]
    named = [_named("session"), _named("model")]
    return _source("sessions", named, chosen)


def pieces_of(since: int | None, until: int | None) -> list[Piece]:
    """Divide hours into whole calendar months (UTC), whole days, and what is left of hours."""
    first_day = None if since is None else -(-since // _HOURS_OF_DAY)
    last_day = None if until is None else until // _HOURS_OF_DAY
    if first_day is not None and last_day is not None and first_day >= last_day:
        return [Piece("hourly", since, until)]
    pieces = _middle(first_day, last_day)
    if since is not None and first_day is not None:
        pieces.append(Piece("hourly", since, first_day * _HOURS_OF_DAY))
    if until is not None and last_day is not None:
        pieces.append(Piece("hourly", last_day * _HOURS_OF_DAY, until))
    return [one for one in pieces if one.begin is None or one.begin != one.end]


def _middle(first: int | None, last: int | None) -> list[Piece]:
    """Months and days of whole days, `last` not included."""
    first_month = None if first is None else month_of_day(first - 1) + 1
    last_month = None if last is None else month_of_day(last)
    if first_month is not None and last_month is not None and first_month >= last_month:
        return [Piece("daily", first, last)]
    pieces = [Piece("monthly", first_month, last_month)]
    if first_month is not None:
        pieces.append(Piece("daily", first, day_of_month(first_month)))
    if last_month is not None:
        pieces.append(Piece("daily", day_of_month(last_month), last))
    return pieces


@dataclass(frozen=True, slots=True)
class _MonthPart:
    """Buckets that are added to a month, or taken from it again."""

    month: int
    piece: Piece
    sign: Literal["", "-"] = ""


def _month_parts(zone: tzinfo, begin: int, end: int) -> Iterator[_MonthPart]:
    """Yield what a zone's months from an hour to before another are made of.

    Calendar months in UTC come first; then the hours between the begin of a month in UTC and that
    in the zone move from one month to the other. Sums are integers, so that this is exact.
    """
    if begin >= end:
        return
    last = month_of_day(end // _HOURS_OF_DAY) + 1
    for month in range(month_of_day(begin // _HOURS_OF_DAY), last + 1):
        utc, following = (day_of_month(one) * _HOURS_OF_DAY for one in (month, month + 1))
        if max(begin, utc) < min(end, following):
            for piece in pieces_of(max(begin, utc), min(end, following)):
                yield _MonthPart(month, piece)
        local = month_hour(zone, month)
        low, high = max(begin, min(utc, local)), min(end, max(utc, local))
        if low < high:
            moved = Piece("hourly", low, high)
            yield _MonthPart(month, moved, "" if local < utc else "-")
            yield _MonthPart(month - 1, moved, "-" if local < utc else "")


def month_begin(zone: tzinfo, month: int) -> float:
    """Return when a zone's calendar month (counted from the year 0) begins, in Unix seconds."""
    year, place = divmod(month, 12)
    return datetime(year, place + 1, 1, tzinfo=zone).timestamp()


def month_hour(zone: tzinfo, month: int) -> int:
    """Return the first hour that begins in a zone's calendar month."""
    return int(-(-month_begin(zone, month) // _HOUR))


def parted_months(zone: tzinfo, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Divide hours where months of a zone begin, so that a database takes the query of each part.

    SQLite joins at most 500 queries (its SQLITE_MAX_COMPOUND_SELECT); a month takes up to seven.
    """
    while begin < end:
        month = month_of_day(begin // _HOURS_OF_DAY) + _MONTHS_AT_ONCE
        following = min(end, month_hour(zone, month))
        yield begin, following
        begin = following


def _by_hour(question: Question, by: Sequence[str] = ("model",)) -> str:
    table = "model_hours" if _by_model(question, by) else "hourly"
    conditions = [*_bounds(*question.hours), *question.conditions()]
    return _source(table, ["bucket", *by], conditions)


def _by_model(question: Question, by: Sequence[str]) -> bool:
    """Whether the rollup of hours by model answers a question."""
    return {"model"}.issuperset({*by, *(question.where or {})})


def _offset_sql(zone: tzinfo, span: tuple[int, int]) -> str:
    """The seconds by which a zone is ahead of UTC in an hour that begins at `bucket`."""
    (_, offset), *changes = _offsets(zone, *span)
    if not changes:
        return str(offset)
    cases: list[str] = []
    for hour, changed in changes:
        cases.append(f"WHEN bucket < {hour} THEN {offset}")
        offset = changed
    return f"CASE {' '.join(cases)} ELSE {offset} END"


def _offsets(zone: tzinfo, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield the hours from which a zone has another offset, with that offset in seconds."""
    known = _offset(zone, first)
    yield first, known
    for begin in range(first, last, _HOURS_OF_DAY):
        end = min(begin + _HOURS_OF_DAY, last)
        if _offset(zone, end) == known:
            continue
        for hour in range(begin + 1, end + 1):
            if (offset := _offset(zone, hour)) != known:
                known = offset
                yield hour, known


def _offset(zone: tzinfo, hour: int) -> int:
    offset = datetime.fromtimestamp(hour * _HOUR, UTC).astimezone(zone).utcoffset()
    return int((offset or timedelta()).total_seconds())


def _active(question: Question, *, whole: bool = False) -> list[str]:
    """Conditions that a total reaches into the time of a question, or lies in it as a whole."""
    since, until = ("first", "last") if whole else ("last", "first")
    return [
        *([f"{since} >= :since"] if question.since is not None else []),
        *([f"{until} < :until"] if question.until is not None else []),
    ]


def _within(conditions: Sequence[str]) -> list[str]:
    """The condition that a session's whole row fulfils conditions; none without any."""
    if not conditions:
        return []
    return [f"session IN (SELECT session FROM whole_sessions WHERE {' AND '.join(conditions)})"]


def _bounds(begin: int | None, end: int | None) -> list[str]:
    return [
        *([f"bucket >= {begin}"] if begin is not None else []),
        *([f"bucket < {end}"] if end is not None else []),
    ]


def _source(
    table: str,
    keys: Sequence[str],
    conditions: Sequence[str],
    *,
    sums: bool = False,
    sign: Literal["", "-"] = "",
) -> str:
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    plain = ", ".join((*(f"{sign}{name} AS {name}" for name in REPORTED), "first", "last"))
    figures = f"{_SUMMED}, {_ENDS}" if sums else plain
    return f"SELECT {', '.join(keys)}, {figures} FROM {table}{where}"


def _grouped(source: str, keys: Mapping[str, str]) -> str:
    """Sums of a source by keys (name and SQL), numbers of names given back as texts."""
    selected = ", ".join(f"{sql} AS k_{name}" for name, sql in keys.items())
    groups = ", ".join(str(number) for number in range(1, len(keys) + 1))
    given = ", ".join(_named(name, f"k_{name}") if name in _NAMES else f"k_{name}" for name in keys)
    return (
        f"SELECT {given}, {_PLAIN} FROM"
        f" (SELECT {selected}, {_SUMMED}, {_ENDS} FROM ({source}) AS sums"
        f" GROUP BY {groups}) AS grouped"
    )


def _named(name: str, number: str = "") -> str:
    return f"{_text(number or name)} AS {name}"


def _text(number: str) -> str:
    """The text that a number of a name stands for."""
    return f"(SELECT text FROM names WHERE number = {number})"
