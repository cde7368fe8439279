"""Providers that answer as the real ones do, and take nothing that these would refuse."""

from tests.sdks.upstreams.anthropic import Messages
from tests.sdks.upstreams.chat import ChatCompletions
from tests.sdks.upstreams.gemini import Gemini
from tests.sdks.upstreams.ollama import Ollama
from tests.sdks.upstreams.provider import Provider
from tests.sdks.upstreams.responses import Responses

PROVIDERS: dict[str, Provider] = {
    provider.format: provider
    for provider in (ChatCompletions(), Responses(), Messages(), Gemini(), Ollama())
}
