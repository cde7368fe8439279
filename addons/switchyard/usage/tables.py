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
    rows = [_cells(name or "(none)", sums, width) for name, sums in report.entries]
    rows.append(_cells("Total", report.total, width))
    titles = [NAME_OF[report.kind].removesuffix("Id").capitalize(), *_titles(width)]
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
    for name, *figures in cells:
        first = name + " " * (widths[0] - _columns(name))
        rest = [
            " " * (size - _columns(cell)) + cell
            for cell, size in zip(figures, widths[1:], strict=True)
        ]
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


_FIGURES = (
    ("Requests", True),
    ("Input", False),
    ("Cache write", False),
    ("Cache read", False),
    ("Output", False),
    ("Tokens", True),
    ("Cache", True),
    ("Paid", True),
    ("Plan covered", False),
    ("List price", True),
)
"""Titles of columns, and whether a narrow terminal has them too."""


def _titles(width: int) -> list[str]:
    return [title for title, matters in _FIGURES if matters or width >= _NARROW]


def _cells(name: str, sums: Sums, width: int) -> list[str]:
    """The cells of a line; a narrow terminal gets the figures that matter most."""
    counts = sums.sums
    whole = [
        name,
        count(counts["requests"]),
        count(counts["input"]),
        count(counts["cache_write_5m"] + counts["cache_write_1h"]),
        count(counts["cache_read"]),
        count(counts["output"]),
        count(sums.total_tokens),
        share(sums.cache_share),
        money(counts["cost"], counts["unpriced"]),
        money(counts["covered"]),
        money(counts["list_cost"]),
    ]
    if width >= _NARROW:
        return whole
    return [
        name,
        *(cell for cell, (_, matters) in zip(whole[1:], _FIGURES, strict=True) if matters),
    ]


def _printable(text: str) -> str:
    """Text without control characters, which could move a terminal's cursor."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("\ufffd" if unicodedata.category(one)[0] == "C" else one for one in text)


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in text)
    combining = sum(bool(unicodedata.combining(one)) for one in text)
    return len(text) + wide - combining
