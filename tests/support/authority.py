"""A provider on 127.0.0.1 that checks tokens: its API, and what gives tokens beside it."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from typing import Any
from typing import Self
from urllib.parse import parse_qsl
from urllib.parse import urlsplit

from tests.support.answers import CHAT
from tests.support.answers import Answer


class Asked:
    """One request as it arrived."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        size = int(handler.headers.get("content-length") or 0)
        self.method = handler.command
        self.path = urlsplit(handler.path).path
        self.query = dict(parse_qsl(urlsplit(handler.path).query))
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.raw = handler.rfile.read(size)

    @property
    def body(self) -> dict[str, Any]:
        """The form or the JSON object that was sent."""
        if "json" in self.headers.get("content-type", ""):
            return json.loads(self.raw)
        return dict(parse_qsl(self.raw.decode(), keep_blank_values=True))


type Reply = tuple[int, Any] | tuple[int, Any, dict[str, str]]
"""Status, JSON or text, and headers."""


class Authority:
    """Serves paths by functions, and Chat Completions for whoever has a valid token."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.valid: set[str] = set()
        """Access tokens that the API takes."""
        self.paths: dict[str, Callable[[Asked], Reply]] = {}
        self.asked: list[Asked] = []
        self.calls: Counter[tuple[str, int]] = Counter()
        """Calls of the API, by token and status."""
        authority = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                asked = Asked(self)
                status, content, *more = authority.reply(asked)
                headers = {"content-type": "application/json", **(more[0] if more else {})}
                body = (content if isinstance(content, str) else json.dumps(content)).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = _answer

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is logged."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def reply(self, asked: Asked) -> Reply:
        with self.lock:
            self.asked.append(asked)
        if (found := self.paths.get(asked.path)) is not None:
            return found(asked)
        if asked.path == "/v1/chat/completions":
            return self._chat(asked)
        return 404, {"error": {"message": f"nothing is at {asked.path}"}}

    def _chat(self, asked: Asked) -> Reply:
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        with self.lock:
            valid = token in self.valid
            self.calls[token, 200 if valid else 401] += 1
        if not valid:
            error = {"message": f"the token {token} is not valid", "type": "invalid_token"}
            return 401, {"error": error}
        return 200, CHAT.whole(Answer()).decode()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
