"""Converts documents to a form that a provider of another format reads.

Sources: OpenAI's guide "File inputs" and Anthropic's "PDF support" (both take PDF as a file),
Google's "Document understanding" (PDF, and text of any kind). A document of a text type is sent as
text if the target refuses the file; others are left out, and `x-switchyard-dropped` lists them.
Where the target has no place for a document's title and context, which Anthropic's models read
("PDF support", "Citations"), they are a text before it.

A message or result of which nothing remains says what is left out. Without it a conversation would
end with the model's own turn, which it would go on with, or have no message at all.
"""

import base64
import binascii
from collections.abc import Container
from collections.abc import Iterator
from collections.abc import Sequence

from switchyard.values.records import altered
from switchyard.values.sequences import are_same
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.registry import PROVIDER_FORMATS
from switchyard.wire.registry import losses_of
from switchyard.wire.shared.media import document_text

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
    titled = losses_of(conversation.format).document_words
    turns = tuple(_turn(turn, target, titled) for turn in conversation.turns)
    if are_same(turns, conversation.turns):
        return conversation
    return altered(conversation, turns=turns)


def is_refused(part: Media, target: str) -> bool:
    """Whether format `target` accepts neither a document's file type nor its text.

    Returns False for formats that take no documents at all.
    """
    if not _is_file(part) or not PROVIDER_FORMATS[target].document_types:
        return False
    return not _is_taken(part, target) and words_of_file(part) is None


def loses_name(part: Media, conversation: Conversation, target: str) -> bool:
    """Whether format `target` takes a document as a file without its name.

    A title that the model of the conversation's own format reads is written as text.
    """
    if part.kind != "document" or not part.name or losses_of(target).file_names:
        return False
    if not PROVIDER_FORMATS[target].document_types or is_refused(part, target):
        return False
    titled = losses_of(conversation.format).document_words
    is_words = _is_words(part, target) or (
        words_of_file(part) is not None and not _is_taken(part, target)
    )
    return not (titled or is_words)


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


def _turn(turn: Turn, target: str, titled: bool) -> Turn:
    parts = tuple(one for part in turn.parts for one in _parts(part, target, titled))
    if turn.role == "user":
        parts = _with_note(parts, target)
    return turn if are_same(parts, turn.parts) else altered(turn, parts=parts)


def _parts(part: Part, target: str, titled: bool) -> Iterator[Part]:
    if isinstance(part, ToolResult):
        said = (one for inner in part.parts for one in _inside(inner, target, titled))
        inner = _with_note(tuple(said), target)
        yield part if are_same(inner, part.parts) else altered(part, parts=inner)
    elif isinstance(part, Media):
        yield from _media(part, target, titled)
    else:
        yield part


def _inside(part: Part, target: str, titled: bool) -> Iterator[Part]:
    """Yields a part of a tool's result, with text documents as texts below their titles.

    So a result has the same words wherever results are text alone.
    """
    for one in _parts(part, target, titled):
        if isinstance(one, Media) and _is_words(one, target) and (one.name or one.context):
            one = Text(text=document_text(one), cache=one.cache)
        yield one


def _media(part: Media, target: str, titled: bool) -> Iterator[Part]:
    words = None if _is_taken(part, target) else words_of_file(part)
    if words is not None:
        yield altered(part, data=None, text=words, media_type="text/plain", extra={}, form="")
        return
    taken, losses = PROVIDER_FORMATS[target].document_types, losses_of(target)
    if part.kind != "document" or not taken or _is_words(part, target):
        yield part  # the format takes no documents at all, or has a text's title above it
        return
    if _is_file(part) and not _is_taken(part, target):
        name = f" {part.name!r}" if part.name else ""
        yield Text(text=f"[The document{name} is left out: its type {_type(part)} is not read.]")
        return
    title = part.name if titled and not losses.file_names else None
    if not losses.document_words and (title or part.context):
        yield Text(text=document_text(altered(part, name=title, text=None)).strip())
    yield part


def _is_words(part: Media, target: str) -> bool:
    """Whether format `target` has a text document as words rather than as a file."""
    if part.text is None or losses_of(target).document_words:
        return False
    return not _is_taken(part, target)


def _with_note(parts: Sequence[Part], target: str) -> tuple[Part, ...]:
    """Returns the parts, with words about media that leave nothing if all of them are left out."""
    media = [part for part in parts if isinstance(part, Media)]
    blank = sum(isinstance(part, Text) and not part.text.strip() for part in parts)
    if not media or len(media) + blank < len(parts):
        return tuple(parts)
    cannot = losses_of(target).cannot_say
    if not all(_is_left_out(part, cannot) for part in media):
        return tuple(parts)
    kinds = dict.fromkeys(part.kind for part in media)
    words = (f"[The {kind} is left out: it cannot be given to this model.]" for kind in kinds)
    return (*parts, Text(text="\n".join(words)))


def _is_left_out(part: Media, cannot: Container[str]) -> bool:
    if part.text is not None or words_of_file(part) is not None:
        return False
    place = "url" if part.url else "file-id" if part.file_id else "input"
    return f"{part.kind}-input" in cannot or f"{part.kind}-{place}" in cannot


def _is_file(part: Media) -> bool:
    return part.kind == "document" and part.data is not None and bool(part.media_type)


def _is_taken(part: Media, target: str) -> bool:
    kind = _type(part)
    family = f"{kind.partition('/')[0]}/*"
    return not PROVIDER_FORMATS[target].document_types.isdisjoint({kind, family, "*"})


def _type(part: Media) -> str:
    kind = part.media_type or ("" if part.text is None else "text/plain")
    return kind.partition(";")[0].strip().lower()
