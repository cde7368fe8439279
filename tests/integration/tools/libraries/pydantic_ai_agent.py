# pyright: reportMissingImports=false, reportMissingTypeStubs=false
"""Pydantic AI, streamed, by the API that the first argument names."""

import asyncio
import sys

from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from shell import MODEL
from shell import PROMPT
from shell import ROUTER
from shell import shell


async def main(api: str) -> None:
    openai = OpenAIProvider(base_url=f"{ROUTER}/v1", api_key="any")
    anthropic = AnthropicProvider(base_url=ROUTER, api_key="any")
    model = {
        "chat": lambda: OpenAIChatModel(MODEL, provider=openai),
        "responses": lambda: OpenAIResponsesModel(MODEL, provider=openai),
        "anthropic": lambda: AnthropicModel(MODEL, provider=anthropic),
    }[api]()
    agent = Agent(model, tools=[shell])

    async def read(_, events) -> None:
        # With a reader the requests are streamed.
        async for _event in events:
            pass

    result = await agent.run(PROMPT, event_stream_handler=read)
    print(result.output)


asyncio.run(main(sys.argv[1]))
