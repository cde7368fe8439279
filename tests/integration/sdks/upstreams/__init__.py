"""Providers that answer as the real ones do, and take nothing that these would refuse."""

from tests.integration.sdks.upstreams.anthropic import Messages
from tests.integration.sdks.upstreams.chat import ChatCompletions
from tests.integration.sdks.upstreams.gemini import Gemini
from tests.integration.sdks.upstreams.ollama import Ollama
from tests.integration.sdks.upstreams.provider import Provider
from tests.integration.sdks.upstreams.responses import Responses

PROVIDERS: dict[str, Provider] = {
    provider.format: provider
    for provider in (ChatCompletions(), Responses(), Messages(), Gemini(), Ollama())
}
