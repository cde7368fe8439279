"""Reads errors: bodies with `message`, `reason` and `__type`, and exceptions within a stream.

Sources: AWS JSON protocol, "Operation error serialization"; the API's model, the exceptions of
`GenerateAssistantResponse` and their reasons. `relay.event_messages` gives an exception within a
stream as `{"type": "error", "error": {"type", "message", "code"}}`.
"""

from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import first_object
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.codewhisperer.names import NAME
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import ErrorKind
from switchyard.wire.model.overflow import read_overflow

_KINDS: dict[str, ErrorKind] = {
    "ThrottlingException": "rate_limit",
    "ServiceQuotaExceededException": "rate_limit",
    "ValidationException": "invalid_request",
    "AccessDeniedException": "permission",
    "ResourceNotFoundException": "not_found",
    "UnauthorizedException": "authentication",
    "rate_limit_error": "rate_limit",
    "overloaded_error": "overloaded",
    "timeout_error": "timeout",
    "invalid_request_error": "invalid_request",
    "permission_error": "permission",
    "not_found_error": "not_found",
}
_REASONS: dict[str, ErrorKind] = {
    "INSUFFICIENT_MODEL_CAPACITY": "overloaded",
    "MODEL_TEMPORARILY_UNAVAILABLE": "overloaded",
    "CONVERSATION_LIMIT_EXCEEDED": "invalid_request",
    "CONTENT_LENGTH_EXCEEDS_THRESHOLD": "invalid_request",
}
"""Reasons that mean something else than their exception does."""

_TOO_LONG = "CONTENT_LENGTH_EXCEEDS_THRESHOLD"
_UNSAID = "the provider reported an error without saying which"


def find_error(said: Any) -> ApiError | None:
    """Returns the error that a body or a stream's event reports, or None."""
    body = first_object(said)
    if body is None:
        return None
    if inner := object_of(body.get("error")):
        return _error(inner, text_of(inner.get("type")), text_of(inner.get("code")), body)
    # `__type` may have a namespace before it and an address after it.
    name = text_of(body.get("__type")).rpartition("#")[2].partition(":")[0]
    if name or text_of(body.get("message")) or text_of(body.get("Message")):
        return _error(body, name, text_of(body.get("reason")), body)
    return None


def _error(said: JsonObject, name: str, reason: str, body: JsonObject) -> ApiError:
    message = text_of(said.get("message")) or text_of(said.get("Message")) or name or _UNSAID
    return ApiError(
        message=message,
        kind=_REASONS.get(reason) or _KINDS.get(name, "server"),
        type=name or None,
        code=reason or None,
        overflow=read_overflow(message) if reason == _TOO_LONG else None,
        format=NAME,
        raw=body,
    )
