"""Answers of our own: JSON, and errors in the client's wire format."""

import math
from collections.abc import Mapping

from mitmproxy import http

from addons.wire.errors import ApiError
from addons.wire.format import Format
from addons.wire.jsonio import JsonObject
from addons.wire.jsonio import dumps


def json_answer(
    status: int, body: JsonObject, headers: Mapping[str, str] | None = None
) -> http.Response:
    """A complete JSON answer."""
    content = dumps(body)
    response = http.Response.make(status, content, {"content-type": "application/json"})
    for name, value in (headers or {}).items():
        response.headers[name] = value
    return response


def error_answer(
    format: Format, error: ApiError, headers: Mapping[str, str] | None = None
) -> http.Response:
    """An error as `format` tells it, with `retry-after` (whole seconds, rounded up) where known."""
    status, body = format.write_error(error)
    response = json_answer(status, body, headers)
    if error.retry_after is not None:
        response.headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    return response


def for_method(answer: http.Response, method: str) -> http.Response:
    """The same answer as it is sent to a request's method: to HEAD without its body, which clients
    would read as the next answer, and with the length that it would have (RFC 9110, 9.3.2)."""
    if method == "HEAD" and answer.raw_content:
        length = answer.headers["content-length"]
        answer.content = b""
        answer.headers["content-length"] = length
    return answer
