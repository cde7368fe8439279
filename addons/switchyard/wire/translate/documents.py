"""Converts documents to a form that a provider of another format reads.

Sources: OpenAI's guide "File inputs" and Anthropic's "PDF support" (both take PDF as a file),
Google's "Document understanding" (PDF, and text of any kind). A document of a text type is sent as
text if the target refuses the file; others are left out, and `x-switchyard-dropped` lists them.
"""

import base64
import binascii
from dataclasses import replace

from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.registry import PROVIDER_FORMATS

_TEXTUAL = frozenset(
    "application/json application/xml application/yaml application/x-yaml application/javascript "
    "application/x-javascript application/x-python application/toml application/sql "
    "application/x-sh application/x-ndjson application/jsonl application/rtf".split()
)
"""Types besides `text/...` whose files are text."""


def readable(conversation: Conversation, target: str) -> Conversation:
    """Returns the conversation with documents as format `target` reads them.

    Returns the conversation itself if nothing has to change, and for its own format.
    """
    if conversation.format == target:
        return conversation
    turns = tuple(_turn(turn, target) for turn in conversation.turns)
    if all(new is old for new, old in zip(turns, conversation.turns, strict=True)):
        return conversation
    return replace(conversation, turns=turns)


def is_refused(part: Media, target: str) -> bool:
    """Whether format `target` accepts neither a document's file type nor its text.

    Returns False for formats that take no documents at all.
    """
    if not _is_file(part) or not PROVIDER_FORMATS[target].document_types:
        return False
    return not _is_taken(part, target) and words_of_file(part) is None


def words_of_file(part: Media) -> str | None:
    """Returns the text of a document of a text type; None if it has none."""
    if not _is_file(part):
        return None
    kind = _type(part)
    if not kind.startswith("text/") and kind not in _TEXTUAL:
        return None
    try:
        return base64.b64decode(part.data or "").decode()
    except (binascii.Error, ValueError):
        return None


def _turn(turn: Turn, target: str) -> Turn:
    parts = tuple(_part(part, target) for part in turn.parts)
    if all(new is old for new, old in zip(parts, turn.parts, strict=True)):
        return turn
    return replace(turn, parts=parts)


def _part(part: Part, target: str) -> Part:
    if isinstance(part, ToolResult):
        inner = tuple(_part(one, target) for one in part.parts)
        if all(new is old for new, old in zip(inner, part.parts, strict=True)):
            return part
        return replace(part, parts=inner)
    if not isinstance(part, Media) or not _is_file(part) or _is_taken(part, target):
        return part
    words = words_of_file(part)
    if words is not None:
        return replace(part, data=None, text=words, media_type="text/plain", extra={}, form="")
    if not PROVIDER_FORMATS[target].document_types:
        return part  # the format takes no documents at all
    name = f" {part.name!r}" if part.name else ""
    return Text(text=f"[The document{name} is left out: its type {_type(part)} is not read.]")


def _is_file(part: Media) -> bool:
    return part.kind == "document" and part.data is not None and bool(part.media_type)


def _is_taken(part: Media, target: str) -> bool:
    kind = _type(part)
    family = f"{kind.partition('/')[0]}/*"
    return not PROVIDER_FORMATS[target].document_types.isdisjoint({kind, family, "*"})


def _type(part: Media) -> str:
    return (part.media_type or "").partition(";")[0].strip().lower()
