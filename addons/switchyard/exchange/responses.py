"""Builds the router's own responses: JSON, and errors in the client's wire format."""

import math
from collections.abc import Mapping

from mitmproxy import http

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.format import Asked
from switchyard.wire.format import Format
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import Failure


def json_response(
    status: int, body: JsonObject, headers: Mapping[str, str] | None = None
) -> http.Response:
    """Returns a complete JSON response."""
    content = dumps(body)
    response = http.Response.make(status, content, {"content-type": "application/json"})
    for name, value in (headers or {}).items():
        response.headers[name] = value
    return response


def error_response(
    format: Format, error: ApiError, headers: Mapping[str, str] | None = None
) -> http.Response:
    """Returns an error in `format`, with `retry-after` in whole seconds if known.

    Fractions of a second are rounded up.
    """
    status, body = format.write_error(error)
    response = json_response(status, body, headers)
    if error.retry_after is not None:
        response.headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    return response


def error_stream(format: Format, asked: Asked, body: bytes) -> bytes:
    """Returns a stream of `format` that ends with the error in the JSON `body`."""
    said = loads_object(body)
    error = format.find_error(said) if said is not None else None
    writer = format.stream_writer(asked)
    told = writer.feed(Failure(error or ApiError(message="No provider could answer.")))
    return told + writer.close()


def for_method(answer: http.Response, method: str) -> http.Response:
    """Returns the response as sent to a request's method.

    A response to HEAD has no body, which clients would read as the next response, but the length
    that the body would have (RFC 9110, 9.3.2).
    """
    if method == "HEAD" and answer.raw_content:
        length = answer.headers["content-length"]
        answer.content = b""
        answer.headers["content-length"] = length
    return answer
