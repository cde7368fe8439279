"""Writes and reads blocks of images, documents, audio and video, whose bytes are in base64."""

import re
from collections.abc import Iterator

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.converse.names import MEDIA
from switchyard.wire.formats.converse.names import TYPES
from switchyard.wire.model.conversation import Media
from switchyard.wire.shared.media import document_text

_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9\-()\[\]]+")
_LONGEST_NAME = 190
"""Characters of a document's name, before the number that tells two of one name apart."""
_UNNAMED = "document"


class MediaWriter:
    """Writes the media of one request, whose documents have names of their own."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def write(self, part: Media) -> Iterator[JsonObject]:
        """Yields a block for a part of which the router has the bytes or the text; else nothing.

        The text of a document is text, unless citations of it are asked for.
        """
        if part.text is not None:
            if part.kind == "document" and part.citations:
                yield self._document(part, "txt", {"text": part.text})
            elif part.text.strip():
                yield {"text": document_text(part)}
            return
        media_type = (part.media_type or "").partition(";")[0].strip().lower()
        word = MEDIA[part.kind].get(media_type)
        if part.data is None or word is None:
            return
        if part.kind == "document":
            yield self._document(part, word, {"bytes": part.data})
        else:
            yield {part.kind: {"format": word, "source": {"bytes": part.data}}}

    def _document(self, part: Media, word: str, source: JsonObject) -> JsonObject:
        document: JsonObject = {
            "format": word,
            "name": self._name(part.name or ""),
            "source": source,
        }
        if part.context:
            document["context"] = part.context
        if part.citations:
            document["citations"] = {"enabled": True}
        return {"document": document}

    def _name(self, said: str) -> str:
        """Returns a name that the API takes and no other document of the request has.

        Source: API reference, "DocumentBlock", `name`.
        """
        stem = _NOT_IN_A_NAME.sub(" ", said).strip()[:_LONGEST_NAME].strip() or _UNNAMED
        name, count = stem, 1
        while name in self._names:
            count += 1
            name = f"{stem} {count}"
        self._names.add(name)
        return name


def read_media(block: JsonObject) -> Media | None:
    """Returns the media that a block holds; None if it holds none."""
    for kind in ("image", "document", "video", "audio"):
        if said := object_of(block.get(kind)):
            source = object_of(said.get("source"))
            return Media(
                kind=kind,
                media_type=TYPES[kind].get(text_of(said.get("format"))),
                data=text_of(source.get("bytes")) or None,
                text=text_of(source.get("text")) or None,
                name=text_of(said.get("name")) or None,
                context=text_of(said.get("context")) or None,
                citations=object_of(said.get("citations")).get("enabled") is True or None,
            )
    return None
