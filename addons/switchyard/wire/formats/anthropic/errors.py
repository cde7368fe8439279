"""Reads and writes error bodies, also those of providers that imitate the API.

Source: API reference, "Errors".
"""

import re
from typing import Any

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.anthropic.blocks import NAME
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import ErrorKind
from switchyard.wire.model.errors import kind_of_status
from switchyard.wire.model.overflow import in_own_words

_KINDS: dict[str, ErrorKind] = {
    "invalid_request_error": "invalid_request",
    "authentication_error": "authentication",
    "billing_error": "billing",
    "permission_error": "permission",
    "not_found_error": "not_found",
    "timeout_error": "timeout",
    "request_too_large": "too_large",
    "rate_limit_error": "rate_limit",
    "overloaded_error": "overloaded",
    "api_error": "server",
    # OpenAI's and Google's error codes, which gateways pass on.
    "insufficient_quota": "billing",
    "invalid_api_key": "authentication",
    "model_not_found": "not_found",
    "rate_limit_exceeded": "rate_limit",
    "server_error": "server",
    "INVALID_ARGUMENT": "invalid_request",
    "UNAUTHENTICATED": "authentication",
    "PERMISSION_DENIED": "permission",
    "NOT_FOUND": "not_found",
    "RESOURCE_EXHAUSTED": "rate_limit",
    "UNAVAILABLE": "overloaded",
    "INTERNAL": "server",
}

_TYPES: dict[ErrorKind, str] = {
    "invalid_request": "invalid_request_error",
    "authentication": "authentication_error",
    "billing": "billing_error",
    "permission": "permission_error",
    "not_found": "not_found_error",
    "timeout": "timeout_error",
    "too_large": "request_too_large",
    "rate_limit": "rate_limit_error",
    "overloaded": "overloaded_error",
    "server": "api_error",
    "unavailable": "api_error",
}

_OVERLOADED = 529
"""The API's own status for `overloaded_error`."""

_OWN_OVERFLOW = re.compile(
    r"prompt is too long[^0-9]*\d+\s*tokens?\s*>\s*\d+|exceed context limit: \d+ \+ \d+ > \d+",
    re.IGNORECASE,
)
"""The API's message for a prompt that is too long, alone or with `max_tokens`."""

_ANSWER = {"content", "choices", "candidates", "delta", "completion", "role", "type"}
"""Members of a successful payload, beside which a bare `message` or `detail` is no error."""


def find_error(body: Any) -> ApiError | None:
    """Returns the error that a body or a stream's payload reports, or None."""
    if isinstance(body, list):
        return find_error(body[0]) if len(body) == 1 else None
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    if isinstance(error, dict) and error:
        return _read(error, body)
    if isinstance(error, str) and error:
        return _read({**body, "message": body.get("message") or error}, body)
    if error:
        return _read({"message": f"the upstream reports {error!r}"}, body)
    if body.get("type") == "error" or body.get("object") == "error":
        return _read(body, body)
    errors = body.get("errors")
    if isinstance(errors, list) and errors:
        first = errors[0]
        return _read(first if isinstance(first, dict) else {"message": str(first)}, body)
    base = body.get("base_resp")
    if isinstance(base, dict) and base.get("status_code"):
        said = {"message": base.get("status_msg"), "code": base["status_code"]}
        return _read(said, body)
    return _bare(body)


def _bare(body: JsonObject) -> ApiError | None:
    """Reads `{"message": ...}` and `{"detail": ...}`, as web frameworks write errors."""
    if body.keys() & _ANSWER:
        return None
    message = body.get("message")
    if isinstance(message, str) and message:
        return _read(body, body)
    detail = body.get("detail")
    if isinstance(detail, list) and detail:
        first = detail[0]
        detail = first.get("msg") if isinstance(first, dict) else str(first)
    if isinstance(detail, dict):
        return _read(detail, body)
    return _read({"message": detail}, body) if isinstance(detail, str) and detail else None


def _read(error: JsonObject, body: JsonObject) -> ApiError:
    word = error.get("type") if error is not body else None
    code = error.get("code")
    status = _status(error.get("status")) or _status(error.get("status_code")) or _status(code)
    words = (word, code, error.get("status"))
    kinds: list[ErrorKind] = [_KINDS[w] for w in words if isinstance(w, str) and w in _KINDS]
    if not kinds:
        kinds.append(kind_of_status(status) if status else "server")
    request_id = body.get("request_id")
    return ApiError(
        message=_message(error),
        kind=kinds[0],
        status=status,
        type=word if isinstance(word, str) else None,
        code=str(code) if code is not None and not isinstance(code, dict | list) else None,
        param=error["param"] if isinstance(error.get("param"), str) else None,
        request_id=request_id if isinstance(request_id, str) else None,
        format=NAME,
        raw=body,
    )


def _message(error: JsonObject) -> str:
    for key in ("message", "msg", "detail", "error", "type"):
        value = error.get(key)
        if isinstance(value, str) and value not in ("", "error"):
            return value
    return "the upstream reports an error and does not say which"


def _status(value: Any) -> int | None:
    """Returns `value` if it is an HTTP status."""
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600:
        return value
    return None


def write_error(error: ApiError) -> tuple[int, JsonObject]:
    """Returns status and body; an error read from this format keeps its body."""
    if error.overflow is not None and not _OWN_OVERFLOW.search(error.message):
        error = altered(error, message=_overflow(error), raw=EMPTY)
    status = error.http_status
    if error.status is None and error.kind == "overloaded":
        status = _OVERLOADED
    inner = error.raw.get("error")
    if error.format == NAME and error.raw.get("type") == "error" and isinstance(inner, dict):
        if not error.attempts:
            return status, error.raw
        return status, {**error.raw, "error": {**inner, **_attempts(error)}}
    body: JsonObject = {
        "type": "error",
        "error": {"type": _TYPES[error.kind], "message": error.message, **_attempts(error)},
    }
    if error.request_id is not None:
        body["request_id"] = error.request_id
    return status, body


def _overflow(error: ApiError) -> str:
    """Returns the API's text for a prompt that is too long.

    Claude Code parses the sizes in it.
    """
    if error.overflow is None or error.overflow.pair is None:
        return f"prompt is too long: {error.message}"
    tokens, limit = error.overflow.pair
    return in_own_words(f"prompt is too long: {tokens} tokens > {limit} maximum", error.message)


def _attempts(error: ApiError) -> JsonObject:
    return {"switchyard": {"attempts": list(error.attempts)}} if error.attempts else {}
