"""A router with traffic, and a browser that looks at its dashboard."""

import json
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.tools.installing import NotInstalled
from tests.integration.tools.installing import Package
from tests.integration.tools.installing import install
from tests.support.browser import Page
from tests.support.browser import find_chromium
from tests.support.router import Router

AXE = Package("axe-core", "4.14.1")
MARKUP = "<img src=x onerror=\"document.body.dataset.hacked='yes'\">"
"""What would run where text became markup."""


@pytest.fixture(scope="session")
def chromium() -> str:
    found = find_chromium()
    if found is None:
        pytest.skip("NOT TRIED: no Chromium is here (Debian's package: chromium)")
    return found


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, from npm's registry."""
    try:
        return (install(AXE).parent / "axe-core" / "axe.min.js").read_text()
    except NotInstalled as e:
        pytest.skip(f"NOT TRIED: {e}")


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    folder = tmp_path_factory.mktemp("dashboard")
    with Router(folder, config(folder)) as router:
        ask(router, "coding", "demo/echo", MARKUP)
        yield router


def config(folder: Path, **members: Any) -> dict[str, Any]:
    """A provider that answers, and one that nothing listens for."""
    down = {"name": "down", "format": "openai-chat", "base-url": "http://127.0.0.1:9/v1"}
    return {
        "providers": [
            {"name": "demo", "builtin": "demo", "models": ["echo"]},
            {**down, "api-key": "sk-down-0123456789abcdef", "models": ["x"]},
        ],
        "combos": {"coding": ["down/x", "demo/echo"]},
        "intercept": {"api.anthropic.com": ["passthrough", "coding"]},
        "usage": {"dir": str(folder / "usage")},
        "exchange-log": {"dir": str(folder / "log")},
        **members,
    }


def ask(router: Router, *models: str, agent: str = f"claude-cli/2.1 {MARKUP}") -> None:
    """One request for each model; what cannot be answered is on record as well."""
    with httpx2.Client(base_url=router.url, timeout=60, trust_env=False) as client:
        for model in models:
            body = {"model": model, "messages": [{"role": "user", "content": MARKUP}]}
            client.post("/v1/chat/completions", json=body, headers={"user-agent": agent})


def violations(page: Page, axe: str) -> object:
    """What axe-core finds on a page."""
    page.run(axe + "; 0")
    return json.loads(
        page.run(
            "axe.run().then(r => JSON.stringify(r.violations.map("
            "v => [v.id, v.help, v.nodes.map(n => n.html).slice(0, 3)])))"
        )
    )


@pytest.fixture
def open_page(chromium: str, router: Router) -> Iterator[Callable[..., Page]]:
    """Opens the dashboard at a screen, in a window of a width and a colour scheme."""
    pages: list[Page] = []

    def opened(screen: str, width: int = 1400, scheme: str = "dark", at: str = router.url) -> Page:
        page = Page(chromium, width, 900).__enter__()
        pages.append(page)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        page.call("Emulation.setEmulatedMedia", features=features)
        page.go(f"{at}/dashboard/#/{screen}")
        return page

    yield opened
    for page in pages:
        page.__exit__(None, None, None)
