"""All wire formats by name. A new one is a module (or package) and one line here."""

from addons.wire.anthropic import Anthropic
from addons.wire.format import Format
from addons.wire.gemini import Gemini
from addons.wire.ollama import Ollama
from addons.wire.openai_chat import OpenAIChat
from addons.wire.openai_completions import OpenAICompletions
from addons.wire.openai_responses import OpenAIResponses

FORMATS: dict[str, Format] = {
    "openai-chat": OpenAIChat(),
    "openai-responses": OpenAIResponses(),
    "openai-completions": OpenAICompletions(),
    "anthropic": Anthropic(),
    "gemini": Gemini(),
    "ollama": Ollama(),
}
