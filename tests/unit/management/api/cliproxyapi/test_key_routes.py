"""Lists of keys over HTTP: masked, and unchanged when a mask or the key itself comes back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2

from tests.unit.management.api.cliproxyapi.conftest import TEXT


async def test_client_keys_are_masked_and_keep_their_policies(
    client: httpx2.AsyncClient, file: Path, values: Callable[[], dict[str, Any]]
) -> None:
    found = await client.get("/api-keys")
    assert found.json() == {"api-keys": ["sk-...67an"]} and found.headers["etag"]
    before = file.read_text()
    for same in (["sk-...67an"], {"items": ["sk-ann-01234567an"]}):
        assert (await client.put("/api-keys", json=same)).json() == {"status": "ok"}
        assert file.read_text() == before
    patch = {"old": "sk-ann-01234567an", "new": "sk-ann-9876543210"}
    assert (await client.patch("/api-keys", json=patch)).status_code == 200
    kept = values()["clients"]["api-keys"][0]
    assert kept == {"key": "sk-ann-9876543210", "name": "ann", "concurrency": 3}
    gone = await client.delete("/api-keys", params={"value": "sk-ann-9876543210"})
    assert gone.json() == {"status": "ok"}
    assert [one["name"] for one in values()["clients"]["api-keys"]] == ["ben"]


async def test_a_mask_of_nothing_is_refused(client: httpx2.AsyncClient, file: Path) -> None:
    answer = await client.put("/api-keys", json=["sk-...0000"])
    assert answer.status_code == 422 and answer.json()["problems"]
    assert file.read_text().startswith(TEXT)


async def test_keys_of_a_vendor(
    client: httpx2.AsyncClient, file: Path, values: Callable[[], dict[str, Any]]
) -> None:
    entries = (await client.get("/claude-api-key")).json()["claude-api-key"]
    assert [one["api-key"] for one in entries] == ["sk-...0001", "sk-...0002"]
    before = file.read_text()
    assert (await client.put("/claude-api-key", json=entries)).json() == {"status": "ok"}
    assert file.read_text() == before
    value = {"base-url": "https://example.com/api", "headers": {"X-Team": "cli"}}
    patch = {"match": "sk-ant-aaaaaaaa0001", "value": value}
    assert (await client.patch("/claude-api-key", json=patch)).json() == {"status": "ok"}
    assert values()["providers"][2] == {
        "name": "claude",
        "format": "anthropic",
        "base-url": "https://example.com/api",
        "headers": {"X-Team": "cli"},
        "excluded-models": ["claude-3-*"],
        "api-key": "sk-ant-aaaaaaaa0001",
    }
    assert "strategy: fill-first     # stays" in file.read_text()
    gone = await client.delete("/claude-api-key?api-key=sk-ant-aaaaaaaa0001")
    assert gone.status_code == 200 and len(values()["providers"]) == 2
    assert (await client.delete("/claude-api-key?index=7")).status_code == 404


async def test_an_older_list_is_the_same_keys(
    client: httpx2.AsyncClient, values: Callable[[], dict[str, Any]]
) -> None:
    name = "generative-language-api-key"
    assert (await client.put(f"/{name}", json=["AIzaSy-0123456789"])).status_code == 200
    assert values()["providers"][2] == {"preset": "gemini", "api-key": "AIzaSy-0123456789"}
    entries = (await client.get("/gemini-api-key")).json()["gemini-api-key"]
    assert (await client.get(f"/{name}")).json() == {name: [entries[0]["api-key"]]}
