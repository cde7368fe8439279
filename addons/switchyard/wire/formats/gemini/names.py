"""Defines names of Gemini's API that several modules of this package share.

The whole package follows Google's API reference, "Generating content" (`GenerateContent` of v1 and
v1beta), the types of its official SDK (`google.genai.types`), Vertex AI's variant of it, and the
recorded traffic.
"""

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject

NAME = "gemini"
"""Name of this format. It is also the key of its reader's members in an `extra` field, because a
stream's writer does not know which format an event comes from."""

NO_SIGNATURE = "skip_thought_signature_validator"
"""Placeholder for the thought signature of a call that another model made. Gemini 3 refuses calls
without a signature, except with this value (guide "Thought signatures", transferring history)."""


def own(extra: JsonObject) -> JsonObject:
    """Returns what this format's reader left in an `extra` field; else empty."""
    return extra.get(NAME) or EMPTY


def owned(said: JsonObject) -> JsonObject:
    """Returns an `extra` field that holds `said` for this format's writer."""
    return {NAME: said} if said else EMPTY
