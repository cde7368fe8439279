"""Redis servers, which the tests start themselves."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.integration.state.redis_server import PROGRAM
from tests.integration.state.redis_server import RedisServer


@pytest.fixture
def needs_redis() -> None:
    if PROGRAM is None:
        pytest.skip("redis-server is not installed (Debian's package redis-server)")
    pytest.importorskip("redis", reason="redis is not installed (the extra `redis`)")


@pytest_asyncio.fixture
async def redis_server(needs_redis: None) -> AsyncIterator[RedisServer]:
    # Paths of Unix sockets are short, and those of pytest are not.
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        await server.start()
        try:
            yield server
        finally:
            server.kill()
