"""Words of Gemini's API that several modules of this package share.

Everything in this package follows Google's API reference, "Generating content" (`GenerateContent`
of v1 and v1beta), the types of its official SDK (`google.genai.types`), Vertex AI's form of the
same, and what the recorded traffic holds.
"""

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject

NAME = "gemini"
"""This format's name. What its reader leaves in an `extra` field is kept under this key, since a
writer of a stream cannot tell which format an event comes from."""

NO_SIGNATURE = "skip_thought_signature_validator"
"""What stands for the thought signature of a call that another model made: Gemini 3 refuses calls
without one, except with this word (guide "Thought signatures", transferring history)."""


def own(extra: JsonObject) -> JsonObject:
    """What this format's reader left in an `extra` field; empty for another format's."""
    return extra.get(NAME) or EMPTY


def owned(said: JsonObject) -> JsonObject:
    """An `extra` field that holds `said` for this format's writer."""
    return {NAME: said} if said else EMPTY
