"""One router before a provider of each format, and the table of who reached whom."""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import pytest

from tests.integration.sdks.upstreams import PROVIDERS
from tests.integration.sdks.upstreams.provider import Provider
from tests.integration.sdks.upstreams.provider import Served
from tests.integration.sdks.upstreams.provider import serving
from tests.support.answers import Answer
from tests.support.router import Router
from tests.support.steps import Behaviour
from tests.support.steps import Reaction
from tests.support.upstream import Upstream

FORMATS = ("openai-chat", "openai-responses", "anthropic", "gemini", "ollama")
SPARES = 60
"""Providers a format whose key may go out: one for each test that makes it."""

_RESULTS: Counter[tuple[str, str, bool]] = Counter()


@dataclass(slots=True)
class Stage:
    router: Router
    upstream: Upstream
    _models: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _spares: dict[str, Iterator[int]] = field(default_factory=dict)

    def serve(self, format: str, *answers: Answer) -> tuple[str, Served]:
        """A model that gives these answers: its name for clients, and what becomes of it."""
        provider, served = PROVIDERS[format], Served()
        model = f"model-{next(self._models)}"
        self.upstream.on(model, *serving(provider, served, answers))
        return f"{provider.short}/{model}", served

    def plan(self, format: str, *reactions: Reaction) -> str:
        """A model that reacts so to what is not judged here."""
        model = f"model-{next(self._models)}"
        self.upstream.on(model, *reactions)
        return f"{PROVIDERS[format].short}/{model}"

    def fail(self, format: str, behaviour: Behaviour) -> str:
        """A model of a provider that nobody else uses, which behaves so."""
        provider = PROVIDERS[format]
        number = next(self._spares.setdefault(format, iter(range(SPARES))))
        model = f"model-{next(self._models)}"
        self.upstream.on(model, behaviour)
        return f"{provider.short}-{number}/{model}"


def _provider(provider: Provider, name: str, url: str) -> dict[str, Any]:
    address = provider.base_url(url)
    return {"name": name, "format": provider.format, "base-url": address, "api-key": f"k-{name}"}


@pytest.fixture(scope="package")
def whole_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Upstream() as upstream:
        providers = [
            _provider(provider, name, upstream.url)
            for provider in PROVIDERS.values()
            for name in (provider.short, *(f"{provider.short}-{n}" for n in range(SPARES)))
        ]
        listed = _provider(PROVIDERS["openai-chat"], "listed", upstream.url)
        listed["models"] = [{"name": "big", "context-window": 200_000}, {"name": "small"}]
        config = {
            "providers": [*providers, listed],
            "retry": {"request-retry": 0},
            "cooldown": {"base": "50ms", "cap": "100ms"},
        }
        with Router(tmp_path_factory.mktemp("sdks"), config) as router:
            yield Stage(router, upstream)


@pytest.fixture
def stage(whole_stage: Stage) -> Iterator[Stage]:
    """The shared stage. Every request to an upstream must have been planned for."""
    yield whole_stage
    unplanned = [request.body for request in whole_stage.upstream.unscripted]
    whole_stage.upstream.unscripted.clear()
    assert not unplanned, f"unplanned: {unplanned}"


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """SDKs see no proxy, and no key or address of the machine's."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("OPENAI", "ANTHROPIC", "GEMINI", "GOOGLE", "OLLAMA"):
        for what in ("API_KEY", "AUTH_TOKEN", "BASE_URL", "HOST"):
            monkeypatch.delenv(f"{name}_{what}", raising=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[Any]:
    report = yield
    params = getattr(getattr(item, "callspec", None), "params", {})
    if "client" in params and "upstream" in params and not report.skipped:
        if report.when == "call" or report.failed:
            _RESULTS[params["client"], params["upstream"], report.passed] += 1
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Clients by upstreams: passed / total."""
    if not _RESULTS:
        return
    terminalreporter.section("SDKs through the router, client x upstream: passed / total")
    terminalreporter.write_line(f"{'':18}" + "".join(f"{name:>18}" for name in FORMATS))
    for client in FORMATS:
        cells = []
        for upstream in FORMATS:
            passed = _RESULTS[client, upstream, True]
            cells.append(f"{passed} / {passed + _RESULTS[client, upstream, False]}")
        terminalreporter.write_line(f"{client:18}" + "".join(f"{cell:>18}" for cell in cells))
