"""Recognises what the bytes of a response contain, in any format."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import loads
from switchyard.wire.encoding.sse import Frame

MAX_ERROR_BODY = 1024 * 1024
"""Bytes of an error response that are read; the rest adds nothing."""


def parse_body(raw: bytes) -> JsonObject | None:
    """The JSON object of a body; the first of a list, as Gemini wraps its errors."""
    try:
        body = loads(raw.removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        return None
    if isinstance(body, list) and body:
        body = body[0]
    return body if isinstance(body, dict) else None


def is_whole(frame: Frame) -> bool:
    """Whether a payload is all there: JSON, or the terminal word of OpenAI's streams."""
    if frame.data.strip() == b"[DONE]":
        return True
    try:
        loads(frame.data)
    except ValueError:
        return False
    return True


def words_of(raw: bytes) -> str:
    """A plain-text error body, shortened; nothing of an HTML page."""
    text = first_words(raw)
    return "" if text.startswith("<") else text


def first_words(raw: bytes) -> str:
    """The text of what is no JSON, shortened, which may be an error's."""
    return raw.decode("utf-8", "replace").strip()[:500]
