"""Names a model of each well-known provider that a newcomer may begin with."""

from collections.abc import Mapping

EXAMPLE_MODELS: Mapping[str, str] = {
    "anthropic": "claude-sonnet-4-5",
    "openai": "gpt-5",
    "gemini": "gemini-2.5-pro",
    "zai": "glm-4.7",
    "moonshot": "kimi-k2.6",
    "deepseek": "deepseek-chat",
    "xai": "grok-4",
    "openrouter": "qwen/qwen3-coder",
}
"""A model of each provider that code is written with, best known first."""
