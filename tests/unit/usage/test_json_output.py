"""Reports are written as JSON entry by entry, and are what the whole of them would be."""

import io
import json
from datetime import UTC

import pytest

from switchyard.usage.cache_breaks import CacheBreak
from switchyard.usage.json_output import indented
from switchyard.usage.json_output import write_report
from switchyard.usage.reader import UsageReader
from switchyard.usage.reports import Report
from switchyard.usage.reports import ReportKind
from switchyard.usage.reports import Sums
from switchyard.usage.reports import as_json
from switchyard.usage.reports import make_report


@pytest.mark.parametrize("kind", ["daily", "sessions", "models"])
def test_it_is_the_report_indented(reader: UsageReader, kind: ReportKind) -> None:
    report, out = make_report(reader, kind, UTC), io.StringIO()
    more = {"subscriptions": [{"fee": 20}, {"fee": 100}]}
    write_report(report, more, None, out)
    assert report.entries
    assert out.getvalue() == f"{json.dumps(as_json(report) | more, indent=2)}\n"


def test_sessions_have_what_broke_their_caches(reader: UsageReader) -> None:
    report, out = make_report(reader, "sessions", UTC), io.StringIO()
    name = report.entries[0][0]
    breaks = [
        CacheBreak(session=name, verdict="tool list", requests=2, tokens=10, last=1.0),
        CacheBreak(session=name, verdict="another member", requests=1, tokens=5, last=1.0),
    ]
    write_report(report, {}, breaks, out)
    first, *others = json.loads(out.getvalue())["sessions"]
    assert first["cacheBreaks"] == {"tool list": 2, "another member": 1}
    assert others and all(one["cacheBreaks"] == {} for one in others)


def test_a_report_of_nothing() -> None:
    out = io.StringIO()
    write_report(Report("daily", (), Sums()), {}, None, out)
    assert json.loads(out.getvalue())["daily"] == []


def test_what_is_no_json_elsewhere_is_written_too() -> None:
    odd = {"text": "half a character: \ud83d", "sum": 2**70}
    assert json.loads(indented(odd)) == odd
