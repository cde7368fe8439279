"""Reads and writes images, documents, audio and video.

`inlineData` holds bytes, `fileData` an address.
"""

import base64
import binascii
from mimetypes import guess_type
from urllib.parse import urlsplit

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import rest
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.gemini.names import own
from switchyard.wire.formats.gemini.names import owned
from switchyard.wire.model.conversation import Media
from switchyard.wire.shared.media import kind_of

_TYPE_OF_KIND = {
    "image": "image/jpeg",
    "document": "application/pdf",
    "audio": "audio/mpeg",
    "video": "video/mp4",
}
"""Default media type, because Gemini requires one."""

_NO_TYPE = "gemini-no-type"
"""Form of an address without a declared type, although its extension indicates one."""

_YOUTUBE = ("youtube.com", "www.youtube.com", "m.youtube.com", "youtu.be")


def read_media(raw: JsonObject) -> Media:
    """Returns a part with `inlineData` or `fileData` as media."""
    if "inlineData" in raw:
        return _read_bytes(raw, object_of(raw["inlineData"]))
    return _read_address(raw, object_of(raw.get("fileData")))


def write_media(media: Media) -> JsonObject | None:
    """Returns `media` as a part.

    Returns None if Gemini has no form for it (a file id of another API).
    """
    said = own(media.extra)
    if media.data is not None:
        media_type = media.media_type or _TYPE_OF_KIND[media.kind]
        blob = {"mimeType": media_type, "data": media.data}
        return _part("inlineData", blob, said)
    if media.text is not None:
        data = base64.b64encode(media.text.encode("utf-8", "replace")).decode()
        blob = {"mimeType": media.media_type or "text/plain", "data": data}
        return _part("inlineData", blob, said)
    uri = media.url or (media.file_id if is_google_file(media.file_id or "") else None)
    if uri is None:
        return said.get("part") or None
    file: JsonObject = {"fileUri": uri}
    if media.form != _NO_TYPE:
        media_type = media.media_type or guessed_type(uri)
        file["mimeType"] = media_type or _TYPE_OF_KIND[media.kind]
    return _part("fileData", file, said)


def is_google_file(uri: str) -> bool:
    """Whether only Google's servers can read an address: Files API, Cloud Storage."""
    if uri.startswith("gs://"):
        return True
    return "/files/" in uri and (_host(uri) or "").endswith("googleapis.com")


def guessed_type(uri: str) -> str | None:
    """Returns the media type that a web address indicates by its extension."""
    if _host(uri) in _YOUTUBE:
        return "video/mp4"
    return guess_type(uri.partition("?")[0].partition("#")[0])[0]


def _host(uri: str) -> str | None:
    try:
        return urlsplit(uri).hostname
    except ValueError:
        return None


def _part(name: str, member: JsonObject, said: JsonObject) -> JsonObject:
    return {name: {**member, **said.get(name, EMPTY)}, **said.get("part", EMPTY)}


def _read_bytes(raw: JsonObject, blob: JsonObject) -> Media:
    media_type = text_of(blob.get("mimeType")) or None
    spelled = text_of(blob.get("data"))
    data = standard_base64(spelled)
    text = _as_text(data) if media_type == "text/plain" else None
    return Media(
        kind=kind_of(media_type),
        media_type=media_type,
        data=data if text is None else None,
        text=text,
        name=text_of(blob.get("displayName")) or None,
        extra=_extra(raw, "inlineData", blob, "mimeType", *(["data"] if data == spelled else [])),
    )


def standard_base64(data: str) -> str:
    """Returns base64 in the standard alphabet.

    Google's APIs also accept the URL-safe one (protobuf's JSON mapping), which its SDK writes;
    other providers refuse it.
    """
    if "-" not in data and "_" not in data:
        return data
    data = data.replace("-", "+").replace("_", "/")
    return data + "=" * (-len(data) % 4)


def _as_text(data: str) -> str | None:
    """Returns the text of a plain-text document if encoding it gives the same bytes."""
    try:
        text = base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return text if base64.b64encode(text.encode()).decode() == data else None


def _read_address(raw: JsonObject, file: JsonObject) -> Media:
    uri = text_of(file.get("fileUri"))
    media_type = text_of(file.get("mimeType")) or None
    guessed = guessed_type(uri)
    google = is_google_file(uri)
    # A type that the address indicates is left to the writer, because other formats omit it.
    return Media(
        kind=kind_of(media_type or guessed),
        media_type=media_type if media_type != guessed else None,
        url=uri if not google else None,
        file_id=uri if google else None,
        name=text_of(file.get("displayName")) or None,
        extra=_extra(raw, "fileData", file, "fileUri", "mimeType"),
        form="" if media_type else _NO_TYPE,
    )


def _extra(raw: JsonObject, name: str, member: JsonObject, *known: str) -> JsonObject:
    said: JsonObject = {}
    if left := rest(member, *known):
        said[name] = left
    if left := rest(raw, name):
        said["part"] = left
    return owned(said)
