"""Requests that pass through to a provider's host which cannot be reached."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.e2e.test_transport import trusting
from tests.support.ports import free_port
from tests.support.router import Router

BROWSER = "text/html,*/*;q=0.8"


@pytest.mark.parametrize("http2", [True, False], ids=["http2", "http1"])
async def test_the_error_has_the_clients_format(tmp_path: Path, http2: bool) -> None:
    host = f"https://localhost:{free_port()}"
    entry = {"name": "gone", "format": "anthropic", "base-url": host, "api-key-entries": ["sk-a"]}
    with Router(tmp_path, {"providers": [entry]}) as router:
        client = httpx2.AsyncClient(http2=http2, proxy=router.url, verify=trusting(router.ca))
        async with client:
            said: dict[str, Any] = {"anthropic-version": "2023-06-01"}
            answer = await client.get(f"{host}/v1/files", headers=said)
            page = await client.get(f"{host}/v1/files", headers={"accept": BROWSER})
    assert answer.http_version == page.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
    assert answer.status_code == page.status_code == 502
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["type"] == "error" and answer.json()["error"]["message"]
    assert "text/html" in page.headers["content-type"]
