"""Reads and writes error bodies: Google's own, and those of gateways.

Source: guide "Troubleshooting", `google.rpc.Status`.
"""

from typing import Any

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import first_object
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.gemini.names import NAME
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import ErrorKind
from switchyard.wire.model.errors import kind_of_status
from switchyard.wire.model.overflow import Overflow
from switchyard.wire.model.overflow import in_own_words

_KINDS: dict[str, ErrorKind] = {
    "INVALID_ARGUMENT": "invalid_request",
    "FAILED_PRECONDITION": "invalid_request",
    "OUT_OF_RANGE": "invalid_request",
    "ALREADY_EXISTS": "invalid_request",
    "UNIMPLEMENTED": "invalid_request",
    "UNAUTHENTICATED": "authentication",
    "PERMISSION_DENIED": "permission",
    "NOT_FOUND": "not_found",
    "RESOURCE_EXHAUSTED": "rate_limit",
    "DEADLINE_EXCEEDED": "timeout",
    "CANCELLED": "timeout",
    "UNAVAILABLE": "overloaded",
    "ABORTED": "server",
    "INTERNAL": "server",
    "UNKNOWN": "server",
    "DATA_LOSS": "server",
}
"""Kinds of errors by `google.rpc.Code`."""

_PAYMENT = 402
"""Of gateways: the code of a spent quota says no more than that of a rate (`google.rpc.Code`)."""

_WORDS: dict[ErrorKind, str] = {
    "invalid_request": "INVALID_ARGUMENT",
    "authentication": "UNAUTHENTICATED",
    "permission": "PERMISSION_DENIED",
    "billing": "RESOURCE_EXHAUSTED",
    "not_found": "NOT_FOUND",
    "timeout": "DEADLINE_EXCEEDED",
    "too_large": "INVALID_ARGUMENT",
    "rate_limit": "RESOURCE_EXHAUSTED",
    "overloaded": "UNAVAILABLE",
    "server": "INTERNAL",
    "unavailable": "UNAVAILABLE",
}

_REASONS: dict[str, ErrorKind] = {
    "API_KEY_INVALID": "authentication",
    "API_KEY_EXPIRED": "authentication",
    "ACCESS_TOKEN_EXPIRED": "authentication",
    "BILLING_DISABLED": "billing",
    "CONSUMER_SUSPENDED": "billing",
}
"""Reasons in `google.rpc.ErrorInfo` that are more specific than the status: Google reports a wrong
key as INVALID_ARGUMENT."""

_OWN_OVERFLOW = "exceeds the maximum number of tokens allowed"

_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"

_ANSWER = ("candidates", "promptFeedback", "usageMetadata", "models", "totalTokens")
"""Members of successful bodies, beside which a bare `message` or `detail` is no error."""


def find_error(said: Any) -> ApiError | None:
    """Returns the error that a body or a stream's chunk reports, or None."""
    if (body := first_object(said)) is None:
        return None
    if error := body.get("error"):
        return _read(error, body)
    if any(name in body for name in _ANSWER):
        return None
    errors = body.get("errors")
    if isinstance(errors, list) and errors:
        return _read(errors[0], body)
    base = body.get("base_resp")
    if isinstance(base, dict) and base.get("status_code"):
        return _read({"message": base.get("status_msg"), "code": base["status_code"]}, body)
    if detail := body.get("detail"):
        return _read(_first_message(detail), body)
    if body.get("object") == "error" or text_of(body.get("message")):
        return _read(body, body)
    return None


def write_error(error: ApiError) -> tuple[int, JsonObject]:
    """Returns status and body of an error response."""
    body = error.raw if error.format == NAME else EMPTY
    inner = body.get("error")
    if not isinstance(inner, dict) or not text_of(inner.get("message")):
        inner = {
            "code": error.http_status,
            "message": error.message,
            "status": _WORDS[error.kind],
        }
        if error.retry_after is not None:
            delay = f"{error.retry_after:.9g}s"
            inner["details"] = [{"@type": _RETRY_INFO, "retryDelay": delay}]
    if error.overflow is not None and _OWN_OVERFLOW not in error.message:
        message = in_own_words(_overflow(error.overflow), error.message)
        inner = {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}
    if error.attempts:
        inner = {**inner, "switchyard": {"attempts": list(error.attempts)}}
    return error.http_status, {**body, "error": inner}


def _overflow(overflow: Overflow) -> str:
    """Returns Google's text for a prompt that is too long."""
    if overflow.pair is None:
        return f"The input token count {_OWN_OVERFLOW}."
    tokens, limit = overflow.pair
    return f"The input token count ({tokens}) {_OWN_OVERFLOW} ({limit})."


def _read(error: Any, body: JsonObject) -> ApiError:
    """Returns the error object in `body`, or the text in its place."""
    found: JsonObject = error if isinstance(error, dict) else EMPTY
    message = error if isinstance(error, str) else _message(found)
    word = text_of(found.get("status"))
    status = next(
        (
            number
            for name in ("code", "status", "status_code")
            if (number := int_of(found.get(name))) is not None and 400 <= number <= 599
        ),
        None,
    )
    details = objects_of(found.get("details"))
    kinds: list[ErrorKind] = [
        _REASONS[r] for d in details if (r := text_of(d.get("reason"))) in _REASONS
    ]
    if status == _PAYMENT:
        kinds.append("billing")
    elif word in _KINDS:
        kinds.append(_KINDS[word])
    code = found.get("code")
    return ApiError(
        message=message or "the provider reported an error without saying which",
        kind=kinds[0] if kinds else kind_of_status(status or 500),
        status=status,
        type=word or text_of(found.get("type")) or None,
        code=str(code) if code not in (None, "") else None,
        param=_field(details) or text_of(found.get("param")) or None,
        retry_after=_retry_after(details),
        format=NAME,
        raw=body,
    )


def _message(found: JsonObject) -> str:
    for name in ("message", "msg", "detail", "reason"):
        if text := text_of(found.get(name)):
            return text
    return ""


def _first_message(detail: Any) -> Any:
    """Returns the message in FastAPI's `detail`: text, object, or list of these."""
    first = detail[0] if isinstance(detail, list) else detail
    if isinstance(first, dict) and "loc" in first:
        return {"message": f"{'.'.join(map(str, first['loc']))}: {first.get('msg')}", "code": 400}
    return first


def _field(details: list[JsonObject]) -> str | None:
    """Returns the field that `google.rpc.BadRequest` names."""
    for detail in details:
        for violation in objects_of(detail.get("fieldViolations")):
            if field := text_of(violation.get("field")):
                return field
    return None


def _retry_after(details: list[JsonObject]) -> float | None:
    """Returns the delay of `google.rpc.RetryInfo`, in seconds."""
    for detail in details:
        delay = text_of(detail.get("retryDelay"))
        if delay.endswith("s"):
            try:
                return float(delay[:-1])
            except ValueError:
                continue
    return None
