"""The official SDKs, each used in the manner its documentation shows."""

import sys

from tests.integration.sdks.clients.anthropic import AnthropicClient
from tests.integration.sdks.clients.chat import ChatClient
from tests.integration.sdks.clients.client import Client
from tests.integration.sdks.clients.ollama import OllamaClient
from tests.integration.sdks.clients.responses import ResponsesClient

CLIENTS: dict[str, type[Client]] = {
    "openai-chat": ChatClient,
    "openai-responses": ResponsesClient,
    "anthropic": AnthropicClient,
    "ollama": OllamaClient,
}
if sys.version_info >= (3, 13):
    from tests.integration.sdks.clients.gemini import GeminiClient

    CLIENTS["gemini"] = GeminiClient
