"""Tables of reports on a terminal."""

from datetime import UTC

from switchyard.usage.reader import UsageReader
from switchyard.usage.records import NANO
from switchyard.usage.reports import Report
from switchyard.usage.reports import Sums
from switchyard.usage.reports import make_report
from switchyard.usage.tables import list_price
from switchyard.usage.tables import report_table
from switchyard.usage.tables import table


def test_tables_fit_their_terminal(reader: UsageReader) -> None:
    for width, most in ((160, 130), (100, 100), (60, 60)):
        text = report_table(make_report(reader, "projects", UTC), width)
        assert max(map(len, text.splitlines())) <= most
        assert "(none)" in text and "Total" in text and "+?" in text
    assert "\x1b" not in report_table(make_report(reader, "tools", UTC), 160)


def test_a_name_that_is_too_long_is_cut() -> None:
    text = table(["Session", "Requests"], [["s" * 40, "1"], ["short", "2"]], 30)
    title, _, long, short = text.splitlines()
    assert long == f"{'s' * 19}\u2026         1" and len(long) == len(title) == len(short) == 30
    # A terminal of no use at all leaves enough to tell names apart.
    assert table(["Session", "Requests"], [["s" * 40, "1"]], 3).splitlines()[2].startswith("s" * 15)


def test_names_keep_their_columns_and_move_no_cursor(reader: UsageReader) -> None:
    sums = Sums(first=0.0)
    entries = (("plain", sums), ("\u6f22\u5b57", sums), ("e\u0301", sums), ("a\x1b[2Jb", sums))
    lines = report_table(Report("projects", entries, sums), 160).splitlines()
    assert "\ufffd[2J" in lines[5] and "\x1b" not in "".join(lines)
    place = lines[2].index("0")
    # Two wide characters take four columns, and a combining one none.
    assert [line.index("0") - place for line in lines[3:5]] == [-2, 1]


def test_a_list_price_that_nobody_knows_is_not_nothing() -> None:
    def shown(**counts: int) -> str:
        sums = Sums()
        sums.sums.update(counts)
        return list_price(sums)

    assert shown(requests=1, input=10, unpriced=1) == "?"
    assert shown(requests=1, input=10) == "?", "a plan's tokens without a known price"
    assert shown(requests=2, input=10, list_cost=2 * NANO, unpriced=1) == "$2.00+?"
    assert shown(requests=1, input=10, list_cost=2 * NANO) == "$2.00"
    assert shown(requests=1) == "$0.00", "nothing was used"
