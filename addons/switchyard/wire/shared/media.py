"""Classifies media by their types, and names files.

OpenAI tells a file's type by the suffix of its name, and refuses one that it does not know
("Expected context stuffing file type to be a supported format: .pdf but got ...", OpenAI's
community forum, "File input in chat responses api"). Suffixes: API documentation, "File inputs".
"""

import re
from typing import Literal

from switchyard.wire.model.conversation import Media

type MediaKind = Literal["image", "document", "audio", "video"]

_OFFICE = "application/vnd.openxmlformats-officedocument"
_TYPES = {
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "xml": "text/xml",
    "json": "application/json",
    "rtf": "application/rtf",
    "doc": "application/msword",
    "docx": f"{_OFFICE}.wordprocessingml.document",
    "xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    "pptx": f"{_OFFICE}.presentationml.presentation",
    "png": "image/png",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
}
_SUFFIXES = {media_type: suffix for suffix, media_type in _TYPES.items()}
_SUFFIX = re.compile(r"\.([A-Za-z][A-Za-z0-9]{0,9})\Z", re.ASCII)


def kind_of(media_type: str | None) -> MediaKind:
    """Returns the kind of a part with this media type; a document by default."""
    match (media_type or "").partition("/")[0]:
        case "image":
            return "image"
        case "audio":
            return "audio"
        case "video":
            return "video"
    return "document"


def type_of_name(name: str | None) -> str:
    """Returns the media type that a file's name tells; a PDF's by default."""
    found = _SUFFIX.search(name or "")
    return _TYPES.get(found[1].lower() if found else "", "application/pdf")


def document_text(part: Media) -> str:
    """Returns a text document, below its title and context where it has any.

    For formats that have no words for those: the same document is the same text in every turn.
    """
    named = (("Title", part.name), ("Context", part.context))
    head = [f"{what}: {words}\n" for what, words in named if words]
    return "".join([*head, "\n" if head else "", part.text or ""])


def file_name(name: str | None, media_type: str | None) -> str:
    """Returns the name of a file, with the suffix of its type where it has none."""
    if name and _SUFFIX.search(name):
        return name
    return f"{name or 'document'}.{_SUFFIXES.get(media_type or 'application/pdf', 'bin')}"
