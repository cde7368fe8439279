"""Holds names of the Responses API that several modules here share.

This package follows OpenAI's API reference, "Responses" and "Streaming events", the types of its
official SDK (`openai.types.responses`), and the observed output of other providers that speak the
API: Azure, Amazon Bedrock, DeepSeek, OpenRouter, xAI, Hugging Face.
"""

from collections.abc import Collection
from typing import Any

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject

NAME = "openai-responses"
"""This format's name, and the key under which its reader stores values in `extra` fields.

Those are the `extra` fields of parts, replies, usage and events, whose writer may be another
format's and cannot tell where they come from.
"""


def own(extra: JsonObject) -> JsonObject:
    """Returns the values that this format's reader stored in an `extra` field.

    The result is empty for an `extra` field of another format.
    """
    return extra.get(NAME) or EMPTY


def owned(said: JsonObject) -> JsonObject:
    """Returns an `extra` field that holds `said` for this format's writer."""
    return {NAME: said} if said else EMPTY


def rest(source: JsonObject, known: Collection[str]) -> JsonObject:
    """Returns the members of `source` that the model has no field for.

    These are unknown members, and known ones with the value null, so that null and absent remain
    distinct.
    """
    return {k: v for k, v in source.items() if k not in known or v is None}


def restored(written: JsonObject, left: JsonObject | None) -> JsonObject:
    """Returns `written` with the members that `rest` kept.

    A null is restored only if `written` has no value in its place.
    """
    if not left:
        return written
    return written | {k: v for k, v in left.items() if v is not None or not written.get(k)}


def text_of(value: Any) -> str:
    """Returns `value` if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def number_of(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def objects_of(value: Any) -> list[JsonObject]:
    """Returns the objects of a list; none if there is no list."""
    return [x for x in value if isinstance(x, dict)] if isinstance(value, list) else []
