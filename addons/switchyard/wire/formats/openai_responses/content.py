"""Reads and writes content parts of messages and tool outputs.

API reference, "Responses": `input_text`, `input_image`, `input_file`, `input_audio`, `output_text`
with its annotations, and `refusal`.
"""

import base64
import binascii
from typing import Any
from typing import Literal

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import whole_of
from switchyard.wire.formats.openai_responses.names import NAME
from switchyard.wire.formats.openai_responses.names import objects_of
from switchyard.wire.formats.openai_responses.names import own
from switchyard.wire.formats.openai_responses.names import owned
from switchyard.wire.formats.openai_responses.names import rest
from switchyard.wire.formats.openai_responses.names import restored
from switchyard.wire.formats.openai_responses.names import text_of
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.shared.media import file_name
from switchyard.wire.shared.media import kind_of
from switchyard.wire.shared.media import type_of_name

_TEXT = frozenset({"type", "text", "annotations"})
_REFUSAL = frozenset({"type", "refusal"})
_IMAGE = frozenset({"type", "image_url", "file_id", "detail"})
_FILE = frozenset({"type", "file_data", "file_url", "file_id", "filename"})
_AUDIO = frozenset({"type", "input_audio"})

_TEXT_TYPES = ("input_text", "output_text", "text")

_CONTENT = "content:"
"""Prefix of the kind of an opaque content part, which distinguishes it from an item."""

_AUDIO_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav"}
_AUDIO_FORMATS = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
}


def read_content(content: Any, side: Literal["input", "output"]) -> list[Part]:
    """Returns the parts of a message's or an output's `content`.

    The value is a text, a list of parts, or null. `side` selects the usual type of text; a part
    records its type only if it differs. Entries that are neither text nor object are ignored.
    """
    if isinstance(content, str):
        return [Text(text=content, extra=owned({"string": True}))] if content else []
    if not isinstance(content, list):
        return []
    return [read_part(p, side) for p in content if isinstance(p, dict | str)]


def read_part(raw: JsonObject | str, side: Literal["input", "output"]) -> Part:
    """Returns one content part; a type without an equivalent becomes `Opaque`."""
    if isinstance(raw, str):
        return Text(text=raw)
    kind = raw.get("type")
    if kind in _TEXT_TYPES or (kind is None and isinstance(raw.get("text"), str)):
        return _read_text(raw, side)
    if kind == "refusal":
        return Refusal(text=text_of(raw.get("refusal")), extra=_part_extra(raw, _REFUSAL))
    if kind in ("input_image", "image_url"):
        return _read_image(raw)
    if kind == "input_file":
        return _read_file(raw)
    if kind == "input_audio":
        return _read_audio(raw)
    return _opaque(raw)


def write_part(part: Part, side: Literal["input", "output"]) -> JsonObject | None:
    """Returns one content part, or None if no message can hold it."""
    match part:
        case Text():
            return _write_text(part, side)
        case Refusal():
            return {"type": "refusal", "refusal": part.text, **_kept(part)}
        case Media():
            return _write_media(part)
        case Opaque(format="openai-responses"):
            return part.raw
        case Opaque(text=str(words)) if words:
            return _write_text(Text(text=words), side)
    return None


def is_content(part: Opaque) -> bool:
    """Whether an opaque piece is a content part of a message rather than an item."""
    return part.kind.startswith(_CONTENT)


def read_citation(raw: JsonObject) -> Citation:
    """Returns the source in an annotation; other formats know only `url_citation`."""
    web = raw.get("type") == "url_citation"
    return Citation(
        url=text_of(raw.get("url")) or None if web else None,
        title=text_of(raw.get("title")) or None if web else None,
        start=whole_of(raw.get("start_index")) if web else None,
        end=whole_of(raw.get("end_index")) if web else None,
        format=NAME,
        raw=raw,
    )


def write_citation(citation: Citation, length: int = 0) -> JsonObject | None:
    """Returns an annotation, or None for a source that is no web page.

    `length` is the number of characters of the text; a citation without bounds covers all of it.
    """
    if citation.format == NAME:
        return citation.raw
    if not citation.url:
        return None
    return {
        "type": "url_citation",
        "start_index": citation.start or 0,
        "end_index": citation.end if citation.end is not None else length,
        "url": citation.url,
        "title": citation.title or "",
    }


def write_citations(part: Text) -> list[JsonObject]:
    """Returns the annotations of a text."""
    length = len(part.text)
    written = (write_citation(c, length) for c in part.citations)
    return [annotation for annotation in written if annotation is not None]


def split_data_url(url: str) -> tuple[str, str] | None:
    """Returns media type and base64 data of a `data:` URL; None for other URLs.

    It accepts only the form that `data_url` writes (RFC 2397).
    """
    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return None
    media_type = head[5:-7]
    return None if ";" in media_type else (media_type, data)


def data_url(media_type: str | None, data: str) -> str:
    return f"data:{media_type or 'application/octet-stream'};base64,{data}"


def _opaque(raw: JsonObject) -> Opaque:
    return Opaque(format=NAME, kind=f"{_CONTENT}{raw.get('type')}", raw=raw)


def _part_extra(raw: JsonObject, known: frozenset[str], **said: Any) -> JsonObject:
    if left := rest(raw, known):
        said["part"] = left
    return owned(said)


def _kept(part: Text | Refusal | Media) -> JsonObject:
    """Returns the members of a part that the model has no field for."""
    return own(part.extra).get("part") or EMPTY


def _cache(raw: JsonObject) -> JsonObject | None:
    """Returns a prompt-cache marker in the form of `Text.cache`."""
    if isinstance(raw.get("prompt_cache_breakpoint"), dict):
        return {"type": "ephemeral"}
    cache = raw.get("cache_control")
    return cache if isinstance(cache, dict) else None


def _read_text(raw: JsonObject, side: str) -> Text:
    said: JsonObject = {}
    if (kind := raw.get("type")) != f"{side}_text":
        said["type"] = kind
    annotations = raw.get("annotations")
    if kind == "output_text":
        said["annotations"] = isinstance(annotations, list)
    return Text(
        text=text_of(raw.get("text")),
        citations=tuple(map(read_citation, objects_of(annotations))),
        cache=_cache(raw),
        extra=_part_extra(raw, _TEXT, **said),
    )


def _write_text(part: Text, side: str) -> JsonObject:
    said = own(part.extra)
    written: JsonObject = {"type": said.get("type") or f"{side}_text", "text": part.text}
    if written["type"] == "output_text":
        annotations = write_citations(part)
        # The API's responses always have the list; clients omit it when they send a text back.
        if annotations or said.get("annotations", True):
            written["annotations"] = annotations
    return restored(written, said.get("part"))


def _read_image(raw: JsonObject) -> Part:
    url = raw.get("image_url")
    detail = raw.get("detail")
    said: JsonObject = {"image": True}
    if isinstance(url, dict):  # as Chat Completions writes it
        said["url_object"] = {k: v for k, v in url.items() if k != "url"}
        detail = url.get("detail") or detail
        url = url.get("url")
    if raw["type"] != "input_image":
        said["type"] = raw["type"]
    file_id = text_of(raw.get("file_id")) or None
    if not isinstance(url, str) and file_id is None:
        return _opaque(raw)
    media_type, data = split_data_url(text_of(url)) or (None, None)
    return Media(
        kind="image",
        media_type=media_type or None,
        data=data,
        url=(text_of(url) or None) if data is None else None,
        file_id=file_id,
        detail=text_of(detail) or None,
        cache=_cache(raw),
        extra=_part_extra(raw, _IMAGE, **said),
    )


def _read_file(raw: JsonObject) -> Part:
    name = text_of(raw.get("filename")) or None
    source = raw.get("file_data")
    url = text_of(raw.get("file_url")) or None
    file_id = text_of(raw.get("file_id")) or None
    data = media_type = None
    said: JsonObject = {}
    if isinstance(source, str) and source:
        if parts := split_data_url(source):
            media_type, data = parts
        elif source.startswith("data:"):
            return _opaque(raw)
        else:
            said["bare"] = True
            media_type, data = type_of_name(name), source
    elif url is None and file_id is None:
        return _opaque(raw)
    words = _plain_text(media_type, data)
    return Media(
        kind=kind_of(media_type),
        media_type=media_type,
        data=data if words is None else None,
        url=url,
        file_id=file_id,
        text=words,
        name=name,
        cache=_cache(raw),
        extra=_part_extra(raw, _FILE, file=True, **said),
    )


def _read_audio(raw: JsonObject) -> Part:
    inner = raw.get("input_audio")
    if not isinstance(inner, dict) or not isinstance(inner.get("data"), str):
        return _opaque(raw)
    word = text_of(inner.get("format")) or "wav"
    media_type = _AUDIO_TYPES.get(word, f"audio/{word}")
    data = inner["data"]
    if inner != {"data": data, "format": word}:
        return _opaque(raw)
    return Media(kind="audio", media_type=media_type, data=data, extra=_part_extra(raw, _AUDIO))


def _write_media(part: Media) -> JsonObject | None:
    said = own(part.extra)
    if part.kind == "image" and "file" not in said:
        return _write_image(part, said)
    if part.kind == "audio" and part.data is not None and "file" not in said:
        media_type = part.media_type or "audio/wav"
        word = _AUDIO_FORMATS.get(media_type, media_type.removeprefix("audio/"))
        audio = {"data": part.data, "format": word}
        return {"type": "input_audio", "input_audio": audio, **_kept(part)}
    if part.kind == "document" or "file" in said:
        return _write_file(part, said)
    return None


def _write_image(part: Media, said: JsonObject) -> JsonObject | None:
    url = part.url or (data_url(part.media_type, part.data) if part.data is not None else None)
    if url is None and part.file_id is None:
        return None
    written: JsonObject = {"type": said.get("type") or "input_image"}
    if "url_object" in said:
        written["image_url"] = {"url": url, **said["url_object"]}
        return restored(written, _kept(part))
    if url is not None:
        written["image_url"] = url
    if part.file_id is not None:
        written["file_id"] = part.file_id
    if part.detail is not None or not said:
        written["detail"] = part.detail or "auto"
    return restored(written, _kept(part))


def _write_file(part: Media, said: JsonObject) -> JsonObject | None:
    written: JsonObject = {"type": "input_file"}
    if part.name:
        written["filename"] = part.name
    data = part.data
    media_type = part.media_type
    if part.text is not None:
        data = base64.b64encode(part.text.encode("utf-8", "replace")).decode()
        media_type = media_type or "text/plain"
    if data is not None:
        written["file_data"] = data if "bare" in said else data_url(media_type, data)
        if not said:
            written["filename"] = file_name(part.name, media_type)
    if part.url:
        written["file_url"] = part.url
    if part.file_id:
        written["file_id"] = part.file_id
    if not {"file_data", "file_url", "file_id"} & written.keys():
        return None
    return restored(written, _kept(part))


def _plain_text(media_type: str | None, data: str | None) -> str | None:
    """Returns the text of a plain-text file, if encoding it again gives the same data."""
    if media_type != "text/plain" or data is None:
        return None
    try:
        text = base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return text if base64.b64encode(text.encode()).decode() == data else None
