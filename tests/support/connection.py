"""One connection of an upstream, of whichever HTTP version the client speaks."""

import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
import time
from typing import TYPE_CHECKING
from typing import Any

from tests.support.http1 import Http1
from tests.support.http2 import Http2
from tests.support.steps import Do

if TYPE_CHECKING:
    from tests.support.upstream import Upstream


class Connection(asyncio.Protocol):
    """Hands what arrives to HTTP/1.1 or HTTP/2, as ALPN agreed."""

    def __init__(self, upstream: "Upstream") -> None:
        self.upstream = upstream
        self._transport: Any = None
        self._speaks: Http1 | Http2 | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.upstream.opened(self)
        match self.upstream.on_accept:
            case Do.CUT:
                return self.close()
            case Do.RESET:
                return self.reset()
            case Do.HANG:
                return None
        tls = transport.get_extra_info("ssl_object")
        is_h2 = tls is not None and tls.selected_alpn_protocol() == "h2"
        self._speaks = Http2(self) if is_h2 else Http1(self)
        self._speaks.begin()
        return None

    def data_received(self, data: bytes) -> None:
        if self._speaks is not None:
            self._speaks.received(data)

    def eof_received(self) -> None:
        self._lost()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost()
        self.upstream.closed(self)

    def _lost(self) -> None:
        if self._speaks is not None:
            self._speaks.lost()

    def write(self, data: bytes) -> None:
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        self._transport.close()

    def reset(self) -> None:
        """Ends the connection with RST instead of FIN."""
        raw: socket.socket | None = self._transport.get_extra_info("socket")
        if raw is not None:
            with contextlib.suppress(OSError):
                # A reset takes back what was not delivered yet.
                for _ in range(1000):
                    left = fcntl.ioctl(raw.fileno(), termios.TIOCOUTQ, bytes(4))
                    if not struct.unpack("i", left)[0]:
                        break
                    time.sleep(0.001)
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
