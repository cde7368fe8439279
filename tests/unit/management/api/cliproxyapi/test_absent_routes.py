"""Calls without a counterpart are refused with what there is instead."""

import httpx2
import pytest

from switchyard.management.api.cliproxyapi.absent_routes import ABSENT
from switchyard.management.api.cliproxyapi.absent_routes import AbsentCall


@pytest.mark.parametrize("call", ABSENT, ids=lambda call: f"{call.method} {call.path}")
async def test_what_there_is_instead(client: httpx2.AsyncClient, call: AbsentCall) -> None:
    answer = await client.request(call.method, call.path, content=b"anything")
    assert answer.status_code == (404 if call.method == "GET" else 409)
    assert answer.json()["error"] == call.instead


async def test_there_are_no_files_of_failed_requests(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/request-error-logs")).json() == {"files": []}
    missing = await client.get("/request-error-logs/error-2024-05-20.log")
    assert missing.status_code == 404 and "exchange-log" in missing.json()["error"]
