# pyright: reportMissingImports=false, reportMissingTypeStubs=false
"""Strands Agents by Chat Completions."""

from shell import MODEL
from shell import PROMPT
from shell import ROUTER
from shell import shell
from strands import Agent
from strands import tool
from strands.models.openai import OpenAIModel

own = {"base_url": f"{ROUTER}/v1", "api_key": "any"}
model = OpenAIModel(client_args=own, model_id=MODEL)
result = Agent(model=model, tools=[tool(shell)])(PROMPT)
assert result.metrics.accumulated_usage["outputTokens"] > 0
