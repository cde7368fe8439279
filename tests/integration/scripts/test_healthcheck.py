"""scripts/healthcheck.py against a real server."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts import healthcheck
from tests.support.ports import free_port


@contextmanager
def health_server(status: int) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health" else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def check(**environ: str) -> int:
    command = [sys.executable, "-I", str(Path(healthcheck.__file__))]
    return subprocess.run(command, env=os.environ | environ, check=False).returncode


@pytest.mark.parametrize(("status", "expected"), [(200, 0), (503, 1), (404, 1)])
def test_the_exit_status_is_the_answer(status: int, expected: int):
    with health_server(status) as port:
        # In a container the router listens on every address; and a proxy for what the container
        # sends is not on the way to itself.
        environ = {"HOST": "0.0.0.0", "PORT": str(port), "http_proxy": "http://127.0.0.1:1"}
        assert check(**environ) == expected


def test_nobody_there_is_not_well():
    assert check(HOST="127.0.0.1", PORT=str(free_port())) == 1
