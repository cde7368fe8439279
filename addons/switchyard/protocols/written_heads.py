"""Writes heads of HTTP/1 messages, as mitmproxy does, in one step for the most frequent ones."""

from mitmproxy import http
from mitmproxy.net.http import http1

JOIN_BELOW = 65536
"""Bytes of a body up to which it is sent in one piece with its head; a larger one is not copied."""

_PLAIN_METHODS = (b"POST", b"GET")


def request_head(request: http.Request) -> bytes:
    """The head of a request up to the empty line, in the form that its method needs."""
    data = request.data
    if data.authority or data.method not in _PLAIN_METHODS:
        return http1.assemble_request_head(request)
    lines = b"".join([b"%b: %b\r\n" % field for field in data.headers.fields])
    return b"%b %b %b\r\n%b\r\n" % (data.method, data.path, data.http_version, lines)


def response_head(response: http.Response) -> bytes:
    """The head of a response up to the empty line."""
    data = response.data
    lines = b"".join([b"%b: %b\r\n" % field for field in data.headers.fields])
    return b"%b %d %b\r\n%b\r\n" % (data.http_version, data.status_code, data.reason, lines)


def pieces(head: bytes, body: bytes) -> tuple[bytes, ...]:
    """A message in as few pieces as it is worth: one, or the head and a large body."""
    if not body:
        return (head,)
    return (head + body,) if len(body) < JOIN_BELOW else (head, body)
