"""A store of four requests in two months."""

from pathlib import Path

import pytest

from switchyard.usage.reader import UsageReader
from switchyard.usage.records import Tokens
from switchyard.usage.sqlite import SqliteStore
from tests.unit.usage.support import at
from tests.unit.usage.support import record


@pytest.fixture
def reader(tmp_path: Path) -> UsageReader:
    store = SqliteStore(tmp_path, "w")
    store.write(
        [
            record(started=at("2026-11-01T23:30"), project="yard", session="s1"),
            record(
                started=at("2026-11-02T00:30"),
                project="yard",
                session="s1",
                model="claude-opus-4-6",
                tokens=Tokens(input=10, cache_read=90, cache_write_1h=5, output=7, reasoning=3),
                cost=0,
                list_cost=2_000_000_000,
                billing="plan",
            ),
            record(started=at("2026-11-09T12:00"), client_key=None, session="s2", state="failed"),
            record(started=at("2026-12-01T00:00"), cost=None, list_cost=None, tool="\x1b[2Jcodex"),
        ],
        [],
    )
    store.close()
    return UsageReader(tmp_path)
