"""A small sample of `python -m tests.integration.replicas`."""

import pytest

from tests.integration.replicas import missing_programs
from tests.integration.replicas import prove
from tests.support.postgres import find_programs
from tests.support.postgres import postgres_server
from tests.support.upstream import Upstream


async def test_a_restart_loses_no_stream(upstream: Upstream) -> None:
    if missing := missing_programs():
        pytest.skip(f"not installed: {', '.join(missing)}")
    pytest.importorskip("redis", reason="redis is not installed (the extra `redis`)")
    programs = find_programs()
    assert programs
    with postgres_server(programs) as server:
        figures = await prove(60, 1, server, upstream)
    assert not figures.lost
    assert figures.streams >= 60
    assert figures.streams == figures.rows == figures.complete == figures.counted
