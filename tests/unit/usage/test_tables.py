"""Tables of reports on a terminal."""

from datetime import UTC

from switchyard.usage.reader import UsageReader
from switchyard.usage.reports import make_report
from switchyard.usage.tables import report_table


def test_tables_fit_their_terminal(reader: UsageReader) -> None:
    for width, most in ((160, 130), (60, 70)):
        text = report_table(make_report(reader, "projects", UTC), width)
        assert max(map(len, text.splitlines())) <= most
        assert "(none)" in text and "Total" in text and "+?" in text
    assert "\x1b" not in report_table(make_report(reader, "tools", UTC), 160)
