"""Reports over the totals, in the words and JSON members that ccusage's users know.

Source of the members: ccusage's guide, "JSON output" of daily, weekly, monthly, session and blocks
reports. Members of our own (`requests`, `coveredCost`, ...) stand beside them.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import timedelta
from datetime import tzinfo
from typing import Any
from typing import Literal

from switchyard.usage.plans import PaidPlan
from switchyard.usage.plans import PlanCost
from switchyard.usage.plans import plan_costs
from switchyard.usage.queries import REPORTED
from switchyard.usage.queries import Question
from switchyard.usage.reader import Line
from switchyard.usage.reader import UsageReader
from switchyard.usage.records import NANO
from switchyard.usage.session_reader import SessionReader

type ReportKind = Literal[
    "daily", "weekly", "monthly", "sessions", "projects", "keys", "models", "providers", "tools"
]

DIMENSION_OF = {
    "projects": "project",
    "keys": "client_key",
    "models": "model",
    "providers": "provider",
    "tools": "tool",
}
"""The dimension that a report has a line for each value of."""

NAME_OF = {
    "daily": "date",
    "weekly": "week",
    "monthly": "month",
    "sessions": "sessionId",
    "projects": "project",
    "keys": "key",
    "models": "model",
    "providers": "provider",
    "tools": "tool",
}
"""The JSON member that names a line."""


@dataclass(slots=True)
class Sums:
    """Sums of some requests, and the models that answered them."""

    sums: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REPORTED, 0))
    first: float = float("inf")
    last: float = 0.0
    models: dict[str, "Sums"] = field(default_factory=dict)

    def add(self, line: Line, model: str | None = None) -> None:
        """Add a line, and note its model where one is given."""
        for name, amount in line.sums.items():
            self.sums[name] += amount
        self.first, self.last = min(self.first, line.start), max(self.last, line.last)
        if model is not None:
            self.models.setdefault(model, Sums()).add(line)

    @property
    def total_tokens(self) -> int:
        """All tokens; reasoning and audio are parts of these classes."""
        sums = self.sums
        written = sums["cache_write_5m"] + sums["cache_write_1h"]
        return sums["input"] + sums["output"] + sums["cache_read"] + written

    @property
    def cost(self) -> float:
        """US dollars billed."""
        return self.sums["cost"] / NANO

    @property
    def cache_share(self) -> float | None:
        """The share of the prompt that was read from a cache; None without a prompt."""
        read = self.sums["cache_read"]
        prompt = self.sums["input"] + self.sums["cache_write_5m"] + self.sums["cache_write_1h"]
        return read / (read + prompt) if read + prompt else None


@dataclass(frozen=True, slots=True)
class Report:
    """Lines by name, in order, and their total."""

    kind: ReportKind
    entries: tuple[tuple[str, Sums], ...]
    total: Sums


def make_report(
    reader: UsageReader,
    kind: ReportKind,
    zone: tzinfo,
    since: date | None = None,
    until: date | None = None,
    where: dict[str, str] | None = None,
    *,
    models: bool = True,
    rows: SessionReader | None = None,
) -> Report:
    """Sum up the days from `since` to `until`, both included, as `zone` has them.

    `models` keeps the models of each session apart, which takes a row for each of them. Where a
    session is selected, `rows` answers, except for the report of sessions.
    """
    question = question_of(zone, since, until, where)
    if kind == "sessions":
        return _of_sessions(reader, question, models=models)
    source = rows if rows is not None and "session" in (where or {}) else reader
    if (dimension := DIMENSION_OF.get(kind)) is not None:
        by = ("model",) if dimension == "model" else (dimension, "model")
        lines = source.dimensions(by, question)
        groups = _grouped(lines, lambda line: line.dimensions[dimension] or "")
        entries = sorted(groups.items(), key=lambda one: (-one[1].sums["list_cost"], one[0]))
    else:
        groups = _grouped(source.days(zone, question), lambda line: _period(kind, line.start))
        entries = sorted(groups.items())
    return Report(kind, tuple(entries), _total(groups.values()))


def report_plans(
    reader: UsageReader,
    plans: Sequence[PaidPlan],
    zone: tzinfo,
    since: date | None,
    until: date | None,
    now: float,
) -> list[PlanCost]:
    """Return what plans cost on the days of a report, and what they covered."""
    if not plans:
        return []
    lines = reader.dimensions(("provider",), question_of(zone, since, until, None))
    return plan_costs(plans, lines, zone, since, until, now)


def question_of(
    zone: tzinfo, since: date | None, until: date | None, where: dict[str, str] | None
) -> Question:
    """Return what asks for the requests of some days of a zone, both included."""
    end = None if until in (None, date.max) else until + timedelta(days=1)
    return Question(_moment(since, zone), _moment(end, zone), where)


def as_json(report: Report) -> dict[str, object]:
    """A report as `--json` prints it."""
    return {
        report.kind: [entry_members(report.kind, name, sums) for name, sums in report.entries],
        "totals": total_members(report),
    }


def entry_members(kind: ReportKind, name: str, sums: Sums) -> dict[str, object]:
    """A line of a report as `--json` prints it."""
    return {NAME_OF[kind]: name, **_members(sums), **_model_members(kind, sums)}


def total_members(report: Report) -> dict[str, object]:
    """The total of a report as `--json` prints it."""
    return _members(report.total)


def _of_sessions(reader: UsageReader, question: Question, *, models: bool) -> Report:
    """The report of sessions, the one that was active last at the end."""
    if models:
        groups = _with_models(reader.session_models(question))
        entries = sorted(groups.items(), key=lambda one: (one[1].last, one[0]))
    else:
        entries = [
            (session, Sums(sums, first, last))
            for session, sums, first, last in reader.sessions(question)
        ]
    return Report("sessions", tuple(entries), _total([sums for _, sums in entries]))


def _with_models(found: Iterable[tuple[Any, ...]]) -> dict[str, Sums]:
    """Sums of sessions and their models. There may be hundreds of thousands of models."""
    groups: dict[str, Sums] = {}
    for session, model, *values, first, last in found:
        one = Sums(dict(zip(REPORTED, values, strict=True)), first, last)
        if (group := groups.get(session or "")) is None:
            group = groups[session or ""] = Sums()
        models = group.models
        if (other := models.get(model or "")) is not None:
            one = _total((other, one))
        models[model or ""] = one
    for group in groups.values():
        whole = _total(group.models.values())
        group.sums, group.first, group.last = whole.sums, whole.first, whole.last
    return groups


def _grouped(lines: Iterable[Line], name_of: Callable[[Line], str]) -> dict[str, Sums]:
    groups: dict[str, Sums] = {}
    for line in lines:
        groups.setdefault(name_of(line), Sums()).add(line, line.dimensions.get("model") or "")
    return groups


def _total(groups: Collection[Sums]) -> Sums:
    """The sum of groups, without their models."""
    if not groups:
        return Sums()
    columns = zip(*[one.sums.values() for one in groups], strict=True)
    return Sums(
        dict(zip(REPORTED, map(sum, columns), strict=True)),
        min([one.first for one in groups]),
        max([one.last for one in groups]),
    )


def _period(kind: ReportKind, moment: float) -> str:
    day = datetime.fromtimestamp(moment, UTC).date()
    if kind == "monthly":
        return f"{day:%Y-%m}"
    if kind == "weekly":
        return (day - timedelta(days=day.weekday())).isoformat()
    return day.isoformat()


def _moment(day: date | None, zone: tzinfo) -> float | None:
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()


def _members(sums: Sums) -> dict[str, object]:
    counts = sums.sums
    return {
        "inputTokens": counts["input"],
        "outputTokens": counts["output"],
        "cacheCreationTokens": counts["cache_write_5m"] + counts["cache_write_1h"],
        "cacheReadTokens": counts["cache_read"],
        "reasoningTokens": counts["reasoning"],
        "totalTokens": sums.total_tokens,
        "totalCost": sums.cost,
        "listCost": counts["list_cost"] / NANO,
        "coveredCost": counts["covered"] / NANO,
        "requests": counts["requests"],
        "failedRequests": counts["failed"],
        "unpricedRequests": counts["unpriced"],
        "unlistedRequests": counts["unlisted"],
        "uncoveredRequests": counts["uncovered"],
        "cacheShare": sums.cache_share,
    }


def _model_members(kind: ReportKind, sums: Sums) -> dict[str, object]:
    named = sorted(sums.models.items(), key=lambda one: (-one[1].sums["list_cost"], one[0]))
    members: dict[str, object] = {
        "modelsUsed": [name for name, _ in named if name],
        "modelBreakdowns": [
            {"modelName": name or None, **_members(one), "cost": one.cost} for name, one in named
        ],
    }
    if kind == "sessions":
        members["firstActivity"] = _text(sums.first)
        members["lastActivity"] = _text(sums.last)
    return members


def _text(moment: float) -> str:
    return datetime.fromtimestamp(moment).astimezone().isoformat(timespec="seconds")


BLOCK_HOURS = 5
"""Hours of a block: the window of Claude's subscriptions."""


@dataclass(frozen=True, slots=True)
class UsageBlock:
    """Five hours from the hour of the first request on, or a gap between two of them."""

    start: float
    end: float
    """Unix seconds."""
    sums: Sums | None
    """None for a gap."""
    active: bool = False
    models: set[str] = field(default_factory=set)

    def burn_rate(self, now: float) -> tuple[float, float] | None:
        """Tokens a minute and dollars an hour since its first request; None without a minute."""
        if self.sums is None or (minutes := (now - self.sums.first) / 60) < 1:
            return None
        return self.sums.total_tokens / minutes, self.sums.cost / minutes * 60


def make_blocks(lines: Sequence[Line], now: float) -> list[UsageBlock]:
    """Divide hourly lines into blocks of five hours, as ccusage does.

    A block begins at the full hour of its first request, and ends five hours later; a longer pause
    is a gap.
    """
    length = BLOCK_HOURS * 3600.0
    blocks: list[UsageBlock] = []
    for line in sorted(lines, key=lambda one: one.start):
        current = blocks[-1] if blocks else None
        if current is None or line.start >= current.end:
            if current is not None and current.sums and line.start - current.sums.last > length:
                blocks.append(UsageBlock(current.end, line.start, None))
            start = line.start
            blocks.append(
                UsageBlock(start, start + length, Sums(), active=start <= now < start + length)
            )
        sums = blocks[-1].sums
        assert sums is not None
        sums.add(line)
        blocks[-1].models.update(line.models)
    return blocks


def blocks_as_json(blocks: Sequence[UsageBlock], now: float) -> list[dict[str, object]]:
    """Blocks as `--json` prints them."""
    return [_block_members(block, now) for block in blocks]


def _block_members(block: UsageBlock, now: float) -> dict[str, object]:
    members: dict[str, object] = {
        "id": ("" if block.sums else "gap-") + _text(block.start),
        "startTime": _text(block.start),
        "endTime": _text(block.end),
        "isActive": block.active,
        "isGap": block.sums is None,
    }
    if block.sums is None:
        return members
    counts = block.sums.sums
    members |= {
        "actualEndTime": _text(block.sums.last),
        "entries": counts["requests"],
        "tokenCounts": {
            "inputTokens": counts["input"],
            "outputTokens": counts["output"],
            "cacheCreationInputTokens": counts["cache_write_5m"] + counts["cache_write_1h"],
            "cacheReadInputTokens": counts["cache_read"],
        },
        "totalTokens": block.sums.total_tokens,
        "costUSD": block.sums.cost,
        "models": sorted(block.models),
    }
    if block.active and (rate := block.burn_rate(now)):
        minutes = (block.end - now) / 60
        members["burnRate"] = {"tokensPerMinute": rate[0], "costPerHour": rate[1]}
        members["projection"] = {
            "totalTokens": round(block.sums.total_tokens + rate[0] * minutes),
            "totalCost": block.sums.cost + rate[1] * minutes / 60,
            "remainingMinutes": round(minutes),
        }
    return members
