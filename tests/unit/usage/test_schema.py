"""The tables have a column for all that records hold."""

from dataclasses import fields

import pytest

from switchyard.usage.records import TOKEN_CLASSES
from switchyard.usage.records import AttemptUsage
from switchyard.usage.records import RequestRecord
from switchyard.usage.schema import ATTEMPTS
from switchyard.usage.schema import KEYS
from switchyard.usage.schema import MAIN_TABLES
from switchyard.usage.schema import REQUESTS
from switchyard.usage.schema import ROW_TABLES
from switchyard.usage.schema import Column


@pytest.mark.parametrize(
    ("record", "columns", "apart"),
    [
        (RequestRecord, REQUESTS, {"tokens", "tries"}),
        (AttemptUsage, ATTEMPTS, {"tokens"}),
    ],
)
def test_every_field_has_a_column(
    record: type, columns: tuple[Column, ...], apart: set[str]
) -> None:
    names = {column.name for column in columns}
    assert {field.name for field in fields(record)} - apart <= names
    assert set(TOKEN_CLASSES) <= names
    assert len(names) == len(columns)


def test_keys_are_columns() -> None:
    for table, columns in {**ROW_TABLES, **MAIN_TABLES}.items():
        assert set(KEYS[table]) <= {column.name for column in columns}
