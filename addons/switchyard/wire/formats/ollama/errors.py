"""Reads and writes error bodies: `{"error": "..."}`, and those of gateways.

Gateways and clouds in front of Ollama have forms of their own.
"""

from typing import Any

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import first_object
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.ollama.names import NAME
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import ErrorKind
from switchyard.wire.model.errors import kind_of_status

_WORDS: tuple[tuple[str, ErrorKind], ...] = (
    ("not found", "not_found"),
    ("unauthorized", "authentication"),
    ("rate limit", "rate_limit"),
    ("usage limit", "rate_limit"),
    ("too many requests", "rate_limit"),
    ("server busy", "overloaded"),
    ("overloaded", "overloaded"),
    ("does not support", "invalid_request"),
    ("invalid", "invalid_request"),
    ("is required", "invalid_request"),
    ("context length", "invalid_request"),
    ("deadline exceeded", "timeout"),
)
"""Kinds of errors by substrings of their message, because Ollama gives no code."""


def find_error(said: Any) -> ApiError | None:
    """Returns the error that a body or a stream's line reports, or None."""
    if (body := first_object(said)) is None:
        return None
    if error := body.get("error"):
        return _read(error, body)
    if isinstance(body.get("message"), dict) or "response" in body or "models" in body:
        return None
    if detail := body.get("detail") or body.get("errors"):
        first = detail[0] if isinstance(detail, list) else detail
        return _read(first, body)
    return _read(body, body) if text_of(body.get("message")) else None


def write_error(error: ApiError) -> tuple[int, JsonObject]:
    """Returns status and body of an error response."""
    body = error.raw if error.format == NAME else EMPTY
    written = {**body, "error": body.get("error") or error.message}
    if error.attempts:
        written["switchyard"] = {"attempts": list(error.attempts)}
    return error.http_status, written


def _read(error: Any, body: JsonObject) -> ApiError:
    """Returns the error object in `body`, or the text in its place."""
    found: JsonObject = error if isinstance(error, dict) else EMPTY
    said = error if isinstance(error, str) else None
    message = said or text_of(found.get("message")) or text_of(found.get("msg"))
    codes = (found.get("code"), found.get("status_code"), body.get("status_code"))
    status = next((n for code in codes if (n := int_of(code)) and 400 <= n <= 599), None)
    lower = message.lower()
    kinds: list[ErrorKind] = [kind for words, kind in _WORDS if words in lower]
    return ApiError(
        message=message or "the provider reported an error without saying which",
        kind=kind_of_status(status or 500) if status or not kinds else kinds[0],
        status=status,
        type=text_of(found.get("type")) or None,
        code=text_of(found.get("code")) or None,
        format=NAME,
        raw=body,
    )
