"""Makes mitmproxy's error pages fit for clients of an API.

They quote nothing of what could not be read. A request that could not is refused in JSON.
"""

import json

from mitmproxy import http
from mitmproxy.net.http import http1
from mitmproxy.proxy.layers.http import _base
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http import _http2

from switchyard.redaction.text import without_quoted

_UNREADABLE = 400
"""The status for a request whose head could not be read."""

_HINT = " Disable the "
"""Begins mitmproxy's hint at an option of its own."""

_format_error = _base.format_error
_make_error_response = _http1.make_error_response


def install() -> None:
    """Replace pages that repeat unreadable bytes: a request's line may contain a key."""
    _http1.format_error = _http2.format_error = _page
    _http1.make_error_response = _response


def remove() -> None:
    _http1.format_error = _http2.format_error = _format_error
    _http1.make_error_response = _make_error_response


def _page(status_code: int, message: str) -> bytes:
    return _format_error(status_code, without_quoted(message))


def _response(status_code: int, message: str = "") -> bytes:
    """Return an error response: a page, or for an unreadable request JSON.

    Whose format that request has is unknown. OpenAI's shape is what most clients read.
    """
    if status_code != _UNREADABLE:
        return _make_error_response(status_code, message)
    said = without_quoted(message.partition(_HINT)[0])
    if "digits" in said:
        said = "invalid content-length header"  # Python's own words
    error = {"message": f"The request cannot be read: {said}", "type": "invalid_request_error"}
    body = json.dumps({"error": {**error, "param": None, "code": None}})
    head = {"content-type": "application/json", "connection": "close"}
    return http1.assemble_response(http.Response.make(_UNREADABLE, body, head))
