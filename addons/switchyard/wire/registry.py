"""All wire formats by name. A new one is a module (or package) and one line here."""

from switchyard.wire.format import Format
from switchyard.wire.formats.anthropic import Anthropic
from switchyard.wire.formats.gemini import Gemini
from switchyard.wire.formats.ollama import Ollama
from switchyard.wire.formats.openai_chat import OpenAIChat
from switchyard.wire.formats.openai_completions import OpenAICompletions
from switchyard.wire.formats.openai_responses import OpenAIResponses

FORMATS: dict[str, Format] = {
    "openai-chat": OpenAIChat(),
    "openai-responses": OpenAIResponses(),
    "openai-completions": OpenAICompletions(),
    "anthropic": Anthropic(),
    "gemini": Gemini(),
    "ollama": Ollama(),
}
