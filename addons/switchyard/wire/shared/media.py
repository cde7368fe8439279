"""Classifies media by their types."""

from typing import Literal

type MediaKind = Literal["image", "document", "audio", "video"]


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
