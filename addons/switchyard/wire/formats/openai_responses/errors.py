"""Reads and writes errors: HTTP bodies, `error` events, and failed responses.

The HTTP bodies are those of OpenAI's guide "Error codes", which `openai_chat` reads in all the
shapes that providers use. API reference, "The response object": `error` holds a code and a message;
"Streaming events": `error` and `response.failed`.
"""

from typing import Any

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.openai_chat.errors import find_error as find_http_error
from switchyard.wire.formats.openai_chat.errors import write_error as write_http_error
from switchyard.wire.formats.openai_chat.names import NAME as CHAT
from switchyard.wire.formats.openai_responses.names import NAME
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import ErrorKind
from switchyard.wire.model.overflow import Overflow

_CODES: dict[ErrorKind, str] = {
    "invalid_request": "invalid_prompt",
    "billing": "insufficient_quota",
    "rate_limit": "rate_limit_exceeded",
}
"""Codes of a failed response. All other kinds become `server_error`, which clients try again."""

_KNOWN = frozenset(
    {
        "context_length_exceeded",
        "cyber_policy",
        "insufficient_quota",
        "invalid_prompt",
        "rate_limit_exceeded",
        "server_error",
        "usage_not_included",
    }
)
"""Codes that clients act upon, passed on from every format."""


def find_error(body: Any) -> ApiError | None:
    """Returns the error that a body or a stream's payload reports; None if none."""
    if not isinstance(body, dict):
        return _own(find_http_error(body))
    kind = body.get("type")
    response = body.get("response")
    if kind == "response.failed":
        return _failed(response if isinstance(response, dict) else EMPTY)
    if body.get("object") == "response":
        if body.get("status") == "failed" or isinstance(body.get("error"), dict):
            return _failed(body)
        return None
    if isinstance(kind, str) and kind.startswith("response."):
        return None
    if kind == "error" and not body.get("error"):
        inner = {k: body.get(k) for k in ("message", "code", "param")}
        return _own(find_http_error({"error": inner}))
    return _own(find_http_error(body))


def write_error(error: ApiError) -> tuple[int, JsonObject]:
    """Returns status and body of an error response."""
    if error.overflow is not None:
        # The API states no sizes, and users of its own SDKs search for this sentence.
        error = altered(error, overflow=Overflow(), param=error.param or "input")
    if error.format == NAME:
        return write_http_error(altered(error, format=CHAT))
    return write_http_error(altered(error, raw=EMPTY))


def failure(error: ApiError) -> JsonObject:
    """Returns the `error` member of a failed response."""
    code = error.code if error.code in _KNOWN or (error.format == NAME and error.code) else None
    return {"code": code or _CODES.get(error.kind, "server_error"), "message": error.message}


def _failed(response: JsonObject) -> ApiError | None:
    inner = response.get("error")
    if not isinstance(inner, dict) or not inner:
        inner = {"message": "the provider reports that the response failed", "code": "server_error"}
    return _own(find_http_error({"error": inner}))


def _own(error: ApiError | None) -> ApiError | None:
    return altered(error, format=NAME) if error is not None else None
