"""Words of the Chat Completions API that several modules of this package share.

Everything in this package follows OpenAI's API reference, "Chat Completions", and the dialects
that providers speak of it: OpenRouter, Azure, Groq, Mistral, DeepSeek, xAI, vLLM and others.
"""

from typing import Any

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.services import Services

NAME = "openai-chat"

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
        }
    )
)
"""What providers of OpenAI's formats serve besides (its reference, "Images", "Audio",
"Moderations", "Files", "Batch"); reranking is Cohere's and Jina's."""

"""This format's name. `extra` fields that could meet a writer that does not know where they come
from (those of events, replies, choices and usage) are kept under this key."""

REASONING_NAMES = ("reasoning_content", "reasoning")
"""Members that hold thinking as text: DeepSeek's and most others' name, and OpenRouter's, Groq's
and vLLM's."""


def own(extra: JsonObject) -> JsonObject:
    """What this format's reader left in an `extra` field; empty for another format's."""
    return extra.get(NAME) or EMPTY


def rest(source: JsonObject, known: frozenset[str]) -> JsonObject:
    """The members of `source` the model has no place for: unknown ones, and known ones that are
    null, so that null and absent stay apart."""
    return {k: v for k, v in source.items() if k not in known or v is None}


def text_of(value: Any) -> str:
    """`value` if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def int_of(value: Any) -> int | None:
    """A count or index, or None where it is none. Some providers write whole floats."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value)
