"""The router before providers of three formats."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.e2e.stage import KEY
from tests.integration.e2e.websocket.world import World
from tests.support.router import LAUNCHER
from tests.support.router import Router
from tests.support.upstream import Upstream


@pytest.fixture(scope="package", params=["launch", "mitmdump"])
def whole_world(
    request: pytest.FixtureRequest, upstream_ca: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """With the engine of `scripts/start`, and without."""
    with Upstream() as upstream, pytest.MonkeyPatch.context() as patch:
        formats = {"chat": "openai-chat", "anth": "anthropic", "resp": "openai-responses"}
        providers = [
            {"name": name, "format": format, "base-url": f"{upstream.url}/v1", "api-key": KEY}
            for short, format in formats.items()
            for name in (short, f"{short}-busy")
        ]
        config = {
            "providers": providers,
            "combos": {"stack": ["chat/bad", "anth/good"]},
            "intercept": {
                "native.example": ["resp/home"],
                "mixed.example": ["passthrough", "stack"],
            },
            "retry": {"request-retry": 0},
            "cooldown": {"base": "20ms", "cap": "40ms"},
            "heartbeat": {"after": "50ms", "every": "50ms"},
        }
        if request.param == "mitmdump":
            patch.setenv(LAUNCHER, "mitmdump")
        with Router(tmp_path_factory.mktemp("websocket"), config, trust=upstream_ca) as router:
            yield World(upstream, router)


@pytest.fixture
def world(whole_world: World) -> Iterator[World]:
    upstream = whole_world.upstream
    yield whole_world
    unplanned = [request.body for request in upstream.unscripted]
    upstream.unscripted.clear()
    upstream.forget()
    assert not unplanned, f"unplanned: {unplanned}"
