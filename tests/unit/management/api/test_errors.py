"""What the errors of the API say."""

import httpx2
import pytest
from fastapi import FastAPI

from switchyard.management.api.bodies import RequestBody
from switchyard.management.api.errors import install_errors


class Wish(RequestBody):
    model: str


@pytest.mark.parametrize(
    ("kind", "content", "has_hint"),
    [
        ("application/x-www-form-urlencoded", '{"model": "m"}', True),
        ("application/json; charset=utf-8", '["m"]', False),
    ],
)
async def test_a_body_that_is_not_called_json_gets_a_hint(
    kind: str, content: str, has_hint: bool
) -> None:
    app = FastAPI()
    install_errors(app)

    @app.post("/wish")
    async def wish(asked: Wish) -> None: ...

    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.post("/wish", content=content, headers={"content-type": kind})
    (problem,) = answer.json()["problems"]
    assert answer.status_code == 422
    assert ("Content-Type: application/json" in (problem["hint"] or "")) is has_hint
