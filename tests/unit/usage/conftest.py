"""A store of four requests in two months, and the stores that the same tests run on."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from switchyard.usage.reader import UsageReader
from switchyard.usage.records import Tokens
from switchyard.usage.sqlite import SqliteStore
from tests.support.postgres import PostgresServer
from tests.support.postgres import find_programs
from tests.support.postgres import postgres_server
from tests.unit.usage.stores import Kept
from tests.unit.usage.stores import KeptInFiles
from tests.unit.usage.stores import KeptOnServer
from tests.unit.usage.support import at
from tests.unit.usage.support import record

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    if (programs := find_programs()) is None:
        pytest.skip("PostgreSQL is not installed (Debian, Ubuntu: apt install postgresql)")
    with postgres_server(programs) as server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    """The URL of an empty database."""
    with postgres.database(f"usage{next(_numbers)}") as url:
        yield url


@pytest.fixture(params=["files", "server"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """An empty place for records, of each kind."""
    if request.param == "files":
        return KeptInFiles(tmp_path)
    return KeptOnServer(request.getfixturevalue("database"), tmp_path)


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
