"""Records to write, and what a store holds afterwards."""

import sqlite3
from contextlib import closing
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any

from switchyard.usage.ids import new_id
from switchyard.usage.records import AttemptUsage
from switchyard.usage.records import RequestRecord
from switchyard.usage.records import Tokens
from switchyard.usage.schema import NEWER_SUMS
from switchyard.usage.schema import ROLLUPS
from switchyard.usage.schema import SUMS
from switchyard.usage.schema import TOTAL_TABLES
from switchyard.usage.sqlite_files import TOTALS_FILE
from switchyard.usage.sqlite_files import month_files

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()
DAY = 86_400.0


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def record(**changes: Any) -> RequestRecord:
    """A finished request of 1,000 tokens in and 100 out."""
    facts: dict[str, Any] = {
        "id": new_id().bytes,
        "started": NOON,
        "client_key": "alice",
        "tool": "claude-code",
        "session": "s1",
        "provider": "anthropic",
        "model": "claude-sonnet-4-5",
        "state": "complete",
        "status": 200,
        "attempts": 1,
        "tokens": Tokens(input=1000, output=100),
        "source": "reported",
        "cost": 4_500_000,
        "list_cost": 4_500_000,
        "price_source": "genai-prices",
        "tries": (
            AttemptUsage(
                number=1,
                started=NOON,
                provider="anthropic",
                model="claude-sonnet-4-5",
                format="anthropic",
            ),
        ),
    }
    return RequestRecord(**facts | changes)


def rows(folder: Path) -> list[dict[str, Any]]:
    """All finished rows of a store, with names as texts."""
    found = []
    for file in month_files(folder):
        with closing(sqlite3.connect(file)) as db:
            db.row_factory = sqlite3.Row
            names = dict(db.execute("SELECT number, text FROM names").fetchall())
            for row in db.execute("SELECT * FROM requests"):
                texts = ("client_key", "tool", "session", "provider", "model", "state", "billing")
                found.append(dict(row) | {name: names.get(row[name]) for name in texts})
    return found


def attempts(folder: Path) -> int:
    total = 0
    for file in month_files(folder):
        with closing(sqlite3.connect(file)) as db:
            total += db.execute("SELECT count(*) FROM attempts").fetchone()[0]
    return total


def totals(folder: Path, table: str) -> dict[str, int]:
    """The sums over all keys of a table of totals."""
    with closing(sqlite3.connect(folder / TOTALS_FILE)) as db:
        names = [column.name for column in SUMS]
        selected = ", ".join(f"ifnull(sum({name}), 0)" for name in names)
        row = db.execute(f"SELECT {selected} FROM {table}").fetchone()
        return dict(zip(names, row, strict=True))


def drop_newer_sums(folder: Path) -> None:
    """Makes the totals those of an earlier version."""
    with closing(sqlite3.connect(folder / TOTALS_FILE)) as db:
        for table in (*TOTAL_TABLES, *ROLLUPS):
            for name in NEWER_SUMS:
                db.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
        db.execute("PRAGMA user_version = 2")


def check_sums(folder: Path) -> None:
    """Every table of totals sums up to what the rows sum up to, and every file is sound."""
    kept = rows(folder)
    for table in (*TOTAL_TABLES, *ROLLUPS):
        counted = [one for one in kept if "sessions" not in table or one["session"] is not None]
        summed = totals(folder, table)
        assert summed["requests"] == len(counted)
        for name in ("input", "output", "cache_read", "cost", "list_cost", "attempts"):
            assert summed[name] == sum(one[name] or 0 for one in counted), (table, name)
    for file in (folder / TOTALS_FILE, *month_files(folder)):
        with closing(sqlite3.connect(file)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


NAMED = (
    "operation", "client_key", "tool", "tool_version", "session", "project", "format_in",
    "format_out", "asked_model", "combo", "provider", "model", "credential", "state", "error",
    "source", "billing", "price_source", "dropped", "cache_verdict",
)  # fmt: skip


def whole_rows(folder: Path) -> list[dict[str, Any]]:
    """All finished rows with every name as text, and their attempts, in the order of their ids."""
    found = []
    for file in month_files(folder):
        with closing(sqlite3.connect(file)) as db:
            db.row_factory = sqlite3.Row
            names = dict(db.execute("SELECT number, text FROM names").fetchall())
            tries = [dict(one) for one in db.execute("SELECT * FROM attempts ORDER BY number")]
            for one in tries:
                for name in ("provider", "model", "credential", "format", "outcome"):
                    one[name] = names.get(one[name])
            for row in db.execute("SELECT * FROM requests ORDER BY id"):
                texts = {name: names.get(row[name]) for name in NAMED}
                mine = [one for one in tries if one["request"] == row["id"]]
                found.append(dict(row) | texts | {"tries": mine})
    return found
