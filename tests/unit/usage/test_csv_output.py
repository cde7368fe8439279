"""Reports as comma-separated values."""

import csv
import io
from datetime import UTC

from switchyard.usage.csv_output import write_csv
from switchyard.usage.csv_output import write_report_csv
from switchyard.usage.reader import UsageReader
from switchyard.usage.reports import make_report


def read(text: io.StringIO) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.getvalue())))


def test_a_report_has_a_line_for_each_entry(reader: UsageReader) -> None:
    report, out = make_report(reader, "projects", UTC), io.StringIO()
    write_report_csv(report, out)
    rows = read(out)
    assert [row["project"] for row in rows] == [name for name, _ in report.entries]
    assert sum(int(row["requests"]) for row in rows) == report.total.sums["requests"]


def test_members_of_members_take_no_others_place() -> None:
    out = io.StringIO()
    gap = {"id": "gap", "isGap": True}
    block = {"id": "-1", "total": 5, "models": ["m"], "projection": {"total": 9, "cost": None}}
    write_csv([gap, block], out)
    assert read(out) == [
        {"id": "gap", "isGap": "True", "total": "", "projection.total": "", "projection.cost": ""},
        {"id": "'-1", "isGap": "", "total": "5", "projection.total": "9", "projection.cost": ""},
    ]


def test_no_entry_is_no_line() -> None:
    out = io.StringIO()
    write_csv([], out)
    assert out.getvalue() == ""
