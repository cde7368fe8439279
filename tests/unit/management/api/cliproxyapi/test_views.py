"""What all views of the file keep to."""

import asyncio
from pathlib import Path

import httpx2


async def test_writes_need_no_match_and_are_audited(client: httpx2.AsyncClient) -> None:
    assert (await client.put("/request-retry", json={"value": 2})).json() == {"status": "ok"}
    row = (await client.get("/audit")).json()["rows"][0]
    assert (row["action"], row["who"]) == ("PUT /request-retry", "management")
    assert "+  request-retry: 2" in row["diff"]


async def test_writes_at_once_are_all_made(client: httpx2.AsyncClient, file: Path) -> None:
    calls = [client.patch("/api-keys", json={"old": "", "new": f"sk-new-{n:012}"})
             for n in range(5)]  # fmt: skip
    assert {answer.status_code for answer in await asyncio.gather(*calls)} == {200}
    assert len((await client.get("/api-keys")).json()["api-keys"]) == 6
    assert "# Written by hand." in file.read_text()


async def test_a_file_that_is_read_only_stays(client: httpx2.AsyncClient, file: Path) -> None:
    before = file.read_text()
    wrong = await client.put("/proxy-url", json={"value": "nothing://"})
    assert wrong.status_code == 422 and file.read_text() == before
