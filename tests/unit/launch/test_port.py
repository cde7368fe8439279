"""What is said where the router cannot listen."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from http.server import HTTPServer

import pytest

from switchyard.launch.options import plan_launch
from switchyard.launch.port import why_not


@contextmanager
def server(body: bytes) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as here:
        thread = threading.Thread(target=here.serve_forever)
        thread.start()
        yield here.server_port
        here.shutdown()
        thread.join()


HEALTH = b'{"status": "ok", "providers": 3, "models": 1, "running": 0, "uptime": 1.5}'


@pytest.mark.parametrize(
    ("body", "who"),
    [
        (HEALTH, "another Switchyard"),
        (b'{"status": "ok"}', "another program"),
        (b"<html>", "another program"),
        (b"[1]", "another program"),
    ],
)
def test_a_taken_port_says_by_whom_and_names_a_free_one(body: bytes, who: str) -> None:
    with server(body) as port:
        said = why_not(plan_launch(["--port", str(port)], {}))
        assert f"port {port} of 127.0.0.1 is already in use by {who}. Stop it, or " in said
        other = int(said.rstrip(".").rpartition("--port ")[2])
        with socket.create_server(("127.0.0.1", other)):
            pass


def test_one_who_says_nothing_is_another_program() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        said = why_not(plan_launch(["--port", str(port)], {}))
    assert "in use by another program" in said


def test_a_free_port_is_fine() -> None:
    assert why_not(plan_launch(["--port", "0"], {})) == ""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert why_not(plan_launch(["--port", port, "--mode", "socks5@1"], {})) == ""


@pytest.mark.parametrize(
    ("arguments", "environ", "words"),
    [
        ([], {"HOST": "host.invalid"}, ("'host.invalid' (from", "HOST)", "Set SWITCHYARD_HOST")),
        (
            [],
            {"SWITCHYARD_HOST": "host.invalid"},
            ("variable SWITCHYARD_HOST)", "--host 127.0.0.1"),
        ),
        (["--host", "host.invalid"], {}, ("'host.invalid' is not", "--host 127.0.0.1")),
        (["--host", "192.0.2.1"], {}, ("cannot listen on '192.0.2.1': ", "--host 127.0.0.1")),
    ],
)
def test_a_host_that_is_none_of_ours(
    arguments: list[str], environ: dict[str, str], words: tuple[str, ...]
) -> None:
    said = why_not(plan_launch([*arguments, "--port", "0"], environ))
    assert all(word in said for word in words), said
    assert "Errno" not in said
