"""Reports as tables for a terminal, wide or narrow."""

import unicodedata
from collections.abc import Sequence

from switchyard.usage.plans import PlanCost
from switchyard.usage.records import NANO
from switchyard.usage.reports import NAME_OF
from switchyard.usage.reports import Report
from switchyard.usage.reports import Sums

_NARROW = 100
"""Columns of a terminal below which a table leaves the less important figures out."""


def report_table(report: Report, width: int) -> str:
    """Return a report as lines of at most about `width` columns."""
    head, _ = _cells("", Sums(), width)
    rows = [_cells(name or "(none)", sums, width)[1] for name, sums in report.entries]
    rows.append(_cells("Total", report.total, width)[1])
    titles = [NAME_OF[report.kind].removesuffix("Id").capitalize(), *head]
    return table(titles, rows)


def plan_table(costs: Sequence[PlanCost]) -> str:
    """Return what plans cost on the days of a report, beside what they covered."""
    rows = [
        [
            one.plan.name,
            f"{one.plan.fee} {one.plan.currency} a {one.plan.every}",
            count(one.days),
            f"{one.fee:,.2f} {one.plan.currency}",
            money(one.covered),
        ]
        for one in costs
    ]
    return table(["Plan", "Fee", "Days", "Fee of these days", "Covered at list price"], rows)


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under their titles: the first column to the left, figures to the right."""
    cells = [[_printable(cell) for cell in row] for row in [titles, *rows]]
    widths = [max(map(_columns, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        first = row[0] + " " * (widths[0] - _columns(row[0]))
        rest = (
            " " * (size - _columns(cell)) + cell
            for cell, size in zip(row[1:], widths[1:], strict=True)
        )
        lines.append("  ".join([first, *rest]).rstrip())
    lines.insert(1, "  ".join("-" * size for size in widths))
    return "\n".join(lines)


def money(nano: int, unpriced: int = 0) -> str:
    """Return dollars of nano-dollars; `+?` where some requests have no known price."""
    if not nano:
        return "?" if unpriced else "$0.00"
    dollars = nano / NANO
    text = f"${dollars:,.2f}" if dollars >= 0.1 else f"${dollars:.4f}"
    return f"{text}+?" if unpriced else text


def count(number: int) -> str:
    return f"{number:,}"


def share(part: float | None) -> str:
    return "-" if part is None else f"{part:.0%}"


def _cells(name: str, sums: Sums, width: int) -> tuple[list[str], list[str]]:
    """Titles and cells of a line; a narrow terminal gets the figures that matter most."""
    counts = sums.sums
    written = counts["cache_write_5m"] + counts["cache_write_1h"]
    figures = [
        ("Requests", count(counts["requests"]), True),
        ("Input", count(counts["input"]), False),
        ("Cache write", count(written), False),
        ("Cache read", count(counts["cache_read"]), False),
        ("Output", count(counts["output"]), False),
        ("Tokens", count(sums.total_tokens), True),
        ("Cache", share(sums.cache_share), True),
        ("Paid", money(counts["cost"], counts["unpriced"]), True),
        ("Plan covered", money(counts["covered"]), False),
        ("List price", money(counts["list_cost"]), True),
    ]
    shown = [one for one in figures if one[2] or width >= _NARROW]
    return [title for title, _, _ in shown], [name, *(cell for _, cell, _ in shown)]


def _printable(text: str) -> str:
    """Text without control characters, which could move a terminal's cursor."""
    return "".join("\ufffd" if unicodedata.category(one)[0] == "C" else one for one in text)


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in text)
    combining = sum(bool(unicodedata.combining(one)) for one in text)
    return len(text) + wide - combining
