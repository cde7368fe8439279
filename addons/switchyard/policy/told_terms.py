"""Reads the terms that providers name in words: spans, dates, and times of the day.

Anthropic ("You will regain access on 2026-12-01 at 00:00 UTC."), Claude's subscriptions ("resets
5pm (America/Los_Angeles)", anthropics/claude-code#19472), Codex ("try again at Jun 18th, 2026 8:41
AM", openai/codex#28391), Groq ("try again in 7m12.5s"), gemini-cli ("reset after 2h13m5s").
"""

import re
from collections.abc import Iterator
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from datetime import tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

_BEFORE = (
    r"(?:resets?|resetting|regain(?:s|ed)?|try(?:ing)? again|retry(?:ing)?|available|wait|until"
    r"|refresh(?:es|ed)?|renew(?:s|ed)?|replenish(?:es|ed)?|restored?|lifted|back)\b"
)
"""Words before a term. Times that stand elsewhere may be those of anything."""

_UNIT = (
    r"(?:ms|milliseconds?|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?)(?![a-z])"
)
_NUMBER = r"(?:\d{1,9}(?:\.\d{1,12})? ?|(?:an?|one) )"
_SPANS = re.compile(
    rf"\b{_BEFORE}(?: (?:your request|again|access|quota))?(?: (?:in|after|for|at least|within))?"
    rf"(?: about| approximately)? ?((?:{_NUMBER}{_UNIT}[ ,]{{0,2}}(?:and )?)+)",
    re.ASCII | re.IGNORECASE,
)
_SPAN = re.compile(
    r"(\d{1,9}(?:\.\d{1,12})? ?|\b(?:an?|one) )(ms|mil|[smhdw])[a-z]*", re.ASCII | re.IGNORECASE
)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TIME = r"(?P<hour{0}>\d{{1,2}})(?::(?P<minute{0}>\d\d)(?::(?P<second{0}>\d\d)(?:\.\d+)?)?)?"
_CLOCK = _TIME + r"(?: ?(?P<half{0}>[ap])\.?m\.?)?"
_ZONE = (
    r"(?: ?\(?(?P<zone>UTC|GMT|Z|[A-Z][A-Za-z]+/[A-Za-z_]+(?:/[A-Za-z_]+)?|Pacific(?: time)?"
    r"|Eastern(?: time)?|P[SD]?T|E[SD]?T|(?:UTC|GMT)? ?[+-]\d\d?(?::?\d\d)?)\b\)?)"
)
_DATE = (
    r"(?:(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
    rf"|(?P<name>{'|'.join(_MONTHS)})[a-z]{{0,6}}\.? (?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\b"
    r"(?:,? (?P<year2>\d{4}))?)"
)
_DATED = re.compile(
    rf"\b{_BEFORE}[^.;\n]{{0,40}}?\b{_DATE}(?:(?:,? at |, ?|[T ]){_CLOCK.format('')})?{_ZONE}?",
    re.ASCII | re.IGNORECASE,
)
_TIMED = re.compile(
    rf"\b{_BEFORE}[^.;\n]{{0,30}}?\b(?:(?P<midnight>midnight)|{_CLOCK.format('')}){_ZONE}",
    re.ASCII | re.IGNORECASE,
)
_ZONES = {
    **dict.fromkeys(("pt", "pst", "pdt", "pacific", "pacific time"), "America/Los_Angeles"),
    **dict.fromkeys(("et", "est", "edt", "eastern", "eastern time"), "America/New_York"),
}
_OFFSET = re.compile(r"(?:utc|gmt)? ?([+-])(\d\d?)(?::?(\d\d))?", re.ASCII)
_LATE = timedelta(days=2)
"""A date without a year that passed longer ago than this is next year's."""


def terms_in_words(message: str, wall: float) -> Iterator[float]:
    """Yield the seconds until each term that a message names, at the wall clock `wall`.

    A time of the day counts only with its time zone, a date without one as UTC. Terms that have
    passed are left out. Never raises.
    """
    if match := _SPANS.search(message):
        yield _span(match[1])
    now = datetime.fromtimestamp(wall, UTC)
    for pattern, read in ((_DATED, _date), (_TIMED, _time_of_day)):
        if match := pattern.search(message):
            try:
                moment = read(match, now)
            except (ValueError, OverflowError):
                continue
            if moment is not None and moment > now:
                yield (moment - now).total_seconds()


def until_midnight(zone: str, wall: float) -> float | None:
    """Seconds until the day is over in a time zone; None where the system does not know that."""
    place = _place(zone)
    if place is None:
        return None
    now = datetime.fromtimestamp(wall, place)
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return tomorrow.timestamp() - wall


def _span(words: str) -> float:
    total = 0.0
    for number, unit in _SPAN.findall(words.lower()):
        amount = 1.0 if number[0] in "ao" else float(number)
        total += amount * (0.001 if unit.startswith(("ms", "mil")) else _SECONDS[unit[0]])
    return total


def _date(match: re.Match[str], now: datetime) -> datetime | None:
    said = match.groupdict()
    zone = _zone(said["zone"])
    if zone is None:
        return None
    month = int(said["month"]) if said["month"] else _MONTHS.index(said["name"].lower()[:3]) + 1
    day = int(said["day"] or said["day2"])
    year = said["year"] or said["year2"]
    hour, minute = _clock(said) if said["hour"] else (0, 0)
    second = int(said["second"] or 0)
    moment = datetime(int(year or now.year), month, day, hour, minute, second, tzinfo=zone)
    if year is None and moment < now - _LATE:
        moment = moment.replace(year=now.year + 1)
    return moment


def _time_of_day(match: re.Match[str], now: datetime) -> datetime | None:
    said = match.groupdict()
    zone = _zone(said["zone"])
    if zone is None:
        return None
    hour, minute = (0, 0) if said["midnight"] else _clock(said)
    if not (said["midnight"] or said["half"] or said["minute"]):
        return None  # a number alone is no time
    moment = now.astimezone(zone).replace(hour=hour, minute=minute, second=0, microsecond=0)
    return moment if moment > now else moment + timedelta(days=1)


def _clock(said: dict[str, str]) -> tuple[int, int]:
    hour, minute = int(said["hour"]), int(said["minute"] or 0)
    if said["half"]:
        hour = hour % 12 + (12 if said["half"].lower() == "p" else 0)
    return hour, minute


def _zone(name: str | None) -> tzinfo | None:
    """The time zone of a name; UTC without one, None for one that the system does not know."""
    lower = (name or "").strip().lower()
    if lower in ("", "utc", "gmt", "z"):
        return UTC
    if match := _OFFSET.fullmatch(lower):
        sign = -1 if match[1] == "-" else 1
        return timezone(sign * timedelta(hours=int(match[2]), minutes=int(match[3] or 0)))
    return _place(_ZONES.get(lower, (name or "").strip()))


@lru_cache(maxsize=64)
def _place(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return None
