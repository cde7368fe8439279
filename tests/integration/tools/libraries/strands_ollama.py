# pyright: reportMissingImports=false, reportMissingTypeStubs=false
"""Strands Agents by Ollama's API, whose durations it computes with."""

from shell import MODEL
from shell import PROMPT
from shell import ROUTER
from shell import shell
from strands import Agent
from strands import tool
from strands.models.ollama import OllamaModel

agent = Agent(model=OllamaModel(host=ROUTER, model_id=MODEL), tools=[tool(shell)])
result = agent(PROMPT)
assert result.metrics.accumulated_usage["outputTokens"] > 0
assert result.metrics.accumulated_metrics["latencyMs"] > 0
