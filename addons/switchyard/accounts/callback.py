"""Waits on this machine for the browser that comes back from a login (RFC 8252, section 7.3)."""

import socket
import threading
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from urllib.parse import parse_qs
from urllib.parse import urlsplit

_PAGE = (
    "<!doctype html><meta charset=utf-8><title>Switchyard</title>"
    "<p>{}</p><p>You can close this page.</p>"
)


class CallbackError(Exception):
    """The address that the browser would come back to cannot be listened on."""


class Callback:
    """What the browser brought back, once it has."""

    def __init__(self, url: str, state: str) -> None:
        self.url = url
        """The redirect URI."""
        self.state = state
        self._found: dict[str, str] = {}
        self._came = threading.Event()

    def result(self, within: float) -> Mapping[str, str] | None:
        """Return `code` or `error` of the callback; None if it does not come in time (seconds)."""
        return self._found if self._came.wait(within) else None

    def take(self, target: str) -> bool:
        """Take a request's target; return whether it is the callback of this login.

        A doubled parameter could be read in two ways, and is refused.
        """
        parts = urlsplit(target)
        query = parse_qs(parts.query, keep_blank_values=True)
        if parts.path != urlsplit(self.url).path or any(len(one) > 1 for one in query.values()):
            return False
        if query.get("state") != [self.state] or self._came.is_set():
            return False
        found = {name: query[name][0] for name in ("code", "error") if query.get(name, [""])[0]}
        if not found:
            return False
        self._found = found
        self._came.set()
        return True


@contextmanager
def listen(redirect: str, state: str) -> Iterator[Callback]:
    """Listen for the callback of one login, on 127.0.0.1 alone. Raises CallbackError."""
    parts = urlsplit(redirect)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            taken = callback.take(self.path)
            text = "The login is complete." if taken else "This is no login that was begun here."
            body = _PAGE.format(text).encode()
            self.send_response(200 if taken else 400)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-length", str(len(body)))
            self.send_header("referrer-policy", "no-referrer")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """The path has the code, and is not logged."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        address_family = socket.AF_INET

    try:
        server = Server(("127.0.0.1", parts.port or 0), Handler)
    except OSError as error:
        message = f"port {parts.port} of this machine cannot be listened on: {error.strerror}"
        raise CallbackError(f"{message}. End the program that uses it, or use --paste") from None
    port = server.server_address[1]
    callback = Callback(parts._replace(netloc=f"{parts.hostname}:{port}").geturl(), state)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield callback
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
