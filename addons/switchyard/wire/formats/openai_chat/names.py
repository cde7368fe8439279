"""Holds names of the Chat Completions API that several modules here share.

This package follows OpenAI's API reference, "Chat Completions", and the dialects of OpenRouter,
Azure, Groq, Mistral, DeepSeek, xAI, vLLM and other providers.
"""

from typing import Any

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.services import Services

NAME = "openai-chat"
"""This format's name, and the key under which its reader stores values in `extra` fields.

Those are the `extra` fields of events, replies, choices and usage, whose writer may be another
format's and cannot tell where they come from.
"""

CLIENT_HEADERS = (
    "openai-*",
    "x-openai-*",
    "x-codex-*",
    "x-responsesapi-*",
    "x-openrouter-*",
    "x-dashscope-*",
    "x-grok-*",
)
"""Headers that clients and providers of all of OpenAI's formats know."""

SERVICES = Services(
    frozenset(
        {
            "/images/generations",
            "/images/edits",
            "/images/variations",
            "/audio/",
            "/rerank",
            "/moderations",
            "/files",
            "/files/",
            "/batches",
            "/batches/",
            "/responses/",
        }
    )
)
"""Paths of other services that providers of OpenAI's formats offer.

Source: OpenAI's reference, "Images", "Audio", "Moderations", "Files", "Batch", "Responses" (kept
ones); reranking is Cohere's and Jina's.
"""

REASONING_NAMES = ("reasoning_content", "reasoning", "reasoning_text")
"""Members that hold thinking as text.

DeepSeek and most others use the first, OpenRouter, Groq and vLLM the second, GitHub Copilot the
third (opencode's provider for it, pull request 8900).
"""

OPAQUE = "reasoning_opaque"
"""GitHub Copilot's proof of a message's thinking; a stream has it in any number of pieces."""


def own(extra: JsonObject) -> JsonObject:
    """Returns the values that this format's reader stored in an `extra` field.

    The result is empty for an `extra` field of another format.
    """
    return extra.get(NAME) or EMPTY


def rest(source: JsonObject, known: frozenset[str]) -> JsonObject:
    """Returns the members of `source` that the model has no field for.

    These are unknown members, and known ones with the value null, so that null and absent remain
    distinct.
    """
    return {k: v for k, v in source.items() if k not in known or v is None}


def text_of(value: Any) -> str:
    """Returns `value` if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
