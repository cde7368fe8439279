"""Parameters that are sent twice, or that a route does not have, are refused; no others."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Never

import httpx2
import pytest
from fastapi import FastAPI

from tests.support.management import ManagementApp

KEY = "manage-me-7f3a"
TEXT = f"""\
providers:
  - {{name: one, base-url: "http://127.0.0.1:9/v1", api-key: sk-one-0123456789, models: [a]}}
management: {{key: {KEY}}}
"""
BASE = "/v0/management"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    file = tmp_path / "switchyard.yaml"
    file.write_text(f"{TEXT}usage: {{dir: {tmp_path}/usage}}\n")
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(ManagementApp(file, KEY)),
        base_url=f"http://localhost{BASE}",
        headers={"authorization": f"Bearer {KEY}"},
    ) as client:
        yield client


async def test_a_parameter_that_is_sent_twice_is_refused(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/records?model=a&model=b")
    assert answer.status_code == 422 and "twice" in answer.json()["detail"]
    assert (await client.get("/records?model=a&provider=a")).status_code == 200


async def test_a_parameter_that_a_route_does_not_have_is_refused(
    client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    before = (tmp_path / "switchyard.yaml").read_text()
    headers = {"if-match": "*"}
    misspelt = await client.put("/aliases/x?dryrun=1", json="one/a", headers=headers)
    assert misspelt.status_code == 422 and "dry-run" in misspelt.json()["detail"]
    assert (await client.get("/quota?x")).status_code == 422
    assert (tmp_path / "switchyard.yaml").read_text() == before


async def test_every_route_takes_what_its_description_says(client: httpx2.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    found, said = {}, {}
    for path, methods in paths.items():
        if not path.startswith(BASE):
            continue
        for method, operation in methods.items():
            place = path.removeprefix(BASE).replace("{", "").replace("}", "")
            answer = await client.request(method, f"{place}?nothing-takes-this=1")
            found[method, path] = (answer.status_code, answer.json()["detail"].partition("It ")[2])
            takes = sorted(
                one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"
            )
            said[method, path] = (422, f"takes {', '.join(takes) or 'none'}.")
    assert found == said


async def test_no_question_waits_for_the_description(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def describe(app: FastAPI) -> Never:
        raise AssertionError("it takes a fifth of a second, in which no request moves")

    monkeypatch.setattr(FastAPI, "openapi", describe)
    assert (await client.get("/records?limit=1")).status_code == 200
