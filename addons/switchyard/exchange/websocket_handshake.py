"""The router's side of a WebSocket's opening handshake (RFC 6455, section 4.2)."""

from mitmproxy import http
from wsproto.handshake import WEBSOCKET_VERSION
from wsproto.utilities import generate_accept_token

from switchyard.exchange.guard import Refused
from switchyard.wire.model.errors import ApiError


def asks_for_websocket(request: http.Request) -> bool:
    """Whether a request asks for a WebSocket."""
    upgrade = request.data.headers.get("upgrade")
    return upgrade is not None and "websocket" in upgrade.lower()


def check_handshake(request: http.Request) -> None:
    """Raises Refused for an invalid handshake (RFC 6455, 4.2.1)."""
    headers = request.headers
    if headers.get("sec-websocket-version", "").strip().encode() != WEBSOCKET_VERSION:
        version = {"connection": "close", "sec-websocket-version": WEBSOCKET_VERSION.decode()}
        raise Refused(no_websocket(), version)
    key = headers.get("sec-websocket-key", "").strip()
    asks = "upgrade" in headers.get("connection", "").lower() and key.isascii() and key
    if request.method != "GET" or request.http_version != "HTTP/1.1" or not asks:
        raise Refused(no_websocket(), {"connection": "close"})


def accepted(request: http.Request) -> http.Response:
    """Returns the answer to a handshake (RFC 6455, 4.2.2). Extensions are not used."""
    token = generate_accept_token(request.headers["sec-websocket-key"].strip().encode())
    response = http.Response.make(
        101,
        b"",
        {
            "upgrade": "websocket",
            "connection": "Upgrade",
            "sec-websocket-accept": token.decode(),
        },
    )
    del response.headers["content-length"]
    return response


def no_websocket() -> ApiError:
    """Returns the refusal of a WebSocket."""
    # 426 makes Codex fall back to HTTP at once; other statuses make it try seven times, and 400
    # makes it give up.
    return ApiError(
        message="Switchyard speaks no WebSocket here. Use HTTP POST instead.",
        kind="invalid_request",
        status=426,
    )
