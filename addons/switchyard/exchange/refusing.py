"""Answers requests that exceed a limit, before any other part reads them."""

from mitmproxy import http

from switchyard.exchange.endpoints import format_of_client
from switchyard.exchange.responses import error_response
from switchyard.exchange.responses import for_method
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import kind_of_status
from switchyard.wire.registry import DEFAULT


def refuse(request: http.Request | None, status: int, message: str) -> http.Response:
    """Returns the error response, in the client's format if its first line was read."""
    format = DEFAULT if request is None else format_of_client(request)
    kind = kind_of_status(status)
    answer = error_response(format, ApiError(message=message, kind=kind, status=status))
    return answer if request is None else for_method(answer, request.method)
