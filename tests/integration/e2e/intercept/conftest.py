"""The router before the providers' own hosts, and a login for each test."""

import json
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.e2e.intercept.world import ALONE
from tests.integration.e2e.intercept.world import CLAUDE
from tests.integration.e2e.intercept.world import CODEX
from tests.integration.e2e.intercept.world import COPILOT
from tests.integration.e2e.intercept.world import GOOGLE
from tests.integration.e2e.intercept.world import HOSTS
from tests.integration.e2e.intercept.world import KEY
from tests.integration.e2e.intercept.world import World
from tests.integration.e2e.intercept.world import numbers
from tests.support.router import ROOT
from tests.support.router import Router
from tests.support.tls import server_context
from tests.support.upstream import Upstream


@pytest.fixture(scope="package")
def whole_world(upstream_ca: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    one = Upstream(tls=server_context("http/1.1", names=HOSTS))
    two = Upstream(tls=server_context("h2", "http/1.1", names=HOSTS))
    with one as home, two as copilot, Upstream() as other:
        ports = dict.fromkeys(HOSTS, home.port) | {COPILOT: copilot.port}
        config = {
            "providers": [{"name": "glm", "base-url": f"{other.url}/v1", "api-key": KEY}],
            "combos": {"net": {"members": ["glm/glm-net"], "wait-for-recovery": "1s"}},
            "intercept": {
                CLAUDE: {
                    "members": ["passthrough", "glm/glm-4.7"],
                    "return": "at-once",
                    "models": {"*haiku*": ["passthrough", "glm/flash"], "*opus*": "net"},
                },
                CODEX: {"members": ["passthrough", "glm/glm-4.7"], "return": "at-once"},
                GOOGLE: {"members": ["passthrough", "glm/glm-4.7"], "return": "at-once"},
                COPILOT: {"members": ["glm/glm-4.7", "passthrough"], "return": "at-once"},
                ALONE: "passthrough",
            },
            "retry": {"request-retry": 0},
            "cooldown": {"base": "50ms", "cap": "100ms"},
        }
        directory = tmp_path_factory.mktemp("intercept")
        router = Router(
            directory,
            config,
            *("-s", str(ROOT / "tests" / "support" / "elsewhere.py")),
            *("-w", str(directory / "flows.mitm")),
            env={"TEST_HOSTS": json.dumps(ports)},
            trust=upstream_ca,
        )
        with router:
            yield World(home, copilot, other, router)


@pytest.fixture
def world(whole_world: World) -> Iterator[World]:
    """Every request to an upstream must have been planned for."""
    yield whole_world
    for upstream in (whole_world.home, whole_world.copilot, whole_world.other):
        unplanned = [(r.target, r.body[:200]) for r in upstream.unscripted]
        upstream.unscripted.clear()
        upstream.forget()
        assert not unplanned


@pytest.fixture
def token() -> str:
    """The login of a client of the test's own, so that nothing of another test is held against
    it."""
    return f"sk-ant-oat01-login-{next(numbers)}"


@pytest.fixture
def own_world(world: World, upstream_ca: Path, tmp_path: Path) -> Callable[[dict[str, Any]], World]:
    """The same hosts behind a router of the test's own configuration."""

    def start(more: dict[str, Any], *args: str) -> World:
        provider = {"name": "glm", "base-url": f"{world.other.url}/v1", "api-key": KEY}
        router = Router(
            tmp_path,
            {"providers": [provider], "retry": {"request-retry": 0}, **more},
            *("-s", str(ROOT / "tests" / "support" / "elsewhere.py"), *args),
            env={"TEST_HOSTS": json.dumps(dict.fromkeys(HOSTS, world.home.port))},
            trust=upstream_ca,
        )
        return World(world.home, world.copilot, world.other, router)

    return start
