"""Fixtures that several kinds of tests share."""

import inspect
import os
from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.support.router import Router
from tests.support.signals import PATIENCE
from tests.support.tls import write_ca
from tests.support.upstream import Upstream

# The same examples every time: a submission is not judged by luck. Runs by hand search anew. How
# long an example takes depends on what else the machine does.
SLOW = [HealthCheck.too_slow]
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=SLOW)
settings.register_profile("hand", deadline=None, suppress_health_check=SLOW)
settings.load_profile("ci" if os.environ.get("CI") else "hand")


# Clients that are given no timeout share this one, of five seconds otherwise.
for limit in ("connect", "read", "write", "pool"):
    setattr(inspect.signature(httpx2.get).parameters["timeout"].default, limit, PATIENCE)


@pytest.fixture(autouse=True, scope="session")
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is kept in the user's own folder of states."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--tools", action="store_true", help="run all real coding tools (slow)")


ALONE = ("tests/integration/net/", "tests/integration/tools/")
"""What makes network namespaces and installs tools: one process runs it, one after another."""


class Scheduling(LoadFileScheduling):
    """Gives each process of `pytest -n` whole modules, since they share what they start."""

    def _split_scope(self, nodeid: str) -> str:
        return "alone" if nodeid.startswith(ALONE) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """What a process of `pytest -n` tells of a test must be encodable, or the process ends and its
    other tests do not run. Logs of what clients send may hold lone surrogates."""
    return encodable((yield))


def encodable(data: Any) -> Any:
    """The same with backslash escapes for what UTF-8 cannot say."""
    match data:
        case str():
            return data.encode(errors="backslashreplace").decode()
        case dict():
            return {encodable(key): encodable(value) for key, value in data.items()}
        case list() | tuple():
            return type(data)(map(encodable, data))
    return data


@pytest.fixture(scope="session")
def upstream_ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of the authority behind all TLS upstreams."""
    return write_ca(tmp_path_factory.mktemp("tls") / "upstreams.pem")


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """An upstream of the test's own. Every request to it must have been planned for."""
    with Upstream() as server:
        yield server
    assert not server.unscripted, f"unplanned: {[r.body for r in server.unscripted]}"


@pytest.fixture
def start_router(tmp_path: Path) -> Iterator[Callable[..., Router]]:
    """Starts routers, and stops them at the end: cleanly, and with nothing bad in their logs."""
    started: list[Router] = []

    def start(config: str | dict[str, Any], *args: str, **options: Any) -> Router:
        directory = tmp_path / f"router-{len(started)}"
        directory.mkdir()
        router = Router(directory, config, *args, **options)
        started.append(router.start())
        return router

    yield start
    for router in started:
        router.stop()
