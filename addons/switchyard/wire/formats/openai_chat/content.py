"""Reads and writes content parts: text, media, files, refusals and thinking.

Source: OpenAI's reference, "Chat Completions", content parts; `document_url` and `thinking` are
Mistral's, `video_url` and URLs in `file_data` OpenRouter's, `audio_url` vLLM's.
"""

from typing import Any

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.openai_chat.names import NAME
from switchyard.wire.formats.openai_chat.names import text_of
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.shared.media import document_text
from switchyard.wire.shared.media import file_name
from switchyard.wire.shared.media import kind_of
from switchyard.wire.shared.media import type_of_name
from switchyard.wire.shared.words import words_of

_TEXT_TYPES = ("text", "input_text", "output_text")
_MEDIA = (
    *("image_url", "input_image", "video_url", "audio_url", "document_url"),
    *("file", "input_file", "input_audio"),
)

_AUDIO_TYPES = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "opus": "audio/opus",
    "pcm16": "audio/pcm",
}
_AUDIO_FORMATS = {media_type: name for name, media_type in _AUDIO_TYPES.items()} | {
    "audio/mp3": "mp3",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/x-m4a": "m4a",
}

_AUDIO_BEGINS = {
    "UklGR": "audio/wav",
    "SUQz": "audio/mpeg",
    "//s": "audio/mpeg",
    "//u": "audio/mpeg",
    "T2dn": "audio/ogg",
    "ZkxhQ": "audio/flac",
}
"""The first base64 characters of audio files: RIFF, ID3, frames of MP3, Ogg, FLAC."""

PART_FORM = "part"
"""`form` of a text or thinking that an answer holds inside a list of parts (Mistral)."""


def read_content(content: Any, param: str) -> list[Part]:
    """Returns the parts of a message's `content`: a text, a list of parts, or null."""
    if content is None:
        return []
    if isinstance(content, str):
        return [Text(text=content)] if content else []
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        raise BadRequest("content must be a string, a list of content parts, or null", param)
    return [_worded(read_part(part, f"{param}.{i}")) for i, part in enumerate(content)]


def _worded(part: Part) -> Part:
    """Returns a part of a request, with a text for a type that one provider knows."""
    if not isinstance(part, Opaque) or part.kind in _MEDIA:
        return part
    return altered(part, text=words_of(part.raw))


def read_part(raw: Any, param: str = "content") -> Part:
    """Returns one content part; a type that only one provider knows becomes `Opaque`."""
    if isinstance(raw, str):
        return Text(text=raw, form="bare")
    if not isinstance(raw, dict):
        raise BadRequest("a content part must be an object with a type", param)
    kind = raw.get("type")
    if kind in _TEXT_TYPES or (kind is None and isinstance(raw.get("text"), str)):
        return _read_text(raw)
    if kind in ("image_url", "input_image"):
        return _read_url(raw, "image", "image_url")
    if kind in ("video_url", "audio_url", "document_url"):
        return _read_url(raw, kind.removesuffix("_url"), kind)
    if kind in ("file", "input_file"):
        return _read_file(raw)
    if kind == "input_audio":
        return _read_audio(raw)
    if kind == "refusal":
        return Refusal(text=text_of(raw.get("refusal")), extra=_without(raw, "type", "refusal"))
    if kind == "thinking":
        return _read_thinking(raw)
    return Opaque(format=NAME, kind=str(kind), raw=raw)


def write_part(part: Part, own: bool) -> JsonObject | str | None:
    """Returns one content part, or None if no message of this format can hold it.

    `own` is set if the part was read from this format, so that `form` and `extra` are this
    format's.
    """
    match part:
        case Text():
            return _write_text(part, own)
        case Media():
            return _write_media(part, own)
        case Refusal():
            return {"type": "refusal", "refusal": part.text, **(part.extra if own else {})}
        case Opaque(format="openai-chat"):
            return part.raw
        case Opaque(text=str(words)):
            return {"type": "text", "text": words}
        case Thinking() if own and part.form == PART_FORM:
            thinking = [{"type": "text", "text": part.text}]
            return {"type": "thinking", "thinking": thinking, **part.extra}
    return None


def split_data_url(url: str) -> tuple[str, str] | None:
    """Returns media type and base64 data of a `data:` URL; None for other URLs.

    Source: RFC 2397.
    """
    if url[:5].lower() != "data:":
        return None
    head, comma, data = url.partition(",")
    words = head[5:].split(";")
    if not comma or words[-1].strip().lower() != "base64":
        return None
    return words[0].strip().lower(), data


def data_url(media_type: str | None, data: str) -> str:
    return f"data:{media_type or 'application/octet-stream'};base64,{data}"


def _read_text(raw: JsonObject) -> Text:
    kind = raw.get("type")
    text = raw.get("text")
    extra = _without(raw, "type", "text", "cache_control")
    if not isinstance(text, str):
        extra["text"] = text
    return Text(
        text=text_of(text),
        cache=raw.get("cache_control"),
        extra=extra,
        form="" if kind == "text" else kind or "untyped",
    )


def _write_text(part: Text, own: bool) -> JsonObject | str:
    if not own:
        return {"type": "text", "text": part.text}
    if part.form == "bare":
        return part.text
    written: JsonObject = {"type": part.form if part.form in _TEXT_TYPES else "text"}
    if part.form == "untyped":
        del written["type"]
    written["text"] = part.text
    if part.cache is not None:
        written["cache_control"] = part.cache
    return written | part.extra


def _read_url(raw: JsonObject, kind: Any, member: str) -> Part:
    """Returns a part whose `member` holds a URL, or an object with one."""
    inner = raw.get(member)
    url = inner.get("url") if isinstance(inner, dict) else inner
    if not isinstance(url, str):
        return Opaque(format=NAME, kind=str(raw.get("type")), raw=raw)
    media_type, data = split_data_url(url) or (None, None)
    detail = inner.get("detail") if isinstance(inner, dict) else raw.get("detail")
    return Media(
        kind=kind,
        media_type=media_type or None,
        data=data,
        url=url if data is None else None,
        detail=detail if isinstance(detail, str) else None,
        cache=raw.get("cache_control"),
        extra={"raw": raw},
    )


def _read_file(raw: JsonObject) -> Part:
    inner = raw.get("file")
    if not isinstance(inner, dict):
        inner = raw if raw["type"] == "input_file" else {}
    name = text_of(inner.get("filename")) or None
    source = inner.get("file_data")
    url = data = media_type = None
    if isinstance(source, str):
        if parts := split_data_url(source):
            media_type, data = parts
        elif source.startswith(("http://", "https://")):
            url = source
        else:
            data = source
    elif not isinstance(inner.get("file_id"), str):
        return Opaque(format=NAME, kind=raw["type"], raw=raw)
    if data is not None and not media_type:
        media_type = type_of_name(name)
    return Media(
        kind=kind_of(media_type),
        media_type=media_type or None,
        data=data,
        url=url,
        file_id=inner.get("file_id"),
        name=name,
        cache=raw.get("cache_control"),
        extra={"raw": raw},
    )


def _read_audio(raw: JsonObject) -> Part:
    inner = raw.get("input_audio")
    if isinstance(inner, str) and inner:
        return _read_plain_audio(raw, inner)
    if not isinstance(inner, dict) or not isinstance(inner.get("data"), str):
        return Opaque(format=NAME, kind="input_audio", raw=raw)
    name = text_of(inner.get("format"))
    return Media(
        kind="audio",
        media_type=_AUDIO_TYPES.get(name, f"audio/{name}") if name else None,
        data=inner["data"],
        cache=raw.get("cache_control"),
        extra={"raw": raw},
    )


def _read_plain_audio(raw: JsonObject, source: str) -> Media:
    """Returns audio in Mistral's shape: base64 or a URL, without a format."""
    media_type, data = split_data_url(source) or (None, None)
    is_url = data is None and source.startswith(("http://", "https://"))
    if data is None and not is_url:
        data = source
        media_type = next((t for begin, t in _AUDIO_BEGINS.items() if data.startswith(begin)), None)
    return Media(
        kind="audio",
        media_type=media_type or None,
        data=data,
        url=source if is_url else None,
        cache=raw.get("cache_control"),
        extra={"raw": raw},
    )


def _read_thinking(raw: JsonObject) -> Thinking:
    """Returns Mistral's thinking chunk: one text, or a list of texts and references."""
    value = raw.get("thinking")
    extra = _without(raw, "type", "thinking")
    if isinstance(value, str):
        extra["thinking"] = value
        return Thinking(text=value, extra=extra, form=PART_FORM)
    pieces = value if isinstance(value, list) else []
    text = "".join(text_of(p.get("text")) if isinstance(p, dict) else text_of(p) for p in pieces)
    if value != [{"type": "text", "text": text}]:
        extra["thinking"] = value
    return Thinking(text=text, extra=extra, form=PART_FORM)


def _write_media(part: Media, own: bool) -> JsonObject | None:
    if own and "raw" in part.extra:
        return part.extra["raw"]
    url = part.url or (data_url(part.media_type, part.data) if part.data is not None else None)
    match part.kind:
        case "image" if url:
            detail = {"detail": part.detail} if part.detail else {}
            return {"type": "image_url", "image_url": {"url": url, **detail}}
        case "video" if url:
            return {"type": "video_url", "video_url": {"url": url}}
        case "audio" if part.data is not None:
            media_type = part.media_type or "audio/wav"
            name = _AUDIO_FORMATS.get(media_type, media_type.removeprefix("audio/"))
            return {"type": "input_audio", "input_audio": {"data": part.data, "format": name}}
        case "document":
            return _write_document(part)
    return None


def _write_document(part: Media) -> JsonObject | None:
    if part.text is not None:
        return {"type": "text", "text": document_text(part)}
    if part.file_id:
        return {"type": "file", "file": {"file_id": part.file_id}}
    if part.data is None:
        return None
    media_type = part.media_type or "application/pdf"
    data = data_url(media_type, part.data)
    return {
        "type": "file",
        "file": {"filename": file_name(part.name, media_type), "file_data": data},
    }


def _without(source: JsonObject, *names: str) -> JsonObject:
    return {k: v for k, v in source.items() if k not in names}
