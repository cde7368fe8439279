"""Totals in files that an earlier version made."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from switchyard.usage.newer_sums import refill_rollup
from switchyard.usage.records import Tokens
from switchyard.usage.schema import ROLLUPS
from switchyard.usage.schema import TOTAL_TABLES
from switchyard.usage.sqlite import SqliteStore
from switchyard.usage.sqlite_files import TOTALS_FILE
from tests.unit.usage.support import DAY
from tests.unit.usage.support import NOON
from tests.unit.usage.support import check_sums
from tests.unit.usage.support import drop_newer_sums
from tests.unit.usage.support import record
from tests.unit.usage.support import totals


def test_totals_without_counts_of_unknown_list_prices_get_them(tmp_path: Path) -> None:
    """As far as the sums that there are tell: where list prices add up to nothing."""
    paid = record()
    plan: dict[str, Any] = {"billing": "plan", "cost": 0}
    with_prices = record(**plan, model="known")
    without = [record(**plan, list_cost=None, model="new", session=one) for one in ("s1", None)]
    unknown = record(cost=None, list_cost=None, started=NOON - 40 * DAY)
    unused = record(**plan, list_cost=None, model="refused", tokens=Tokens())
    store = SqliteStore(tmp_path, "w")
    store.write([paid, with_prices, *without, unknown, unused], [])
    store.close()
    tables = (*TOTAL_TABLES, *ROLLUPS)
    before = {table: totals(tmp_path, table) for table in tables}
    assert (before["daily"]["unlisted"], before["daily"]["uncovered"]) == (3, 2)
    drop_newer_sums(tmp_path)
    store.upgrade()
    assert {table: totals(tmp_path, table) for table in tables} == before
    store.write([record(**plan, list_cost=None, model="new")], [])
    store.close()
    assert totals(tmp_path, "monthly")["uncovered"] == 3
    check_sums(tmp_path)


def test_rollups_are_summed_up_anew(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, "w")
    store.write([record(list_cost=None, started=NOON + at * DAY) for at in (0, 0, 1)], [])
    store.close()
    for table in ("model_hours", "whole_sessions"):
        with closing(sqlite3.connect(tmp_path / TOTALS_FILE)) as db, db:
            db.execute(f"UPDATE {table} SET unlisted = 0")
            db.execute(refill_rollup(table))
        assert totals(tmp_path, table)["unlisted"] == 3
