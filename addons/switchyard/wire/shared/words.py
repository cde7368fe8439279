"""Extracts the text of a part that only its own format knows.

A model of another format receives search results, the output of code, and parts of unknown types as
text. Names, ids, proofs and data are not text.
"""

from collections.abc import Iterator
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps

_NO_WORDS = frozenset(
    {
        *("type", "id", "object", "role", "status", "caller", "created_by", "execution", "format"),
        *("data", "signature", "thoughtSignature", "fingerprint", "cache_control", "citations"),
        *("media_type", "mimeType", "mime_type", "language", "toolType", "b64_json"),
        *("search_suggestions", "renderedContent", "detail", "index"),
    }
)
"""Members without text for a model: types, ids, proofs, data, and the pages of widgets."""

_LONGEST_WORD = 400
"""In characters. A longer text without white space is data of some kind."""


def words_of(raw: Any) -> str | None:
    """Returns all text of a part, a line each, in order; None if it has none."""
    return "\n".join(_texts(raw)) or None


def as_content(result: Any) -> Any:
    """Returns a tool's result as a text or content blocks; itself if it is such.

    APIs take nothing else, but clients write what the tool returned. Such data becomes JSON, so
    that the model sees all of it.
    """
    if result is None or isinstance(result, str):
        return result
    if not isinstance(result, list):
        return [result] if _is_block(result) else dumps(result).decode()
    blocks = [isinstance(one, str) or _is_block(one) for one in result]
    if all(blocks):
        return result
    if not any(blocks):
        return dumps(result).decode()
    return [
        one if is_block else {"type": "text", "text": dumps(one).decode()}
        for one, is_block in zip(result, blocks, strict=True)
    ]


def _is_block(value: Any) -> bool:
    """Whether a value is a content block, whose text may stand without a type."""
    return isinstance(value, dict) and any(isinstance(value.get(k), str) for k in ("type", "text"))


def called(name: str, arguments: Any, *results: str | None) -> str:
    """Returns a call that ran at a provider as text: its input and its result."""
    said = arguments if isinstance(arguments, str) else dumps(arguments).decode()
    return "\n".join([f"[{name}: {said}]", *(result for result in results if result)])


def _texts(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, str):
        if value.strip() and not _is_data(value):
            yield value.strip("\n")
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, name)
    elif isinstance(value, dict):
        for key, inner in value.items():
            # A plain-text source holds its text there (Anthropic, `source` of a document).
            if key == "data" and value.get("type") == "text":
                yield from _texts(inner)
            elif not _has_no_words(key):
                yield from _texts(inner, key)


def _has_no_words(name: str) -> bool:
    lower = name.lower()
    return name in _NO_WORDS or lower.startswith("encrypted") or lower.endswith(("_id", "_ids"))


def _is_data(text: str) -> bool:
    if text.startswith("data:"):
        return True
    return len(text) > _LONGEST_WORD and not any(char.isspace() for char in text)


def source(title: Any, url: Any, *more: Any) -> str:
    """Returns the text of one search result: its title, its address, its content."""
    said = (text.strip() for text in (title, url, *more) if isinstance(text, str))
    return "\n".join(text for text in said if text)


def object_in(raw: JsonObject, name: str) -> JsonObject:
    """Returns the object that is a member of `raw`, by default an empty one."""
    value = raw.get(name)
    return value if isinstance(value, dict) else {}
