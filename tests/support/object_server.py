"""A server of files with entity tags and conditional writes, as WebDAV and S3 have them."""

import base64
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Self

from tests.support.sigv4 import signer_of

USER = "me:pa:ss"
ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


class ObjectServer:
    """Serves files on 127.0.0.1, each operation as a whole. `kind` is `webdav` or `s3`.

    `strict=False` ignores conditions, as some servers do. `before` is called with method and path
    before each operation; a status that it returns is the answer.
    """

    def __init__(self, kind: str, *, strict: bool = True, tags: bool = True) -> None:
        self.kind = kind
        self.files: dict[str, bytes] = {}
        self.folders = {"/"}
        self.strict = strict
        self.tags = tags
        self.refused: list[str] = []
        """Requests without the right user or signature."""
        self.before: Callable[[str, str], int | None] = lambda method, path: None
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.port = self._server.server_address[1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def address(self) -> str:
        """What `sync init` is given."""
        here = f"http://127.0.0.1:{self.port}"
        return (
            f"{here}/dav/my%20files/"
            if self.kind == "webdav"
            else (f"s3://my-bucket/a b?endpoint={here}&region=eu-test-1")
        )

    def tag(self, path: str) -> str:
        return f'"{abs(hash(self.files[path])):x}"'

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> int:
        """Carry out an operation; return the status."""
        with self._lock:
            there = path in self.files
            match method:
                case "MKCOL":
                    parent = path.rstrip("/").rpartition("/")[0] + "/"
                    if path in self.folders:
                        return 405
                    if parent not in self.folders:
                        return 409
                    self.folders.add(path)
                    return 201
                case "GET":
                    return 200 if there else 404
                case "DELETE":
                    self.files.pop(path, None)
                    return 204 if there or self.kind == "s3" else 404
            if self.kind == "webdav" and path.rpartition("/")[0] + "/" not in self.folders:
                return 409
            wanted = headers.get("if-match")
            if self.strict and wanted and (not there or self.tag(path) != wanted):
                return 404 if self.kind == "s3" and not there else 412
            if self.strict and headers.get("if-none-match") == "*" and there:
                return 412
            self.files[path] = body
            return 201

    def admits(self, method: str, path: str, headers: dict[str, str], body: bytes) -> bool:
        """Whether the user or the signature of a request is the right one."""
        given = headers.get("authorization", "")
        if self.kind == "webdav":
            return given == "Basic " + base64.b64encode(USER.encode()).decode()
        try:
            signed = signer_of(method, path, headers, body, {ACCESS: SECRET})
        except (AssertionError, KeyError):
            return False
        return signed == (ACCESS, "eu-test-1", "s3")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def respond(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                method, path = self.command, self.path
                if not outer.admits(method, path, headers, body):
                    outer.refused.append(f"{method} {path}")
                    status = 403 if outer.kind == "s3" else 401
                else:
                    status = outer.before(method, path) or outer.answer(method, path, headers, body)
                content = outer.files[path] if (method, status) == ("GET", 200) else b""
                self.send_response(status)
                if method == "GET" and status == 200 and outer.tags:
                    self.send_header("etag", outer.tag(path))
                if status != 204:
                    self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_DELETE = do_MKCOL = respond

            def log_message(self, format: str, *args: object) -> None:
                """Keep the test's output clean."""

        return Handler
