"""The SQL of the SQLite store, made from the schema."""

from collections.abc import Sequence
from functools import cache

from switchyard.usage import schema
from switchyard.usage.records import FAILED_STATES
from switchyard.usage.records import TOKEN_CLASSES
from switchyard.usage.schema import Column


def bound(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Return a table's columns in the order in which their values are bound.

    Tokens stand together as in `Tokens`, and so do names, of which the session comes first.
    """
    return tuple(sorted(columns, key=_place))


def _place(column: Column) -> int:
    if column.kind == "name":
        return 2 + (column.name != "session")
    return int(column.name in TOKEN_CLASSES)


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(column.name for column in columns)


def _values(columns: Sequence[Column], rows: int) -> str:
    return ", ".join([f"({', '.join('?' * len(columns))})"] * rows)


MOST_IDS = 500
"""Ids that one question asks for."""


def are_finished(count: int) -> str:
    """Return the question which of so many ids are on record as finished."""
    return f"SELECT id FROM month.requests WHERE id IN ({', '.join('?' * count)})"


@cache
def insert_rows(table: str, rows: int) -> str:
    """Return what inserts several finished rows (`requests` or `attempts`)."""
    columns = bound(schema.ROW_TABLES[table])
    return f"INSERT INTO month.{table} ({_names(columns)}) VALUES {_values(columns, rows)}"


@cache
def insert_running(rows: int) -> str:
    """Return what inserts several requests under way, without those that have ended already."""
    columns = bound(schema.REQUESTS)
    id = f"column{1 + [column.name for column in columns].index('id')}"
    return (
        f"INSERT INTO month.running ({_names(columns)}) SELECT * FROM"
        f" (VALUES {_values(columns, rows)})"
        f" WHERE NOT EXISTS (SELECT 1 FROM month.requests WHERE id = {id})"
        " ON CONFLICT (id) DO NOTHING"
    )


@cache
def end_running(count: int) -> str:
    """Return what forgets that so many requests were under way."""
    return f"DELETE FROM month.running WHERE id IN ({', '.join('?' * count)})"


@cache
def add_totals(table: str, rows: int) -> str:
    """Return what adds several rows to a table of totals."""
    columns = bound(schema.MAIN_TABLES[table])
    return (
        f"INSERT INTO main.{table} ({_names(columns)}) VALUES {_values(columns, rows)}"
        f" ON CONFLICT ({', '.join(schema.KEYS[table])}) DO UPDATE SET {_added(table)}"
    )


INDEX_ROWS = tuple(
    f"CREATE INDEX IF NOT EXISTS month.{name} {rows}" for name, rows in schema.ROW_INDEXES.items()
)
INSERT_WINDOW = (
    f"INSERT INTO main.windows ({_names(bound(schema.WINDOWS))})"
    f" VALUES {_values(schema.WINDOWS, 1)} ON CONFLICT DO NOTHING"
)


def _added(table: str) -> str:
    """How a row of totals grows by another one."""
    sums = [one.name for one in schema.MAIN_TABLES[table] if one.sums]
    return (
        ", ".join(f"{one} = ifnull({one}, 0) + excluded.{one}" for one in sums)
        + ", first = min(first, excluded.first), last = max(last, excluded.last)"
    )


ALL_NAMES = (
    "INSERT INTO main.names (text) SELECT text FROM month.names WHERE true ON CONFLICT DO NOTHING"
)
"""Copies a month's names to the totals."""


def rebuild_sql(table: str) -> str:
    """Return the SQL that adds a month's rows up into a table of totals."""
    keys = [one for one in schema.TOTAL_TABLES[table] if one.name in schema.KEYS[table]]
    seconds = schema.SECONDS.get(table)
    selected = [
        f"CAST(started / {seconds} AS INTEGER)" if one.name == "bucket" else _renumbered(one.name)
        for one in keys
    ]
    sums = [_SUM_OF.get(one.name, f"sum(ifnull({one.name}, 0))") for one in schema.SUMS]
    columns = [*(one.name for one in keys), *(one.name for one in schema.SUMS), "first", "last"]
    condition = " WHERE session != 0" if table == "sessions" else ""
    groups = ", ".join(str(number) for number in range(1, len(keys) + 1))
    return (
        f"INSERT INTO main.{table} ({', '.join(columns)}) SELECT"
        f" {', '.join([*selected, *sums, 'min(started)', 'max(started)'])}"
        f" FROM month.requests{condition} GROUP BY {groups}"
        f" ON CONFLICT ({', '.join(schema.KEYS[table])}) DO UPDATE SET {_added(table)}"
    )


_MONTH_OF_DAY = (
    "12 * CAST(strftime('%Y', bucket * 86400, 'unixepoch') AS INTEGER)"
    " + CAST(strftime('%m', bucket * 86400, 'unixepoch') AS INTEGER) - 1"
)


def rollup_sql(table: str) -> str:
    """Return the SQL that fills an empty rollup from the totals."""
    keys = schema.KEYS[table]
    sums = [one.name for one in schema.SUMS]
    selected = [
        *(_MONTH_OF_DAY if (table, key) == ("monthly", "bucket") else key for key in keys),
        *(f"sum({one})" for one in sums),
    ]
    groups = ", ".join(str(number) for number in range(1, len(keys) + 1))
    return (
        f"INSERT INTO main.{table} ({', '.join([*keys, *sums, 'first', 'last'])})"
        f" SELECT {', '.join(selected)}, min(first), max(last)"
        f" FROM main.{schema.SOURCES[table]} GROUP BY {groups}"
    )


def _renumbered(column: str) -> str:
    """A month's number of a name as that of the totals."""
    return (
        "ifnull((SELECT main.names.number FROM main.names JOIN month.names ON"
        f" main.names.text = month.names.text WHERE month.names.number = requests.{column}), 0)"
    )


def _states(*states: str) -> str:
    listed = ", ".join(f"'{state}'" for state in states)
    return f"(SELECT number FROM month.names WHERE text IN ({listed}))"


_SOME_TOKENS = " OR ".join(f"ifnull({one}, 0) > 0" for one in TOKEN_CLASSES)
_SUM_OF = {
    "requests": "count(*)",
    "failed": f"sum(state IN {_states(*FAILED_STATES)})",
    "unpriced": f"sum(cost IS NULL AND ({_SOME_TOKENS}))",
    "covered": f"sum(CASE WHEN billing IN {_states('plan')} THEN ifnull(list_cost, 0) ELSE 0 END)",
    "unlisted": f"sum(list_cost IS NULL AND ({_SOME_TOKENS}))",
    "uncovered": f"sum(list_cost IS NULL AND ({_SOME_TOKENS}) AND billing IN {_states('plan')})",
    "with_output": "count(first_output_ms)",
}
