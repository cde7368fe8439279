"""Reads and writes errors, in the shapes that providers of this format use.

OpenAI's guide "Error codes" defines `{"error": {"message", "type", "param", "code"}}`. The other
shapes were seen at providers, gateways and web frameworks in front of them.
"""

import re
from typing import Any

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.formats.openai_chat.names import NAME
from switchyard.wire.formats.openai_chat.names import text_of
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import ErrorKind
from switchyard.wire.model.errors import kind_of_status
from switchyard.wire.model.overflow import Overflow
from switchyard.wire.model.overflow import in_own_words

_KINDS: tuple[tuple[str, ErrorKind], ...] = (
    ("insufficient_quota", "billing"),
    ("billing", "billing"),
    ("insufficient_balance", "billing"),
    ("payment_required", "billing"),
    ("rate_limit", "rate_limit"),
    ("ratelimit", "rate_limit"),
    ("resource_exhausted", "rate_limit"),
    ("too_many_requests", "rate_limit"),
    ("throttl", "rate_limit"),
    ("overloaded", "overloaded"),
    ("capacity", "overloaded"),
    ("invalid_api_key", "authentication"),
    ("invalidapikey", "authentication"),
    ("authentication", "authentication"),
    ("unauthenticated", "authentication"),
    ("unauthorized", "authentication"),
    ("permission", "permission"),
    ("forbidden", "permission"),
    ("model_not_found", "not_found"),
    ("not_found", "not_found"),
    ("notfound", "not_found"),
    ("too_large", "too_large"),
    ("timeout", "timeout"),
    ("deadline_exceeded", "timeout"),
    ("unavailable", "unavailable"),
    ("bad_gateway", "unavailable"),
    ("invalid", "invalid_request"),
    ("content_filter", "invalid_request"),
    ("context_length", "invalid_request"),
    ("tool_use_failed", "invalid_request"),
    ("server_error", "server"),
    ("internal", "server"),
)
"""The error kind for a type or code that contains a word; the first match counts."""

_TYPES: dict[ErrorKind, str] = {
    "invalid_request": "invalid_request_error",
    "authentication": "authentication_error",
    "permission": "permission_error",
    "billing": "insufficient_quota",
    "not_found": "invalid_request_error",
    "timeout": "timeout_error",
    "too_large": "invalid_request_error",
    "rate_limit": "rate_limit_error",
    "overloaded": "overloaded_error",
    "server": "server_error",
    "unavailable": "server_error",
}
_CODES: dict[ErrorKind, str] = {
    "authentication": "invalid_api_key",
    "billing": "insufficient_quota",
    "rate_limit": "rate_limit_exceeded",
}

_TOO_LONG = "context_length_exceeded"

_AGAIN = re.compile(r"(?:try|retry)(?:ing)? again in ((?:[\d.]+(?:ms|[hms]) ?)+)", re.IGNORECASE)
_SPAN = re.compile(r"([\d.]+)(ms|[hms])")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def find_error(body: Any) -> ApiError | None:
    """Returns the error that a body or a stream's payload reports; None if none."""
    if isinstance(body, list):  # Google wraps its errors in a list
        body = body[0] if body else None
    if not isinstance(body, dict):
        return None
    if error := body.get("error"):
        return _read(error, body)
    if isinstance(body.get("choices"), list):
        return _in_choices(body)
    if body.get("type") == "response.failed":  # gateways before the Responses API
        failed = object_of(body.get("response")).get("error")
        return _read(failed or "the provider reports that the response failed", body)
    if errors := body.get("errors"):
        return _read(errors[0] if isinstance(errors, list) else errors, body)
    base = body.get("base_resp")
    if isinstance(base, dict):  # MiniMax: code 0 means success
        code = base.get("status_code")
        found = {"message": base.get("status_msg"), "code": code}
        return _read(found, body) if code else None
    if detail := body.get("detail"):
        return _read(_detail(detail), body)
    for name in ("message", "msg", "error_message", "error_msg"):
        if isinstance(message := body.get(name), str) and message:
            return _read(body | {"message": message}, body)
    return _read(body, body) if body.get("object") == "error" else None


def write_error(error: ApiError) -> tuple[int, JsonObject]:
    """Returns status and body of an error response."""
    body = error.raw if error.format == NAME else EMPTY
    inner = body.get("error")
    if not isinstance(inner, dict) or not isinstance(inner.get("message"), str):
        inner = {
            "message": error.message,
            "type": _type(error),
            "param": error.param,
            "code": error.code or _CODES.get(error.kind),
        }
        if error.code is None and error.kind == "not_found" and error.param == "model":
            inner["code"] = "model_not_found"
    if error.overflow is not None and (inner is not body.get("error") or not _is_too_long(inner)):
        inner = _overflow(error, error.overflow)
    if error.attempts:
        inner = {**inner, "switchyard": {"attempts": list(error.attempts)}}
    return error.http_status, {**body, "error": inner}


def _is_too_long(error: JsonObject) -> bool:
    return error.get("code") == _TOO_LONG


def _overflow(error: ApiError, overflow: Overflow) -> JsonObject:
    """Returns OpenAI's error for a prompt that is too long (guide "Error codes")."""
    message = "Your input exceeds the context window of this model. "
    message += "Please adjust your input and try again."
    if overflow.pair is not None:
        tokens, limit = overflow.pair
        message = f"This model's maximum context length is {limit} tokens. However, your messages "
        message += f"resulted in {tokens} tokens. Please reduce the length of the messages."
    return {
        "message": in_own_words(message, error.message),
        "type": "invalid_request_error",
        "param": error.param or "messages",
        "code": _TOO_LONG,
    }


def _read(error: Any, body: JsonObject) -> ApiError:
    """Reads an error object, or a text in its place, found in `body`."""
    found: JsonObject = error if isinstance(error, dict) else {}
    inner = found.get("error")
    if isinstance(inner, dict):  # {type: error, error: {...}} nested inside
        found = inner
    message = error if isinstance(error, str) and error else _message(found, body)
    code = found.get("code", body.get("code"))
    kind_word = text_of(found.get("type")) or text_of(found.get("status"))
    status = _status(found, body, code)
    return ApiError(
        message=message,
        kind=_kind(kind_word, str(code or ""), status),
        status=status,
        type=kind_word or None,
        code=str(code) if code not in (None, "") else None,
        param=text_of(found.get("param")) or None,
        request_id=text_of(body.get("request_id")) or text_of(found.get("request_id")) or None,
        retry_after=_retry_after(found, message),
        format=NAME,
        raw=body,
    )


def _in_choices(body: JsonObject) -> ApiError | None:
    """Returns the error inside a choice, where OpenRouter reports its upstream's."""
    for choice in body["choices"]:
        if isinstance(choice, dict):
            if error := choice.get("error"):
                return _read(error, body)
            if choice.get("finish_reason") == "error":
                return _read("the provider ended the response with an error", body)
    return None


def _message(found: JsonObject, body: JsonObject) -> str:
    for holder in (found, body):
        for name in ("message", "msg", "detail", "error_message", "reason"):
            if isinstance(value := holder.get(name), str) and value:
                return value
    return "the provider reported an error without saying which"


def _detail(detail: Any) -> Any:
    """Reads FastAPI's `detail`: a text, an object, or a list of invalid fields."""
    if not isinstance(detail, list):
        return detail
    first = next((entry for entry in detail if isinstance(entry, dict)), EMPTY)
    where = first.get("loc")
    param = ".".join(str(step) for step in where if step != "body") if where else None
    message = text_of(first.get("msg")) or str(detail)
    return {
        "message": f"{param}: {message}" if param else message,
        "type": "invalid_request_error",
        "code": first.get("type"),
        "param": param,
    }


def _status(found: JsonObject, body: JsonObject, code: Any) -> int | None:
    """Returns the HTTP status that an error states, in any of its members."""
    candidates = (found.get("status"), found.get("status_code"), code, body.get("status"))
    for value in (*candidates, body.get("status_code")):
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        if isinstance(value, int) and 400 <= value <= 599:
            return value
    return None


def _kind(type: str, code: str, status: int | None) -> ErrorKind:
    for word in (code.lower(), type.lower()):
        for part, kind in _KINDS:
            # OpenAI uses the type "invalid_request_error" for nearly everything, so the status
            # decides if there is one.
            if part in word and not (part == "invalid" and status):
                return kind
    return kind_of_status(status) if status else "server"


def _retry_after(found: JsonObject, message: str) -> float | None:
    """Returns the delay in seconds from Google's `RetryInfo` or the message's text.

    OpenAI and Groq state the delay in the message.
    """
    details = found.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and (delay := _span(text_of(detail.get("retryDelay")))):
            return delay
    again = _AGAIN.search(message)
    return _span(again[1]) if again else None


def _span(words: str) -> float | None:
    """Returns the seconds of a span such as `1m30.5s`."""
    seconds = 0.0
    for number, unit in _SPAN.findall(words):
        try:
            seconds += float(number) * _SECONDS[unit]
        except ValueError:
            return None
    return seconds or None


def _type(error: ApiError) -> str:
    return (error.type if error.format == NAME and error.type else None) or _TYPES[error.kind]
