"""Defines model lists: those of the router's clients, and those of providers.

OpenAI's reference, "List models"; Anthropic's, "List Models"; Gemini's, "models.list"; Ollama's
API, "List Local Models". Servers that speak OpenAI's add the context window under various names.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import text_of

PER_PAGE = 1000
"""What Anthropic and Gemini give at most."""
_LONGEST_NAME = 256
_WINDOWS = (
    "context_length",  # OpenRouter, Together
    "context_window",  # Groq
    "max_model_len",  # vLLM
    "max_context_length",  # Mistral, LM Studio
    "max_input_tokens",  # Anthropic
    "inputTokenLimit",  # Gemini
)
_CALLS = frozenset({"generateContent", "embedContent"})


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model of a list that clients get."""

    id: str
    owner: str
    created: int = 0
    context_window: int | None = None


@dataclass(frozen=True, slots=True)
class FoundModel:
    """One model of a provider's own list."""

    name: str
    context_window: int | None = None
    """Tokens; None where the list does not say."""


@dataclass(frozen=True, slots=True)
class ModelPage:
    """A part of a provider's list."""

    models: tuple[FoundModel, ...]
    next: str = ""
    """What the next part is asked for by; empty where this was the last."""


def read_models(body: object, member: str = "data") -> ModelPage:
    """Read a provider's list in `member` as the last page; skip malformed entries.

    Raises ValueError if it is not a list of models.
    """
    # Together answers with the bare list.
    holder: JsonObject = body if isinstance(body, dict) else {"data": body}
    entries = holder.get(member)
    if not isinstance(entries, list):
        raise ValueError("the response is not a list of models")
    models = {one.name: one for entry in entries if (one := _model(entry)) is not None}
    return ModelPage(tuple(models.values()))


def page_path(path: str, **parameters: object) -> str:
    """The path of a page of a list, with those parameters that are not empty."""
    return f"{path}?{urlencode({key: value for key, value in parameters.items() if value})}"


def _model(entry: object) -> FoundModel | None:
    if not isinstance(entry, dict):
        return None
    methods = entry.get("supportedGenerationMethods")
    if isinstance(methods, list) and _CALLS.isdisjoint(map(str, methods)):
        return None
    # Gemini has names with its collection before them, in its OpenAI-compatible list as well.
    name = text_of(entry.get("id") or entry.get("name")).removeprefix("models/")
    if not name or len(name) > _LONGEST_NAME or name != name.strip() or not name.isprintable():
        return None
    windows = (entry.get(key) for key in _WINDOWS)
    window = next((one for one in windows if type(one) is int and one > 0), None)
    return FoundModel(name, window)
