"""Reads errors: exceptions of `GenerateAssistantResponse` and their reasons (the API's model)."""

from typing import Any

from switchyard.values.records import altered
from switchyard.wire.formats.codewhisperer.names import NAME
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import ErrorKind
from switchyard.wire.model.overflow import read_overflow
from switchyard.wire.shared.aws_errors import error_finder

_TOO_LONG = "CONTENT_LENGTH_EXCEEDS_THRESHOLD"

_REASONS: dict[str, ErrorKind] = {
    "INSUFFICIENT_MODEL_CAPACITY": "overloaded",
    "MODEL_TEMPORARILY_UNAVAILABLE": "overloaded",
    "CONVERSATION_LIMIT_EXCEEDED": "invalid_request",
    _TOO_LONG: "invalid_request",
}
"""Reasons that mean something else than their exception does."""

_find = error_finder(NAME, _REASONS)


def find_error(said: Any) -> ApiError | None:
    """Returns the error that a body or a stream's event reports, or None."""
    error = _find(said)
    if error is None or error.code != _TOO_LONG:
        return error
    return altered(error, overflow=read_overflow(error.message))
