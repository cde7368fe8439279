"""A proxy as companies have one: all that leaves goes through it, and it notes what did."""

import contextlib
import re
import socket
import threading
from collections.abc import Mapping
from typing import Self


class CorporateProxy:
    """An HTTP proxy that leads names to ports of this machine, by CONNECT and absolute form."""

    def __init__(self, places: Mapping[str, int]) -> None:
        """`places` are `host:port` as clients ask for it, and the port that it is found at."""
        self.asked: list[str] = []
        """The first lines of what it was asked."""
        self.credentials: list[str] = []
        """What came as `Proxy-Authorization`, in the same order; empty where nothing did."""
        self._places = places
        self._door = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._door.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._door.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._door.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (data := client.recv(65536)):
                return client.close()
            head += data
        first, _, rest = head.partition(b"\r\n")
        self.asked.append(first.decode())
        shown = re.search(rb"(?i)\nproxy-authorization: *([^\r\n]*)", head)
        self.credentials.append(shown[1].decode() if shown else "")
        method, target, version = first.decode().split(" ")
        host = target.removeprefix("http://").partition("/")[0]
        port = self._places.get(host if ":" in host else f"{host}:80")
        if port is None:
            client.sendall(b"HTTP/1.1 502 No such place\r\ncontent-length: 0\r\n\r\n")
            return client.close()
        server = socket.create_connection(("127.0.0.1", port))
        if method == "CONNECT":
            client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        else:
            path = "/" + target.removeprefix("http://").partition("/")[2]
            server.sendall(f"{method} {path} {version}\r\n".encode() + rest)
        threading.Thread(target=_pump, args=(client, server), daemon=True).start()
        _pump(server, client)
        return None


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
