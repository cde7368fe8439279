"""Makes mitmproxy's error pages fit for clients of an API.

They quote nothing of what could not be read. A request that could not is refused in JSON, and so is
any other one by a client that does not ask for HTML, in its own format.
"""

import json

from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.net.http import http1
from mitmproxy.proxy.commands import CloseConnection
from mitmproxy.proxy.commands import SendData
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import Http1Server
from mitmproxy.proxy.layers.http import HttpEvent
from mitmproxy.proxy.layers.http import ResponseProtocolError
from mitmproxy.proxy.layers.http import _base
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http import _http2

from switchyard.listener.bounds import MakeRefusal
from switchyard.listener.bounds import Share
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


def answer_to(
    error: ResponseProtocolError, request: http.Request | None, refuse: MakeRefusal
) -> http.Response | None:
    """Return what the client gets in place of mitmproxy's page; None if that is right, or none is.

    Browsers name `text/html` in `accept`, clients of an API do not (RFC 9110, section 12.5.1).
    """
    status = error.code.http_status_code()
    if status is None or request is None or "text/html" in request.headers.get("accept", ""):
        return None
    message = _unreadable(error.message) if status == _UNREADABLE else without_quoted(error.message)
    return refuse(request, status, message)


class AnsweringHttp1Server(Http1Server):
    """The side of HTTP/1 towards a client, with these answers."""

    share: Share

    def send(self, event: HttpEvent) -> CommandGenerator[None]:
        if not isinstance(event, ResponseProtocolError) or not (answer := self._answer_to(event)):
            yield from super().send(event)
            return
        answer.headers["connection"] = "close"
        yield SendData(self.conn, http1.assemble_response(answer))
        yield CloseConnection(self.conn)

    def _answer_to(self, error: ResponseProtocolError) -> http.Response | None:
        if self.response is not None or not self.conn.state & ConnectionState.CAN_WRITE:
            return None
        return answer_to(error, self.request, self.share.refuse)


def _page(status_code: int, message: str) -> bytes:
    return _format_error(status_code, without_quoted(message))


def _response(status_code: int, message: str = "") -> bytes:
    """Return an error response: a page, or for an unreadable request JSON.

    Whose format that request has is unknown. OpenAI's shape is what most clients read.
    """
    if status_code != _UNREADABLE:
        return _make_error_response(status_code, message)
    error = {"message": _unreadable(message), "type": "invalid_request_error"}
    body = json.dumps({"error": {**error, "param": None, "code": None}})
    head = {"content-type": "application/json", "connection": "close"}
    return http1.assemble_response(http.Response.make(_UNREADABLE, body, head))


def _unreadable(message: str) -> str:
    """Why a request cannot be read, without what it held and without mitmproxy's own options."""
    said = without_quoted(message.partition(_HINT)[0])
    if "digits" in said:
        said = "invalid content-length header"  # Python's own words
    return f"The request cannot be read: {said}"
