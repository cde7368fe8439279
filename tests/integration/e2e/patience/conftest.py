"""The shared arenas, with and without signs of life."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.e2e.patience.arena import Arena
from tests.integration.e2e.patience.arena import client_of
from tests.integration.e2e.patience.arena import open_arena


@pytest.fixture(scope="package")
def whole_arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with open_arena(tmp_path_factory.mktemp("arena"), "100ms") as arena:
        yield arena


@pytest.fixture(scope="package")
def quiet_arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """Without signs of life: with its first one, a stream's status is settled."""
    with open_arena(tmp_path_factory.mktemp("quiet"), "1h") as arena:
        yield arena


@pytest.fixture
def arena(whole_arena: Arena) -> Iterator[Arena]:
    yield whole_arena
    _all_was_planned(whole_arena)


@pytest.fixture
def quiet(quiet_arena: Arena) -> Iterator[Arena]:
    yield quiet_arena
    _all_was_planned(quiet_arena)


@pytest.fixture
async def quiet_http(quiet: Arena) -> Any:
    async with client_of(quiet) as client:
        yield client


def _all_was_planned(arena: Arena) -> None:
    unplanned = [(r.model, r.body) for r in arena.upstream.unscripted]
    arena.upstream.unscripted.clear()
    assert not unplanned


@pytest.fixture
async def http(arena: Arena) -> Any:
    async with client_of(arena) as client:
        yield client
