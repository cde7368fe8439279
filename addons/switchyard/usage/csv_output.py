"""Writes reports as comma-separated values, for spreadsheets."""

import csv
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TextIO

from switchyard.usage.reports import NAME_OF
from switchyard.usage.reports import Report
from switchyard.usage.reports import entry_members
from switchyard.usage.reports import total_members

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""What begins a formula in a spreadsheet."""


def write_report_csv(report: Report, out: TextIO) -> None:
    """Write a line for each entry of a report, with the members that its total has too."""
    names = [NAME_OF[report.kind], *total_members(report)]
    writer = csv.writer(out)
    writer.writerow(names)
    for name, sums in report.entries:
        members = entry_members(report.kind, name, sums)
        writer.writerow([_safe_cell(members[one]) for one in names])


def write_csv(entries: Sequence[Mapping[str, object]], out: TextIO) -> None:
    """Write a line for each entry of a report's JSON, and a first one with the members' names.

    Members of members stand beside the others (`projection.totalCost`); lists are left out. Nothing
    for no entry.
    """
    rows = [dict(_cells(one)) for one in entries]
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        return
    writer = csv.writer(out)
    writer.writerow(names)
    for row in rows:
        writer.writerow([_safe_cell(row.get(name)) for name in names])


def _cells(members: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in members.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", found) for inner, found in _cells(value))
        elif not isinstance(value, list):
            yield name, value


def _safe_cell(value: object) -> object:
    """A cell that a spreadsheet does not run as a formula (OWASP, "CSV Injection")."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value
