"""Reports as tables for a terminal, wide or narrow."""

import unicodedata
from collections.abc import Sequence

from switchyard.usage.plans import PlanCost
from switchyard.usage.records import NANO
from switchyard.usage.reports import NAME_OF
from switchyard.usage.reports import Report
from switchyard.usage.reports import Sums

_LEAST_NAME = 16
"""Columns that a name keeps in a terminal that is too narrow for all of it."""


def report_table(report: Report, width: int) -> str:
    """Return a report as lines of at most about `width` columns."""
    rows = [_cells(name or "(none)", sums, width) for name, sums in report.entries]
    rows.append(_cells("Total", report.total, width))
    titles = [NAME_OF[report.kind].removesuffix("Id").capitalize(), *_titles(width)]
    return table(titles, rows, width)


def plan_table(costs: Sequence[PlanCost]) -> str:
    """Return what plans cost on the days of a report, beside what they covered."""
    rows = [
        [
            one.plan.name,
            f"{one.plan.fee} {one.plan.currency} a {one.plan.every}",
            count(one.days),
            f"{one.fee:,.2f} {one.plan.currency}",
            money(one.covered, one.uncovered),
        ]
        for one in costs
    ]
    return table(["Plan", "Fee", "Days", "Fee of these days", "Covered at list price"], rows)


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Return rows under their titles: the first column to the left, figures to the right.

    In a terminal of `width` columns the first column is cut where the lines would not fit.
    """
    cells = [[_printable(cell) for cell in row] for row in [titles, *rows]]
    widths = [max(map(_columns, column)) for column in zip(*cells, strict=True)]
    if width is not None:
        left = width - sum(size + 2 for size in widths[1:])
        widths[0] = min(widths[0], max(left, _LEAST_NAME))
        cells = [[cut(name, widths[0]), *figures] for name, *figures in cells]
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


def list_price(sums: Sums) -> str:
    """Return the list price of requests; `?` where tokens were used that have none."""
    return money(sums.sums["list_cost"], sums.sums["unlisted"])


def count(number: int) -> str:
    return f"{number:,}"


def share(part: float | None) -> str:
    return "-" if part is None else f"{part:.0%}"


_FIGURES = (
    ("Requests", 0),
    ("Input", 120),
    ("Cache write", 120),
    ("Cache read", 120),
    ("Output", 120),
    ("Tokens", 0),
    ("Cache", 70),
    ("Paid", 0),
    ("Plan covered", 120),
    ("List price", 0),
)
"""Titles of columns, and from how many columns of a terminal on they are shown."""


def _titles(width: int) -> list[str]:
    return [title for title, least in _FIGURES if width >= least]


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
        money(counts["covered"], counts["uncovered"]),
        list_price(sums),
    ]
    figures = zip(whole[1:], _FIGURES, strict=True)
    return [name, *(cell for cell, (_, least) in figures if width >= least)]


def _printable(text: str) -> str:
    """Text without control characters, which could move a terminal's cursor."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("\ufffd" if unicodedata.category(one)[0] == "C" else one for one in text)


def cut(text: str, width: int) -> str:
    """Return a text of at most `width` columns, with a sign where its end is missing."""
    if _columns(text) <= width:
        return text
    while _columns(text) >= width:
        text = text[:-1]
    return f"{text}\u2026"


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in text)
    combining = sum(bool(unicodedata.combining(one)) for one in text)
    return len(text) + wide - combining
