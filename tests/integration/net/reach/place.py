"""The routers in each mode, and the servers behind them."""

import contextlib
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import Any

from tests.integration.net.conftest import FIRST
from tests.integration.net.conftest import PLAIN
from tests.integration.net.conftest import World
from tests.support.answers import Answer

KEY = "key-of-a-client-41"
GATEWAY, CORPORATE, PUBLIC = "10.231.7.1", "10.231.8.1", "9.9.9.9"
REGULAR, SOCKS, REVERSE, TRANSPARENT, UPSTREAM, KEYLESS, RAW = range(8801, 8808)
PROXY, BOX, SAFE, ALONE = 3128, 8080, 8443, 9091
TEXT = Answer().text
WAITS = 60.0


class Server:
    """Answers whatever it hears with its name, in words of HTTP/1."""

    def __init__(self, name: str, door: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        self.name = name
        self.heard = 0
        self._door, self._tls = door, tls
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            connection.settimeout(WAITS)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            stack.enter_context(connection)
            if not connection.recv(65536):
                return
            self.heard += 1
            body = self.name.encode()
            head = f"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)

    def close(self) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()


@dataclass(slots=True)
class Place:
    """The routers, and what is behind them."""

    world: World
    servers: dict[str, Server]

    @property
    def heard(self) -> int:
        """How often any server was reached."""
        return sum(s.heard for s in self.servers.values()) + len(self.world.first.requests)


def configuration(keys: bool = True) -> dict[str, Any]:
    common = {"api-key": "sk-upstream-61", "models": ["m"]}
    config: dict[str, Any] = {
        "providers": [
            {"name": "first", "base-url": f"https://{FIRST}/v1", **common},
            {"name": "box", "base-url": f"http://{PLAIN}:{BOX}/v1", **common},
            {"name": "safe", "base-url": f"https://{FIRST}:{SAFE}/v1", **common},
        ],
        "retry": {"request-retry": 0},
    }
    return config | ({"clients": {"api-keys": [KEY]}} if keys else {})
