"""Sums of requests by time and dimension, and the total in CLIProxyAPI's shape."""

from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from datetime import tzinfo
from typing import Literal

from switchyard.management.record_members import dollars
from switchyard.usage.queries import REPORTED
from switchyard.usage.queries import Question
from switchyard.usage.reader import Line
from switchyard.usage.reader import UsageReader
from switchyard.wire.encoding.jsonio import JsonObject

type Bucket = Literal["hour", "day", "week", "month"]

_MONEY = ("cost", "list_cost", "covered")
_CLASSES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
"""Classes of tokens that do not overlap."""


def usage_series(
    reader: UsageReader,
    by: Sequence[str],
    bucket: Bucket | None,
    zone: tzinfo,
    question: Question,
) -> list[JsonObject]:
    """Returns a row for each bucket of a zone and value of the dimensions, in their order.

    `start` is when a bucket begins, in Unix seconds. Raises sqlite3.Error, and ValueError for an
    unknown dimension.
    """
    if bucket is None:
        lines = [(None, line) for line in reader.dimensions(by, question)] if by else []
        lines = lines or [(None, line) for line in reader.buckets("daily", (), question)]
    elif bucket == "hour":
        lines = [(line.start, line) for line in reader.buckets("hourly", by, question)]
    elif bucket == "month":
        lines = [(line.start, line) for line in reader.months(zone, question, by)]
    else:
        if zone is UTC and _is_whole_days(question):
            found = reader.buckets("daily", by, question)
        else:
            found = reader.days(zone, question, by)
        # Zones are slow to ask, and each day has a line for each value of the dimensions.
        begins = {day: _start(day, bucket, zone) for day in {line.start for line in found}}
        lines = [(begins[line.start], line) for line in found]
    groups: dict[tuple[object, ...], list[Line]] = defaultdict(list)
    for start, line in lines:
        groups[(start, *(line.dimensions[name] for name in by))].append(line)
    ordered = sorted(groups.items(), key=lambda one: tuple(str(key) for key in one[0]))
    ordered.sort(key=lambda one: one[0][0] or 0.0)  # type: ignore[arg-type,return-value]
    return [
        {
            **({"start": key[0]} if bucket is not None else {}),
            **dict(zip(by, key[1:], strict=True)),
            **sums_of(found),
        }
        for key, found in ordered
    ]


def sums_of(lines: Iterable[Line]) -> JsonObject:
    """Returns the sums of lines, money in US dollars."""
    totals = dict.fromkeys(REPORTED, 0)
    for line in lines:
        for name in REPORTED:
            totals[name] += line.sums[name] or 0
    told: JsonObject = {**totals, "tokens": sum(totals[name] for name in _CLASSES)}
    return {**told, **{name: dollars(totals[name]) for name in _MONEY}}


def total_usage(reader: UsageReader, zone: tzinfo) -> JsonObject:
    """Returns all usage in the shape of CLIProxyAPI's `GET /usage`.

    Its `apis` are the client keys. `details`, one for each request ever, are left empty: `records`
    has them in pages. Raises sqlite3.Error.
    """
    hours = reader.buckets("hourly", ())
    by_day, by_hour = defaultdict[str, list[Line]](list), defaultdict[str, list[Line]](list)
    for line in hours:
        moment = datetime.fromtimestamp(line.start, zone)
        by_day[f"{moment:%Y-%m-%d}"].append(line)
        by_hour[f"{moment:%H}"].append(line)
    apis: dict[str, dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
    for line in reader.dimensions(("client_key", "model")):
        api, model = line.dimensions["client_key"], line.dimensions["model"]
        apis[api or "none"][model or "none"].append(line)
    days, of_hours = _each(by_day), _each(by_hour)
    total = sums_of(hours)
    failed, requests = total["failed"], total["requests"]
    return {
        "usage": {
            "total_requests": requests,
            "success_count": requests - failed,
            "failure_count": failed,
            "total_tokens": total["tokens"],
            "requests_by_day": {day: sums["requests"] for day, sums in days.items()},
            "requests_by_hour": {hour: sums["requests"] for hour, sums in of_hours.items()},
            "tokens_by_day": {day: sums["tokens"] for day, sums in days.items()},
            "tokens_by_hour": {hour: sums["tokens"] for hour, sums in of_hours.items()},
            "apis": {name: _api(models) for name, models in sorted(apis.items())},
        },
        "failed_requests": failed,
    }


def _api(models: dict[str, list[Line]]) -> JsonObject:
    shown: JsonObject = {}
    for name, lines in sorted(models.items()):
        sums = sums_of(lines)
        shown[name] = {
            "total_requests": sums["requests"],
            "total_tokens": sums["tokens"],
            "details": [],
        }
    whole = sums_of(line for lines in models.values() for line in lines)
    return {
        "total_requests": whole["requests"],
        "total_tokens": whole["tokens"],
        "models": shown,
    }


def _each(groups: dict[str, list[Line]]) -> dict[str, JsonObject]:
    return {key: sums_of(lines) for key, lines in sorted(groups.items())}


def _is_whole_days(question: Question) -> bool:
    return all(
        moment is None or moment % 86_400 == 0 for moment in (question.since, question.until)
    )


def _start(midnight: float, bucket: Literal["day", "week"], zone: tzinfo) -> float:
    """Returns when the bucket of a day begins in a zone, in Unix seconds.

    `midnight` is that of the day's date in UTC.
    """
    day = datetime.fromtimestamp(midnight, UTC)
    if bucket == "week":
        day -= timedelta(days=day.weekday())
    return day.replace(tzinfo=zone).timestamp()
