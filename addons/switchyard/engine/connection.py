"""Hands on the bytes of one TCP connection as they arrive."""

import asyncio
from typing import Any
from typing import Protocol

from mitmproxy.connection import Connection

from switchyard.engine.turns import turns

JOIN_BELOW = 65536
"""Bytes up to which pieces are joined for one write; larger ones are not copied."""


class ByteTaker(Protocol):
    """See `switchyard.failover.fast_path`."""

    def take(self, data: bytes) -> bytes: ...

    def let_go(self) -> bytes: ...


class Owner(Protocol):
    """Receives the events of a TCP connection."""

    def noticed(self) -> None:
        """Bytes were written outside of an event, as by the fast path."""
        ...

    def received(self, wire: "TcpConnection", data: bytes) -> None: ...

    def ended(self, wire: "TcpConnection") -> None:
        """The peer will send nothing any more."""
        ...

    def close_soon(self, wire: "TcpConnection") -> None: ...

    def balance(self) -> None:
        """The peer began or stopped reading more slowly than the router writes."""
        ...


class TcpConnection(asyncio.Protocol):
    """A connection's place in `ConnectionHandler.transports`.

    It is what mitmproxy keeps there in one: the task that reads (which can be cancelled) and the
    writer. What is written goes out with the next `flush`, in one piece.
    """

    transport: asyncio.Transport
    reader = None

    def __init__(self, owner: Owner | None, connection: Connection | None) -> None:
        self.owner = owner
        self.connection = connection
        self.told = False
        """Whether the layers know that nothing will come any more."""
        self.congested = False
        """Whether the peer reads more slowly than the router writes."""
        self.holds = 0
        """How many want nothing read from it now."""
        self.held = False
        """Whether nothing is read from it now, for their sake or that of a congested peer."""
        self.held_until = 0.0
        """When that last ended, by `time.monotonic`."""
        self._pending: list[bytes] = []
        self.wire_fast_path: ByteTaker | None = None
        """Takes incoming bytes, and leaves those that the owner must see."""

    @property
    def handler(self) -> "TcpConnection":
        return self

    @property
    def writer(self) -> "TcpConnection":
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self.wire_fast_path is not None:
            turns.tokens = True
            data = self.wire_fast_path.take(data)
        if data and self.owner is not None:
            self.owner.received(self, data)

    def eof_received(self) -> bool:
        self._end()
        return True  # what we have to say may still be heard

    def connection_lost(self, exc: Exception | None) -> None:
        if self.congested:
            self.resume_writing()
        self._end()

    def _end(self) -> None:
        wire_fast_path, self.wire_fast_path = self.wire_fast_path, None
        rest = wire_fast_path.let_go() if wire_fast_path is not None else b""
        if rest and self.owner is not None:
            self.owner.received(self, rest)
        if self.owner is not None:
            self.owner.ended(self)

    def pause_writing(self) -> None:
        self.congested = True
        if self.owner is not None:
            self.owner.balance()

    def resume_writing(self) -> None:
        self.congested = False
        if self.owner is not None:
            self.owner.balance()

    def cancel(self, message: str = "") -> None:
        """As a task's: the connection is closed soon."""
        if self.owner is not None:
            self.owner.close_soon(self)

    def done(self) -> bool:
        return self.owner is None

    def write(self, data: bytes) -> None:
        self._pending.append(data)

    def write_now(self, data: bytes) -> None:
        """Send at once what comes of no event."""
        if not self.transport.is_closing():
            self.transport.write(data)
            if self.owner is not None:
                self.owner.noticed()

    def flush(self) -> None:
        """Send what was written."""
        pending, self._pending = self._pending, []
        if not pending or self.transport.is_closing():
            return
        if len(pending) == 1:
            self.transport.write(pending[0])
        elif sum(map(len, pending)) < JOIN_BELOW:
            self.transport.write(b"".join(pending))
        else:
            # Not by `writelines`, which in Python up to 3.12.8 and 3.13.1 never says that the peer
            # reads too slowly (CVE-2024-12254).
            for data in pending:
                self.transport.write(data)

    def write_eof(self) -> None:
        self.flush()
        self.transport.write_eof()

    def close(self) -> None:
        self.flush()
        self.transport.close()

    def is_closing(self) -> bool:
        return self.transport.is_closing()

    async def drain(self) -> None:
        """Nothing to wait for: `pause_writing` holds the senders back."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.transport.get_extra_info(name, default)
