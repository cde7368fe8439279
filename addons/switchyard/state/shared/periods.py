"""Begin and end of calendar periods in a time zone, in Unix milliseconds."""

from datetime import datetime
from datetime import timedelta
from functools import lru_cache

from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import zone_of

FOREVER = 9_000_000_000_000_000
"""The end of a period that does not end."""

BLOCK_HOURS = 5


def bounds(period: Calendar, now: int) -> tuple[int, ...]:
    """Return where the periods around `now` begin: the one before, its own, two after.

    More than one, since whoever decides may have another clock. `total` has a begin and an end.
    """
    if period.name == "total":
        return (0, FOREVER)
    return _bounds(period, _quarter(now))


def _quarter(now: int) -> int:
    # Time zones differ by quarters of an hour, so no period begins within a quarter.
    return now // 900_000


@lru_cache(maxsize=1024)
def _bounds(period: Calendar, quarter: int) -> tuple[int, ...]:
    moment = datetime.fromtimestamp(quarter * 900, zone_of(period.timezone))
    start = _start(period, moment)
    before = _start(period, _before(start))
    after = _next(period, start)
    return tuple(_millis(one) for one in (before, start, after, _next(period, after)))


def _start(period: Calendar, moment: datetime) -> datetime:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    match period.name:
        case "5h":
            return midnight.replace(hour=moment.hour // BLOCK_HOURS * BLOCK_HOURS)
        case "week":
            return midnight - timedelta(days=(moment.weekday() - period.week_starts) % 7)
        case "month":
            return midnight.replace(day=1)
        case _:
            return midnight


def _before(start: datetime) -> datetime:
    return start - timedelta(minutes=1)


def _next(period: Calendar, start: datetime) -> datetime:
    match period.name:
        case "5h":
            later = start.hour + BLOCK_HOURS
            return start.replace(hour=later) if later < 24 else _midnight_after(start, 1)
        case "week":
            return _midnight_after(start, 7)
        case "month":
            return _midnight_after(start, 32).replace(day=1)
        case _:
            return _midnight_after(start, 1)


def _midnight_after(moment: datetime, days: int) -> datetime:
    # Arithmetic on aware datetimes is by wall clock, so that days of 23 and 25 hours count as one.
    return moment.replace(hour=0) + timedelta(days=days)


def _millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
