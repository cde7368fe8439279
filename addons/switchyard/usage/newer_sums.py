"""The SQL that fills the sums which totals of an earlier version lack, from the sums they have.

Totals outlast the rows that they were made from, so what was not counted can be told in part only:
where requests used tokens and their list prices add up to nothing, all of them count as unknown.
"""

from switchyard.usage import schema
from switchyard.usage.records import TOKEN_CLASSES

_TOKENS = " + ".join(f"coalesce({one}, 0)" for one in TOKEN_CLASSES)
_UNLISTED = (
    f"CASE WHEN coalesce(list_cost, 0) = 0 AND {_TOKENS} > 0 THEN requests"
    " ELSE coalesce(unpriced, 0) END"
)
_PLAN = "(SELECT number FROM names WHERE text = 'plan')"


def add_sum(table: str, name: str) -> str:
    """Return the SQL that adds a sum to a table; it is 0 also where an earlier version writes."""
    return f"ALTER TABLE {table} ADD COLUMN {name} bigint NOT NULL DEFAULT 0"


def fill_sums(table: str) -> str:
    """Return the SQL that fills the newer sums of a table that has the dimensions."""
    return (
        f"UPDATE {table} SET unlisted = {_UNLISTED},"
        f" uncovered = CASE WHEN billing = {_PLAN} THEN {_UNLISTED} ELSE 0 END"
        f" WHERE {_UNLISTED} > 0"
    )


def refill_rollup(table: str) -> str:
    """Return the SQL that sums the newer sums of a rollup up anew, for what knows UPDATE FROM."""
    keys = schema.KEYS[table]
    sums = schema.NEWER_SUMS
    return (
        f"UPDATE {table} SET {', '.join(f'{one} = summed.{one}' for one in sums)} FROM"
        f" (SELECT {', '.join(keys)}, {', '.join(f'sum({one}) AS {one}' for one in sums)}"
        f" FROM {schema.SOURCES[table]} GROUP BY {', '.join(keys)}) AS summed"
        f" WHERE {' AND '.join(f'{table}.{key} = summed.{key}' for key in keys)}"
        " AND summed.unlisted > 0"
    )
