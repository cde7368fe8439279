"""The list of requests while nothing is on record, and when the first request arrives."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.dashboard.conftest import ask
from tests.integration.dashboard.conftest import config
from tests.support.browser import Page
from tests.support.router import Router
from tests.support.signals import wait_until

LIVE = "document.querySelector('.top .live')?.className === 'live live'"
NOTHING = "document.querySelector('.virtual')?.innerText.includes('No request is on record yet.')"
FRESH = "document.querySelector('main p button')?.innerText"
ROWS = "document.querySelectorAll('.virtual button.row').length"


def on_record(page: Page) -> int:
    """How many requests a page finds when it asks."""
    return page.run(
        "fetch('/v0/management/records').then(answer => answer.json())"
        ".then(told => told.records.length)"
    )


@pytest.mark.parametrize("width", [380, 1400])
def test_an_empty_list_tells_of_the_first_request(
    start_router: Callable[..., Router], chromium: str, tmp_path: Path, width: int
) -> None:
    router = start_router(config(tmp_path))
    with Page(chromium, width, 900) as page:
        page.go(f"{router.url}/dashboard/#/requests")
        page.wait(LIVE)
        page.wait(NOTHING)
        ask(router, "demo/echo")
        page.wait(f"{FRESH} === 'Show 1 new request'")
        wait_until(lambda: on_record(page) == 1)
        page.click("main p button")
        page.wait(f"{ROWS} === 1")
        page.wait(f"!({FRESH})")
        ask(router, "demo/echo", "demo/echo")
        page.wait(f"{FRESH} === 'Show 2 new requests'")
