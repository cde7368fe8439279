"""Reads errors of AWS' services: bodies with `message` and `__type`, and exceptions in a stream.

Source: AWS JSON protocol and REST JSON protocol, "Operation error serialization".
`relay.event_messages` gives an exception within a stream as
`{"type": "error", "error": {"type", "message", "code"}}`.
"""

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import first_object
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import ErrorKind

_KINDS: dict[str, ErrorKind] = {
    "ThrottlingException": "rate_limit",
    "ServiceQuotaExceededException": "rate_limit",
    "ServiceUnavailableException": "overloaded",
    "ModelNotReadyException": "overloaded",
    "ModelTimeoutException": "timeout",
    "ValidationException": "invalid_request",
    "AccessDeniedException": "permission",
    "ResourceNotFoundException": "not_found",
    "UnauthorizedException": "authentication",
    "ExpiredTokenException": "authentication",
    "UnrecognizedClientException": "authentication",
    "rate_limit_error": "rate_limit",
    "overloaded_error": "overloaded",
    "timeout_error": "timeout",
    "invalid_request_error": "invalid_request",
    "permission_error": "permission",
    "not_found_error": "not_found",
}
_UNSAID = "the provider reported an error without saying which"

type FindError = Callable[[Any], ApiError | None]


def error_finder(format: str, reasons: Mapping[str, ErrorKind] | None = None) -> FindError:
    """Returns a `find_error` of `format`.

    `reasons`: codes that mean something else than their exception does.
    """
    known = reasons or {}

    def find_error(said: Any) -> ApiError | None:
        """Returns the error that a body or a stream's event reports, or None."""
        body = first_object(said)
        if body is None:
            return None
        if inner := object_of(body.get("error")):
            return error(inner, text_of(inner.get("type")), text_of(inner.get("code")), body)
        # `__type` may have a namespace before it and an address after it.
        name = text_of(body.get("__type")).rpartition("#")[2].partition(":")[0]
        if name or text_of(body.get("message")) or text_of(body.get("Message")):
            return error(body, name, text_of(body.get("reason")), body)
        return None

    def error(said: JsonObject, name: str, reason: str, body: JsonObject) -> ApiError:
        message = text_of(said.get("message")) or text_of(said.get("Message")) or name or _UNSAID
        return ApiError(
            message=message,
            kind=known.get(reason) or _KINDS.get(name, "server"),
            type=name or None,
            code=reason or None,
            format=format,
            raw=body,
        )

    return find_error
