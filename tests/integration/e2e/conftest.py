"""The shared stage, and clients before it."""

from collections.abc import AsyncIterator
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from tests.integration.e2e.stage import CLIENT_KEY
from tests.integration.e2e.stage import Stage
from tests.integration.e2e.stage import close_stage
from tests.integration.e2e.stage import open_stage
from tests.support.router import Router


@pytest.fixture(scope="session")
def whole_stage(upstream_ca: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    def start(config: dict[str, Any]) -> Router:
        directory = tmp_path_factory.mktemp("stage")
        return Router(directory, config, trust=upstream_ca).start()

    stage = open_stage(start)
    yield stage
    close_stage(stage)


@pytest.fixture
def stage(whole_stage: Stage) -> Iterator[Stage]:
    """The shared router and upstreams. Every request to an upstream must have been planned for."""
    yield whole_stage
    unplanned = [r.body for upstream in whole_stage.upstreams for r in upstream.unscripted]
    for upstream in whole_stage.upstreams:
        upstream.unscripted.clear()
    assert not unplanned, f"unplanned: {unplanned}"


@pytest.fixture
def openai_client(stage: Stage) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{stage.router.url}/v1", api_key=CLIENT_KEY, max_retries=0, timeout=30
    ) as client:
        yield client


@pytest.fixture
def anthropic_client(stage: Stage) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(
        base_url=stage.router.url, api_key=CLIENT_KEY, max_retries=0, timeout=30
    ) as client:
        yield client


@pytest.fixture
async def http(stage: Stage) -> AsyncIterator[httpx2.AsyncClient]:
    """A plain client of the router's."""
    async with httpx2.AsyncClient(base_url=stage.router.url, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients see no proxy and no credentials of the machine's."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
