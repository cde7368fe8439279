"""Reads providers' model lists: the path and content of each format's own.

OpenAI's reference, "List models"; Anthropic's, "List Models"; Gemini's, "models.list"; Ollama's
API, "List Local Models". Servers that speak OpenAI's add the context window under various names.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import text_of

_PER_PAGE = 1000
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
class FoundModel:
    """One model of a provider's own list."""

    name: str
    context_window: int | None = None
    """Tokens; None where the list does not say."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list."""

    models: tuple[FoundModel, ...]
    next: str = ""
    """What the next part is asked for by; empty where this was the last."""


def list_path(format: str, after: str = "") -> str:
    """Return path and query of a format's model list, below the version segment.

    `after`: the `next` of the page before.
    """
    if format == "anthropic":
        return _query("/models", limit=_PER_PAGE, after_id=after)
    if format == "gemini":
        return _query("/models", pageSize=_PER_PAGE, pageToken=after)
    return "/tags" if format == "ollama" else "/models"


def read_list(format: str, body: object) -> Page:
    """Read a provider's list of models. Raises ValueError if it is not one.

    Skips malformed entries.
    """
    # Together answers with the bare list.
    holder: JsonObject = body if isinstance(body, dict) else {"data": body}
    entries = holder.get("models" if format in ("gemini", "ollama") else "data")
    if not isinstance(entries, list):
        raise ValueError("the response is not a list of models")
    models = {one.name: one for entry in entries if (one := _model(entry)) is not None}
    following = ""
    if format == "anthropic" and holder.get("has_more") is True:
        following = text_of(holder.get("last_id"))
    elif format == "gemini":
        following = text_of(holder.get("nextPageToken"))
    return Page(tuple(models.values()), following)


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


def _query(path: str, **parameters: object) -> str:
    return f"{path}?{urlencode({key: value for key, value in parameters.items() if value})}"
