"""Holds the words of Bedrock's Converse API that several modules here share."""

from collections.abc import Mapping

NAME = "converse"

IMAGES = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
VIDEOS = {
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/x-matroska": "mkv",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/mpeg": "mpeg",
    "video/x-ms-wmv": "wmv",
    "video/3gpp": "three_gp",
}
AUDIO = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/ogg": "ogg",
    "audio/opus": "opus",
    "audio/flac": "flac",
    "audio/aac": "aac",
    "audio/mp4": "mp4",
    "audio/webm": "webm",
}
DOCUMENTS = {
    "application/pdf": "pdf",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}
"""Documents that are no text; those that are text are sent as such."""

MEDIA: Mapping[str, Mapping[str, str]] = {
    "image": IMAGES,
    "video": VIDEOS,
    "audio": AUDIO,
    "document": DOCUMENTS,
}
"""The API's word for each media type that it takes, by the kind of block (API reference,
"ImageBlock", "VideoBlock", "AudioBlock", "DocumentBlock")."""

TYPES: Mapping[str, Mapping[str, str]] = {
    kind: {word: media_type for media_type, word in reversed(words.items())}
    for kind, words in MEDIA.items()
}
"""The media type of each of those words."""
