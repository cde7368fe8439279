"""Reports made the plain way: every total is read, and all summing is done in Python.

What `switchyard.usage.reports` makes with sums of the database must be equal to it.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from datetime import datetime
from datetime import timedelta
from datetime import tzinfo
from pathlib import Path

from switchyard.usage.schema import SECONDS
from switchyard.usage.schema import SUMS
from switchyard.usage.sqlite_files import TOTALS_FILE

DIMENSION_OF = {
    "projects": "project",
    "keys": "client_key",
    "models": "model",
    "providers": "provider",
    "tools": "tool",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A report's lines by name, in order: sums, and sums by model."""

    names: list[str]
    sums: list[dict[str, int]]
    models: list[dict[str, dict[str, int]]]
    total: dict[str, int]


def judged(
    folder: Path,
    kind: str,
    zone: tzinfo,
    since: date | None = None,
    until: date | None = None,
    where: dict[str, str] | None = None,
) -> Judged:
    """Return the report of a kind over a folder's totals."""
    begin = _moment(since, zone)
    end = _moment(until and until + timedelta(days=1), zone)
    groups: dict[str, list[dict[str, object]]] = {}
    for row in _rows(folder, "sessions" if kind == "sessions" else "hourly"):
        if kind == "sessions":
            first, last = float(str(row["first"])), float(str(row["last"]))
            fits = (begin is None or last >= begin) and (end is None or first < end)
            name = row["session"]
        else:
            hour = int(str(row["bucket"]))
            seconds = SECONDS["hourly"]
            fits = (begin is None or hour >= begin // seconds) and (
                end is None or hour < -(-end // seconds)
            )
            dimension = DIMENSION_OF.get(kind)
            name = row[dimension] if dimension else _period(kind, hour * seconds, zone)
        if fits and all(row[key] == value for key, value in (where or {}).items()):
            groups.setdefault(str(name or ""), []).append(row)
    sums = {name: _summed(rows) for name, rows in groups.items()}
    ordered = sorted(groups, key=lambda name: _order(kind, name, sums, groups))
    return Judged(
        names=ordered,
        sums=[sums[name] for name in ordered],
        models=[_by_model(groups[name]) for name in ordered],
        total=_summed([row for rows in groups.values() for row in rows]),
    )


def _order(
    kind: str,
    name: str,
    sums: dict[str, dict[str, int]],
    groups: dict[str, list[dict[str, object]]],
) -> tuple[object, ...]:
    if kind in DIMENSION_OF:
        return (-sums[name]["list_cost"], name)
    if kind == "sessions":
        return (max(float(str(row["last"])) for row in groups[name]), name)
    return (name,)


def _by_model(rows: list[dict[str, object]]) -> dict[str, dict[str, int]]:
    models = {str(row["model"] or "") for row in rows}
    return {
        model: _summed([row for row in rows if str(row["model"] or "") == model])
        for model in models
    }


def _summed(rows: list[dict[str, object]]) -> dict[str, int]:
    return {one.name: sum(int(str(row[one.name])) for row in rows) for one in SUMS}


def _rows(folder: Path, table: str) -> list[dict[str, object]]:
    with closing(sqlite3.connect(folder / TOTALS_FILE)) as db:
        names = dict(db.execute("SELECT number, text FROM names").fetchall())
        cursor = db.execute(f"SELECT * FROM {table}")
        columns = [one[0] for one in cursor.description]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor]
    for row in rows:
        for name in ("client_key", "tool", "project", "provider", "model", "billing", "session"):
            if name in row:
                row[name] = names.get(row[name])
    return rows


def _period(kind: str, moment: float, zone: tzinfo) -> str:
    day = datetime.fromtimestamp(moment, zone).date()
    if kind == "monthly":
        return f"{day:%Y-%m}"
    if kind == "weekly":
        return (day - timedelta(days=day.weekday())).isoformat()
    return day.isoformat()


def _moment(day: date | None, zone: tzinfo) -> float | None:
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()
