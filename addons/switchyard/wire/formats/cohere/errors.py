"""Writes errors: `{"message": "..."}` (Cohere's API reference, "Errors")."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.errors import ApiError


def write_error(error: ApiError) -> tuple[int, JsonObject]:
    """Returns status and body of an error response."""
    written: JsonObject = {"message": error.message}
    if error.attempts:
        written["switchyard"] = {"attempts": list(error.attempts)}
    return error.http_status, written
