"""Tables of reports on a terminal."""

from datetime import UTC
from decimal import Decimal
from pathlib import Path

from switchyard.usage.plans import PaidPlan
from switchyard.usage.plans import plan_members
from switchyard.usage.reader import UsageReader
from switchyard.usage.records import NANO
from switchyard.usage.reports import Report
from switchyard.usage.reports import Sums
from switchyard.usage.reports import make_report
from switchyard.usage.reports import report_plans
from switchyard.usage.reports import total_members
from switchyard.usage.sqlite import SqliteStore
from switchyard.usage.tables import list_price
from switchyard.usage.tables import plan_table
from switchyard.usage.tables import report_table
from switchyard.usage.tables import table
from tests.unit.usage.support import NOON
from tests.unit.usage.support import record


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

    assert shown(requests=1, input=10, unlisted=1) == "?"
    assert shown(requests=1, input=10) == "$0.00", "a model that costs nothing"
    assert shown(requests=2, input=10, list_cost=2 * NANO, unlisted=1) == "$2.00+?"
    assert shown(requests=1, input=10, list_cost=2 * NANO) == "$2.00"
    assert shown(requests=1) == "$0.00", "nothing was used"


def test_totals_show_that_a_plan_covered_something_without_a_price(tmp_path: Path) -> None:
    known = record(billing="plan", cost=0, list_cost=2 * NANO)
    unknown = record(billing="plan", cost=0, list_cost=None, model="new", client_key="bob")
    store = SqliteStore(tmp_path, "w")
    store.write([known, unknown], [])
    store.close()
    reader = UsageReader(tmp_path)
    for kind in ("daily", "weekly", "monthly", "sessions", "projects", "keys", "models"):
        report = make_report(reader, kind, UTC)
        assert (
            report_table(report, 160).splitlines()[-1].endswith("$0.00       $2.00+?     $2.00+?")
        )
        totals = total_members(report)
        assert (totals["unlistedRequests"], totals["uncoveredRequests"]) == (1, 1)
        assert (totals["unpricedRequests"], totals["coveredCost"]) == (0, 2.0)
    lines = report_table(make_report(reader, "models", UTC), 160).splitlines()
    (new,) = [line for line in lines if line.startswith("new")]
    assert new.split()[-3:] == ["$0.00", "?", "?"]
    glm = PaidPlan("anthropic", None, Decimal(20), "USD", "month")
    (cost,) = report_plans(reader, [glm], UTC, None, None, NOON)
    assert plan_members(cost)["uncoveredRequests"] == 1
    assert plan_table([cost]).splitlines()[-1].endswith("$2.00+?")
