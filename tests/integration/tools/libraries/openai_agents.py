# pyright: reportMissingImports=false, reportMissingTypeStubs=false
"""OpenAI Agents, streamed, by the API that the first argument names."""

import asyncio
import sys

from agents import Agent
from agents import OpenAIChatCompletionsModel
from agents import OpenAIResponsesModel
from agents import Runner
from agents import function_tool
from agents import set_tracing_disabled
from openai import AsyncOpenAI
from shell import MODEL
from shell import PROMPT
from shell import ROUTER
from shell import shell


async def main(api: str) -> None:
    set_tracing_disabled(True)
    client = AsyncOpenAI(base_url=f"{ROUTER}/v1", api_key="any", max_retries=0)
    kind = OpenAIChatCompletionsModel if api == "chat" else OpenAIResponsesModel
    model = kind(model=MODEL, openai_client=client)
    agent = Agent(name="a", instructions="Help.", model=model, tools=[function_tool(shell)])
    result = Runner.run_streamed(agent, PROMPT)
    async for _ in result.stream_events():
        pass
    print(result.final_output)


asyncio.run(main(sys.argv[1]))
