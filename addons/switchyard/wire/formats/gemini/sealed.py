"""Removes other formats' sealed content from requests that stay in this format.

A conversation contains it if providers of other formats answered part of it.
"""

from typing import Any

from switchyard.values.sequences import are_same
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.gemini.names import NO_SIGNATURE
from switchyard.wire.shared.envelope import is_sealed

_KEYS = ("thoughtSignature", "thought_signature")


def without_sealed(body: JsonObject) -> JsonObject:
    """Returns `body` with the placeholder in place of other formats' signatures.

    Clients send back what the router sealed in thought signatures, and Gemini refuses a signature
    that it did not make. Returns `body` itself if there is none; never changes it.
    """
    contents = body.get("contents")
    if not isinstance(contents, list):
        return body
    kept = [_content(content) for content in contents]
    if are_same(kept, contents):
        return body
    return {**body, "contents": kept}


def _content(content: Any) -> Any:
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list) or not any(map(_is_sealed, parts)):
        return content
    return {**content, "parts": [_part(part) if _is_sealed(part) else part for part in parts]}


def _part(part: JsonObject) -> JsonObject:
    return {key: NO_SIGNATURE if key in _KEYS else value for key, value in part.items()}


def _is_sealed(part: Any) -> bool:
    return isinstance(part, dict) and any(is_sealed(part.get(key)) for key in _KEYS)
