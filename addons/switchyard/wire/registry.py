"""All wire formats by name. A new one is a module (or package) and one line here."""

from switchyard.wire.format import Format
from switchyard.wire.formats.anthropic import Anthropic
from switchyard.wire.formats.codewhisperer import CodeWhisperer
from switchyard.wire.formats.cohere import CohereChat
from switchyard.wire.formats.converse import Converse
from switchyard.wire.formats.gemini import Gemini
from switchyard.wire.formats.gemini.code_assist import CodeAssist
from switchyard.wire.formats.ollama import Ollama
from switchyard.wire.formats.ollama.generate import OllamaGenerate
from switchyard.wire.formats.openai_chat import OpenAIChat
from switchyard.wire.formats.openai_completions import OpenAICompletions
from switchyard.wire.formats.openai_responses import OpenAIResponses
from switchyard.wire.formats.openai_responses.codex import Codex
from switchyard.wire.model.losses import Losses

_FORMATS: tuple[Format, ...] = (
    OpenAIChat(),
    OpenAIResponses(),
    OpenAICompletions(),
    Anthropic(),
    Gemini(),
    Ollama(),
)

FORMATS: dict[str, Format] = {format.name: format for format in _FORMATS}

DEFAULT = FORMATS[OpenAIChat.name]
"""What is spoken with a client or a provider of whom nothing else is known."""

SHAPES: tuple[Format, ...] = (OllamaGenerate(), CodeAssist(), Codex(), CohereChat())
"""Second shapes of formats, in which clients alone speak."""

CLIENT_FORMATS: dict[str, Format] = {one.name: one for one in (*SHAPES, *_FORMATS)}
"""What clients may be known to speak by its name, as the table of hosts gives it."""

PROVIDER_FORMATS: dict[str, Format] = {
    one.name: one for one in (*_FORMATS, CodeWhisperer(), Converse())
}
"""What providers may speak: all formats, and those in which providers alone speak."""

_NO_LOSSES = Losses()


def losses_of(name: str) -> Losses:
    """What the format of that name cannot say; nothing of a name that is none."""
    format = PROVIDER_FORMATS.get(name)
    return _NO_LOSSES if format is None else format.losses
