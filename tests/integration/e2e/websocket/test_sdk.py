"""OpenAI's own SDK over the WebSocket of the Responses API."""

import asyncio
from typing import Any

import openai

from tests.integration.e2e.stage import CLIENT_KEY
from tests.integration.e2e.websocket.world import World
from tests.integration.e2e.websocket.world import good
from tests.integration.e2e.websocket.world import said_in
from tests.support.answers import GOOD
from tests.support.signals import PATIENCE


def test_the_official_sdk(world: World) -> None:
    model, plan = world.on("anth", always=good("anth"))
    with (
        openai.OpenAI(base_url=f"{world.router.url}/v1", api_key=CLIENT_KEY) as client,
        client.responses.connect() as connection,
    ):
        before: dict[str, Any] = {}
        for _ in range(2):
            connection.response.create(model=model, input="hello", store=False, **before)
            for event in connection:
                if event.type == "response.completed":
                    before = {"previous_response_id": event.response.id}
                    assert GOOD in event.response.output_text
                    break
        connection.response.create(model="nobody/x", input="hello")
        error = connection.recv()
        assert error.type == "error" and error.status == 404
        assert "nobody/x" in error.error.message
    assert len(said_in(plan)) == 3


async def test_the_official_sdk_asynchronously(world: World) -> None:
    model, _ = world.on("chat", good("chat"))
    async with (
        openai.AsyncOpenAI(base_url=f"{world.router.url}/v1", api_key=CLIENT_KEY) as client,
        client.responses.connect() as connection,
        asyncio.timeout(PATIENCE),
    ):
        await connection.response.create(model=model, input="hello")
        async for event in connection:
            if event.type == "response.completed":
                assert GOOD in event.response.output_text
                break
