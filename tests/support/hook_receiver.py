"""A receiver of webhooks on 127.0.0.1 that records what it gets and answers as it is told."""

import base64
import ssl
import threading
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from typing import Any
from typing import Self

from standardwebhooks import Webhook

SECRET = "whsec_" + base64.b64encode(b"a secret of the tests, 32 bytes.").decode()


@dataclass(frozen=True, slots=True)
class Received:
    """One request: its path, headers in lower case, and body."""

    path: str
    headers: dict[str, str]
    body: bytes

    def event(self, secret: str = SECRET) -> Any:
        """The event, once the library of the specification has checked its signature."""
        return Webhook(secret).verify(self.body, self.headers)

    @property
    def message(self) -> str:
        return self.headers["webhook-id"]


class HookReceiver:
    """Answers 204, or the statuses of `answers` first. As a context manager it is closed."""

    def __init__(
        self,
        *answers: int,
        headers: dict[str, str] | None = None,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.received: list[Received] = []
        self._answers = deque(answers)
        self._changed = threading.Condition()
        outer, more = self, headers or {}

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                named = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(outer._take(Received(self.path, named, body)))
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            place = self._server.socket
            self._server.socket = tls.wrap_socket(place, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self, **more: object) -> dict[str, object]:
        """Its entry of `webhooks` in a configuration."""
        place = f"{self.url}/in?room=7"
        return {"url": place, "secret": SECRET, "allow-private": True, "pause": "50ms", **more}

    def wait_for(self, count: int, within: float = 60.0) -> list[Received]:
        """What came, once so many requests did."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.received) >= count, within)
            assert came, f"{len(self.received)} of {count} requests came"
            return list(self.received)

    def wait_for_event(self, name: str, within: float = 60.0) -> Any:
        """The data of the first event of a name, once it came."""

        def find() -> Any:
            told = (one.event() for one in self.received)
            return next((one["data"] for one in told if one["type"] == name), None)

        with self._changed:
            found = self._changed.wait_for(find, within)
            assert found, f"no {name} among {[one.event()['type'] for one in self.received]}"
            return found

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self, received: Received) -> int:
        with self._changed:
            self.received.append(received)
            self._changed.notify_all()
            return self._answers.popleft() if self._answers else 204
