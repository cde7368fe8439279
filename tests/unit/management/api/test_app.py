"""The application of the management API, asked without a proxy."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.disks import full_disk
from tests.support.management import ManagementApp

KEY = "manage-me-7f3a"
SECRET = "sk-one-0123456789"
TEXT = f"""\
providers:
  - name: one
    base-url: http://127.0.0.1:9/v1
    api-key: {SECRET}
    models: [a]
aliases: {{fast/er: one/a}}
management: {{key: {KEY}}}
"""


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    file = tmp_path / "switchyard.yaml"
    (tmp_path / "keys.yaml").write_text("api-keys: []\n")
    places = f"clients: {{keys-file: {tmp_path}/keys.yaml}}\nusage: {{dir: {tmp_path}/usage}}\n"
    file.write_text(f"{TEXT}{places}")
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(ManagementApp(file, KEY)),
        base_url="http://localhost/v0/management",
        headers={"authorization": f"Bearer {KEY}"},
    ) as client:
        yield client


async def test_an_entry_is_read_as_it_is_put(client: httpx2.AsyncClient) -> None:
    alias = await client.get("/aliases/fast/er")
    assert alias.json() == "one/a" and alias.headers["etag"]
    found = await client.get("/providers/one")
    assert found.json()["api-key"] == "sk-...6789"
    headers = {"if-match": found.headers["etag"]}
    written = await client.put("/providers/one", json=found.json(), headers=headers)
    assert written.json()["changed"] is False
    for path in ("/providers/two", "/aliases/two", "/combos/two"):
        assert (await client.get(path)).status_code == 404


async def test_what_is_not_there_is_a_404(client: httpx2.AsyncClient) -> None:
    for method, path in (("GET", "/nothing"), ("PUT", "/nothing/x"), ("GET", "/nothing/x")):
        answer = await client.request(method, path, json={}, headers={"if-match": "*"})
        assert answer.status_code == 404 and "openapi.json" in answer.json()["detail"]
    assert (await client.post("/keys/nobody/rotate")).status_code == 404


async def test_the_description_says_what_needs_if_match(client: httpx2.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    needing = {
        path
        for path, methods in paths.items()
        for operation in methods.values()
        for one in operation.get("parameters", ())
        if one["name"] == "if-match" and one["required"]
    }
    assert "/v0/management/config" in needing
    assert "/v0/management/openai-compatibility" not in needing


async def test_bodies_refuse_members_they_do_not_know(client: httpx2.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()
    schemas = described["components"]["schemas"]
    taken = {
        name
        for methods in described["paths"].values()
        for operation in methods.values()
        if "CLIProxyAPI" not in operation["tags"]
        for name in re.findall(r'"#/components/schemas/(\w+)"', body_of(operation))
    }
    assert len(taken) > 5
    lax = {name for name in taken if schemas[name].get("additionalProperties") is not False}
    assert lax == set()


def body_of(operation: dict[str, Any]) -> str:
    return json.dumps(operation.get("requestBody"))


async def test_a_folder_that_cannot_be_written_is_told(
    client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    (tmp_path / "management").write_text("")  # in the place of the folder of sessions
    begun = await client.post("/session")
    assert begun.status_code == 503 and "session cannot be kept" in begun.json()["detail"]


async def test_a_full_disk_is_no_file_that_cannot_be_read(
    client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    before = (tmp_path / "switchyard.yaml").read_text()
    with full_disk(64):
        told = await client.put("/aliases/two", json="one/a", headers={"if-match": "*"})
    assert told.status_code == 503 and "cannot be written" in told.json()["detail"]
    assert (tmp_path / "switchyard.yaml").read_text() == before
