"""Words of the Responses API that several modules of this package share.

Everything in this package follows OpenAI's API reference, "Responses" and "Streaming events", the
types of its official SDK (`openai.types.responses`), and what other providers that speak the API
were seen to send: Azure, Amazon Bedrock, DeepSeek, OpenRouter, xAI, Hugging Face.
"""

from collections.abc import Collection
from typing import Any

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject

NAME = "openai-responses"
"""This format's name. What its reader leaves in the `extra` of a part, reply, usage or event is
kept under this key, since a writer cannot tell which format those come from."""


def own(extra: JsonObject) -> JsonObject:
    """What this format's reader left in an `extra` field; empty for another format's."""
    return extra.get(NAME) or EMPTY


def owned(said: JsonObject) -> JsonObject:
    """An `extra` field that holds `said` for this format's writer."""
    return {NAME: said} if said else EMPTY


def rest(source: JsonObject, known: Collection[str]) -> JsonObject:
    """The members of `source` the model has no place for: unknown ones, and known ones that are
    null, so that null and absent stay apart."""
    return {k: v for k, v in source.items() if k not in known or v is None}


def restored(written: JsonObject, left: JsonObject | None) -> JsonObject:
    """`written` with the members that `rest` kept; a null only where nothing else is said."""
    if not left:
        return written
    return written | {k: v for k, v in left.items() if v is not None or not written.get(k)}


def text_of(value: Any) -> str:
    """`value` if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def int_of(value: Any) -> int | None:
    """A count or index, or None where it is none. Some providers write whole floats."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value)


def number_of(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def objects_of(value: Any) -> list[JsonObject]:
    """The objects of a list; none where there is no list."""
    return [x for x in value if isinstance(x, dict)] if isinstance(value, list) else []
